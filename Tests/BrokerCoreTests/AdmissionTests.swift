import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore

/// What a node does with requests that it cannot or need not understand.
@Suite struct AdmissionTests {
    private func versions(
        _ client: TestClient, version: Int16 = 5, name: String = "test",
        cluster: String? = nil, nodeID: Int32 = -1
    ) throws -> ApiVersionsResponse {
        try client.call(
            ApiVersionsRequest(
                clientSoftwareName: name, clientSoftwareVersion: "1.0", clusterID: cluster,
                nodeID: nodeID), version: version)
    }

    @Test func whatIsServedIsAdvertised() throws {
        let client = try TestNode().connect()
        for version in APIKey.apiVersions.validVersions {
            let response = try versions(client, version: version)
            #expect(response.errorCode == 0)
            #expect(response.apiKeys.count == BrokerLoop.served.count)
            let produce = try #require(response.apiKeys.first { $0.apiKey == 0 })
            #expect(produce.minVersion == 0 && produce.maxVersion >= 13)
        }
    }

    @Test func aControllerListenerServesTheControllersAPIs() throws {
        let client = try TestNode().connect(listener: "CONTROLLER", serves: .controller)
        let served = try versions(client).apiKeys.compactMap { APIKey(rawValue: $0.apiKey) }
        #expect(served == BrokerLoop.servedByController)
        #expect(served.contains(.createTopics) && !served.contains(.produce))
        _ = try client.send(MetadataRequest(), version: 12)
        #expect(client.closeReason?.contains("API key 3 is not served here") == true)
    }

    @Test func aNewerApiVersionsLearnsOurVersions() throws {
        let client = try TestNode().connect()
        let header = RequestHeader(
            requestAPIKey: 18, requestAPIVersion: 99, correlationID: 7, clientID: "new")
        client.send(raw: try header.encoded(version: 1) + [1, 2, 3])
        let answer = try #require(
            try client.receive(ApiVersionsResponse.self, version: 0, correlation: 7))
        #expect(answer.message.errorCode == KafkaError.unsupportedVersion.rawValue)
        let only = try #require(answer.message.apiKeys.first)
        #expect(only.apiKey == 18 && only.maxVersion == APIKey.apiVersions.validVersions.upperBound)
        #expect(answer.message.apiKeys.count == 1)
        #expect(client.closeReason == nil)
    }

    /// KIP-1242.
    @Test func aMisroutedClientIsToldToBootstrapAnew() throws {
        let node = try TestNode()
        let client = node.connect()
        let here = node.clusterID
        #expect(try versions(client, cluster: here, nodeID: 1).errorCode == 0)
        let elsewhere = KafkaError.rebootstrapRequired.rawValue
        #expect(try versions(client, cluster: "other", nodeID: 1).errorCode == elsewhere)
        #expect(try versions(client, cluster: here, nodeID: 2).errorCode == elsewhere)
        let invalid = KafkaError.invalidRequest.rawValue
        #expect(try versions(client, cluster: here).errorCode == invalid)
        #expect(try versions(client, nodeID: 1).errorCode == invalid)
        #expect(try versions(client, version: 3, name: "-bad").errorCode == invalid)
        #expect(try versions(client, version: 3, name: "").errorCode == invalid)
    }

    /// The connection, and none but it, is closed.
    @Test(
        arguments: [
            [], [0], [0, 18, 0], [0, 18, 0, 4, 0, 0],
            // An unknown key, a key that is not served, versions below and above.
            [0x7F, 0xFF, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF], [0, 52, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF],
            [0, 0, 0, 2, 0, 0, 0, 1, 0xFF, 0xFF], [0, 3, 0, 99, 0, 0, 0, 1, 0xFF, 0xFF],
            [0, 3, 0xFF, 0xFF, 0, 0, 0, 1, 0xFF, 0xFF],
            // A body that is cut off; an array of 2^31 - 1 topics.
            [0, 3, 0, 1, 0, 0, 0, 1, 0xFF, 0xFF, 0, 0],
            [0, 3, 0, 1, 0, 0, 0, 1, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF],
        ] as [[UInt8]])
    func garbageClosesItsConnection(frame: [UInt8]) throws {
        let node = try TestNode()
        let bad = node.connect()
        let good = node.connect()
        bad.send(raw: frame)
        #expect(bad.closeReason?.contains("malformed") == true)
        #expect(good.closeReason == nil)
        #expect(try good.call(MetadataRequest()).brokers.count == 1)
    }

    /// A flexible version could tell of a longer name than the record of an offset can hold.
    @Test(arguments: [Int(Int16.max), Int(Int16.max) + 1])
    func aNameIsNoLongerThanAString(_ length: Int) throws {
        let node = try GroupNodeTests.node()
        let client = node.connect()
        let count = UInt32(length + 1)
        let varint = [
            UInt8(count & 0x7F | 0x80), UInt8(count >> 7 & 0x7F | 0x80), UInt8(count >> 14),
        ]
        let header: [UInt8] = [0, 8, 0, 9, 0, 0, 0, 1, 0, 1, 0x61, 0]
        // Outside of the group's membership, offset 5 of `words`-0.
        let rest: [UInt8] =
            [0xFF, 0xFF, 0xFF, 0xFF, 1, 0, 2, 6] + Array("words".utf8)
            + [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]
        client.send(raw: header + varint + Array(repeating: 0x67, count: length) + rest)
        if length <= Int(Int16.max) {
            let answer = try #require(
                try client.receive(OffsetCommitResponse.self, version: 9, correlation: 1))
            #expect(answer.message.topics[0].partitions.map(\.errorCode) == [0])
        } else {
            #expect(client.closeReason?.contains("malformed") == true)
        }
        #expect(try node.connect().call(ListGroupsRequest()).errorCode == 0)
    }

    @Test func requestsAfterGarbageAreNotRead() throws {
        let node = try TestNode()
        let client = node.connect()
        client.send(raw: [1, 2, 3])
        try client.send(MetadataRequest(), version: 12)
        #expect(try client.receive(MetadataResponse.self, version: 12) == nil)
    }

    @Test func tooManyUnansweredRequestsPauseTheConnection() throws {
        var limits = LoopLimits()
        limits.outstandingPerConnection = 3
        let node = try TestNode(limits: limits)
        let client = node.connect()
        try client.createTopic("words")
        let waiting = TestClient.fetchRequest("words", maxWaitMs: 1000)
        for _ in 0..<2 { try client.send(waiting, version: 12) }
        #expect(node.paused.isEmpty)
        try client.send(waiting, version: 12)
        #expect(node.paused == [client.id])
        node.advance(ms: 1000)
        #expect(node.paused.isEmpty)
    }

    @Test func idleConnectionsAreClosed() throws {
        let node = try TestNode()
        let idle = node.connect()
        let busy = node.connect()
        let waiting = node.connect()
        try busy.createTopic("words")
        node.advance(ms: 300_000)
        _ = try busy.call(MetadataRequest())
        try waiting.send(TestClient.fetchRequest("words", maxWaitMs: 400_000), version: 12)
        node.advance(ms: 299_999)
        #expect(idle.closeReason == nil)
        node.advance(ms: 1)
        #expect(idle.closeReason?.contains("connections.max.idle.ms") == true)
        #expect(busy.closeReason == nil && waiting.closeReason == nil)
        node.advance(ms: 300_000)
        #expect(busy.closeReason != nil)
        // To wait for an answer is not to be idle.
        #expect(waiting.closeReason == nil)
        #expect(try waiting.receive(FetchResponse.self, version: 12) != nil)
        // The first of new connections is looked at again.
        let late = node.connect()
        node.advance(ms: 600_000)
        #expect(late.closeReason != nil && waiting.closeReason != nil)
        var limits = LoopLimits()
        limits.idleNs = nil
        let patient = try TestNode(limits: limits).connect()
        patient.node.advance(ms: 1 << 40)
        #expect(patient.closeReason == nil)
    }

    @Test func aClientThatLeavesTakesItsRequestsAlong() throws {
        let node = try TestNode()
        let client = node.connect()
        try client.createTopic("words")
        try client.send(TestClient.fetchRequest("words", maxWaitMs: 1000), version: 12)
        client.disconnect()
        #expect(node.loops[0].pending.isEmpty)
        try node.connect().produce(["a"], to: "words")
        node.advance(ms: 2000)
    }
}
