import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore

/// What a connection to another node does, event by event.
@Suite struct PeerConnectionTests {
    @Test func theHandshakeComesFirstAndTheHighestCommonVersionIsUsed() throws {
        var peer = ScriptedPeer()
        peer.submit(1, versions: 0...12)
        let question = try peer.connect()
        #expect(question.key == .apiVersions)
        #expect(question.version == APIKey.apiVersions.validVersions.upperBound)
        peer.answerVersions(question, [.metadata: 4...9])
        let request = try #require(peer.takeSent().first)
        #expect(request.key == .metadata)
        #expect(request.version == 9)
        peer.answer(request, ControllerlessMetadata.body(version: 9))
        let (version, body) = try #require(peer.answers[1])
        #expect(version == 9)
        #expect(try MetadataResponse(decoding: body, version: 9).clusterID == "c")
    }

    @Test func anOlderNodeIsAskedAgainInAVersionThatItKnows() throws {
        var peer = ScriptedPeer()
        peer.submit(1)
        let first = try peer.connect()
        peer.answer(first, try Self.refusal(upTo: 3).encoded(version: 0), headerVersion: 0)
        let second = try #require(peer.takeSent().first)
        #expect(second.version == 3)
        peer.answerVersions(second, [.metadata: 0...1])
        #expect(peer.takeSent().first?.version == 1)
    }

    @Test func aNodeThatRefusesEveryVersionIsGivenUp() throws {
        var peer = ScriptedPeer()
        peer.submit(1)
        var question = try peer.connect()
        var asked = 1
        while question.version > 0 {
            peer.answer(question, try Self.refusal(upTo: 99).encoded(version: 0), headerVersion: 0)
            question = try #require(peer.takeSent().first)
            asked += 1
            try #require(asked < 10)
        }
        peer.answer(question, try Self.refusal(upTo: 99).encoded(version: 0), headerVersion: 0)
        #expect(peer.closes == 1)
        guard case .unreachable = peer.failures[1] else {
            Issue.record("expected unreachable, got \(String(describing: peer.failures[1]))")
            return
        }
    }

    @Test func requestsArePipelinedAndAnsweredInOrder() throws {
        var peer = try ScriptedPeer.ready()
        for id in 1...3 { peer.submit(UInt64(id)) }
        let sent = peer.takeSent()
        #expect(sent.count == 3)
        for (request, id) in zip(sent, 1...3) {
            #expect(peer.answers[UInt64(id)] == nil)
            peer.answer(request, ControllerlessMetadata.body(version: request.version))
            #expect(peer.answers[UInt64(id)] != nil)
        }
    }

    @Test func bytesMayComeInAnyPieces() throws {
        for piece in [1, 2, 3, 5, 7, 8, 9, 11, 64] {
            var peer = try ScriptedPeer.ready()
            for id in 1...3 { peer.submit(UInt64(id)) }
            let bytes = peer.takeSent().flatMap { request in
                ScriptedPeer.frame(request, ControllerlessMetadata.body(version: request.version))
            }
            for start in stride(from: 0, to: bytes.count, by: piece) {
                peer.receive(Array(bytes[start..<min(start + piece, bytes.count)]))
            }
            #expect(peer.answers.count == 3, "in pieces of \(piece)")
            for (version, body) in peer.answers.values {
                #expect(body == ControllerlessMetadata.body(version: version))
            }
        }
    }

    @Test func aHeaderWithTaggedFieldsIsDropped() throws {
        var peer = try ScriptedPeer.ready()
        peer.submit(1)
        let request = try #require(peer.takeSent().first)
        let body = ControllerlessMetadata.body(version: request.version)
        peer.answer(request, [1, 7, 2, 0xAA, 0xBB] + body, headerVersion: 0)
        #expect(peer.answers[1]?.body == body)
    }

    /// One tag that says to be longer than the answer.
    @Test func aHeaderWhoseTagsMakeNoSenseEndsTheConnection() throws {
        var peer = try ScriptedPeer.ready()
        peer.submit(1)
        let request = try #require(peer.takeSent().first)
        peer.answer(request, [1, 7, 100, 0xAA], headerVersion: 0)
        #expect(peer.closes == 1 && peer.answers[1] == nil)
        guard case .closed(let reason) = peer.failures[1] else {
            Issue.record("got \(String(describing: peer.failures[1]))")
            return
        }
        #expect(reason.contains("a malformed header"))
    }

    @Test func moreThanMayBeInFlightWaitForAnswers() throws {
        var settings = PeerSettings()
        settings.maxInFlight = 2
        var peer = try ScriptedPeer.ready(settings)
        for id in 1...3 { peer.submit(UInt64(id)) }
        let sent = peer.takeSent()
        #expect(sent.count == 2)
        peer.answer(sent[0], ControllerlessMetadata.body(version: sent[0].version))
        #expect(peer.takeSent().count == 1)
    }

    @Test func moreThanMayWaitFailAtOnce() {
        var settings = PeerSettings()
        settings.maxWaiting = 2
        var peer = ScriptedPeer(settings)
        for id in 1...3 { peer.submit(UInt64(id)) }
        #expect(peer.failures.keys.sorted() == [3])
    }

    @Test func anAPIThatTheOtherNodeLacksFails() throws {
        var peer = try ScriptedPeer.ready()
        peer.submit(1, versions: 0...0)
        #expect(peer.takeSent().count == 1)
        peer = try ScriptedPeer.ready(offering: [.fetch: 4...18])
        peer.submit(2)
        #expect(peer.failures[2] == .unsupportedVersion)
        peer = try ScriptedPeer.ready(offering: [.metadata: 9...9])
        peer.submit(3, versions: 0...8)
        #expect(peer.failures[3] == .unsupportedVersion)
    }

    private static func refusal(upTo version: Int16) -> ApiVersionsResponse {
        ApiVersionsResponse(
            errorCode: KafkaError.unsupportedVersion.rawValue,
            apiKeys: [
                .init(apiKey: APIKey.apiVersions.rawValue, minVersion: 0, maxVersion: version)
            ])
    }
}

/// What happens when a connection to another node does not do as it should.
@Suite struct PeerConnectionFailureTests {
    @Test func aRefusedConnectionFailsAllThatWaitAtOnce() {
        var peer = ScriptedPeer()
        peer.submit(1)
        peer.submit(2)
        peer.refuse("connection refused")
        #expect(peer.failures[1] == .unreachable("other:9092: connection refused"))
        #expect(peer.failures[2] == .unreachable("other:9092: connection refused"))
    }

    @Test func theRestGrowsWithEachFailureUpToItsLimit() {
        var peer = ScriptedPeer()
        peer.submit(1)
        var rests: [Int64] = []
        for id in 2...9 {
            peer.refuse("refused")
            let before = peer.nowNs
            let attempts = peer.connects
            peer.submit(UInt64(id))
            #expect(peer.connects == attempts, "no attempt while it rests")
            peer.advanceToDeadline()
            #expect(peer.connects == attempts + 1)
            rests.append((peer.nowNs - before) / 1_000_000)
        }
        #expect((25...50).contains(rests[0]))
        #expect((50...100).contains(rests[1]))
        #expect(rests.suffix(2).allSatisfy { (500...1000).contains($0) })
    }

    @Test func aBrokenConnectionFailsWhatItHadAndConnectsAnew() throws {
        var peer = try ScriptedPeer.ready()
        peer.submit(1)
        peer.breakOff("reset by peer")
        #expect(peer.failures[1] == .closed("other:9092: reset by peer"))
        peer.submit(2)
        peer.advanceToDeadline()
        peer.answerVersions(try peer.connect(), [.metadata: 0...13])
        let request = try #require(peer.takeSent().first)
        peer.answer(request, ControllerlessMetadata.body(version: request.version))
        #expect(peer.answers[2] != nil)
    }

    @Test func aConnectionThatEndsWhileNothingWaitsIsForgotten() throws {
        var peer = try ScriptedPeer.ready()
        peer.breakOff("idle")
        #expect(peer.connections.nextDeadline == nil)
        let attempts = peer.connects
        peer.submit(1)
        #expect(peer.connects == attempts + 1, "there is no reason to rest")
    }

    @Test func aLateAnswerEndsTheConnection() throws {
        var peer = try ScriptedPeer.ready()
        peer.submit(1, timeoutMs: 100)
        peer.submit(2, timeoutMs: 5000)
        peer.advance(ms: 99)
        #expect(peer.failures.isEmpty)
        peer.advance(ms: 1)
        #expect(peer.failures[1] == .timedOut)
        guard case .closed = peer.failures[2] else {
            Issue.record("the request behind a stuck one has no answer to expect")
            return
        }
        #expect(peer.closes == 1)
    }

    @Test func aRequestThatWaitsForAConnectionTimesOutByItself() {
        var peer = ScriptedPeer()
        peer.submit(1, timeoutMs: 100)
        peer.submit(2, timeoutMs: 5000)
        peer.advance(ms: 100)
        #expect(peer.failures == [1: .timedOut])
        #expect(peer.closes == 0)
    }

    @Test func aHandshakeThatTakesTooLongIsGivenUp() throws {
        var peer = ScriptedPeer()
        peer.submit(1, timeoutMs: 60_000)
        _ = try peer.connect()
        peer.advance(ms: PeerSettings().setupTimeoutMs)
        #expect(peer.closes == 1)
        #expect(peer.failures.count == 1)
    }

    @Test(
        arguments: [
            [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1], [0, 0, 0, 3, 0, 0, 0, 1],
            [0, 0, 0x20, 0x01, 0, 0, 0, 1], [0, 0, 0, 8, 0, 0, 0, 77],
        ] as [[UInt8]])
    func aLengthOutOfBoundsOrAnAnswerToNothingEndsTheConnection(_ bytes: [UInt8]) throws {
        var settings = PeerSettings()
        settings.frameBytes = 8192
        var peer = try ScriptedPeer.ready(settings)
        peer.submit(1)
        peer.receive(bytes)
        #expect(peer.closes == 1)
        guard case .closed = peer.failures[1] else {
            Issue.record("got \(String(describing: peer.failures[1]))")
            return
        }
    }

    @Test func anAnswerOfTheLargestSizeIsTaken() throws {
        var settings = PeerSettings()
        settings.frameBytes = 8192
        var peer = try ScriptedPeer.ready(settings)
        peer.submit(1)
        let request = try #require(peer.takeSent().first)
        peer.answer(request, Array(repeating: 7, count: 8192 - 5))
        #expect(peer.answers[1]?.body.count == 8192 - 5)
    }

    @Test func whatComesOfAnEarlierAttemptDoesNotCount() throws {
        var peer = try ScriptedPeer.ready()
        let old = peer.current
        peer.submit(1)
        peer.breakOff("reset")
        peer.submit(2)
        peer.advanceToDeadline()
        let question = try peer.connect()
        peer.connections.closed(old, reason: "late", now: peer.now)
        peer.answerVersions(question, [.metadata: 0...13])
        #expect(peer.takeSent().count == 1)
    }

    @Test func everyRequestHasOneOutcomeWhateverHappens() {
        for seed in 0..<200 {
            var random = SplitMix64(seed: UInt64(seed))
            var peer = ScriptedPeer()
            var submitted: UInt64 = 0
            for _ in 0..<60 {
                switch Int.random(in: 0..<7, using: &random) {
                case 0, 1:
                    submitted += 1
                    peer.submit(submitted, timeoutMs: Int64.random(in: 1...500, using: &random))
                case 2: peer.refuse("refused")
                case 3: peer.connections.connected(peer.current)
                case 4: peer.advance(ms: Int64.random(in: 1...300, using: &random))
                case 5:
                    for request in peer.takeSent() {
                        if request.key == .apiVersions {
                            peer.answerVersions(request, [.metadata: 0...13])
                        } else {
                            peer.answer(
                                request, ControllerlessMetadata.body(version: request.version))
                        }
                    }
                default: peer.receive([0, 0, 0, 1])
                }
                peer.carryOut()
            }
            peer.advance(ms: 1000)
            #expect(peer.outcomes == Array(1...max(1, submitted)).filter { $0 <= submitted })
        }
    }
}
