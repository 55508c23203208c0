import ClientCore
import KafkaProtocol
import KafkaSecurity
import KafkaWire
import MartletClient
import Synchronization
import Testing

/// Lengths and iteration counts out of range, over real connections: what is sent is refused with
/// a reason, before it costs anything.
@Suite(.timeLimit(.minutes(3))) struct AnswerLimitsTests {
    private func network(_ bootstrap: String) throws -> NetworkSettings {
        var network = NetworkSettings(bootstrap: try BrokerAddress.list(bootstrap))
        network.requestTimeout = .seconds(30)
        network.maxResponseBytes = 1 << 20
        return network
    }

    /// What an admin client is told of a broker that answers its first question with `bytes`.
    private func complaint(_ bytes: [UInt8]) async throws -> String {
        let told = Mutex("")
        try await ScriptedBroker.with([
            .apiVersions: { _, _ in throw ScriptedBroker.Raw(bytes: bytes) }
        ]) { bootstrap in
            var settings = AdminSettings(network: try network(bootstrap))
            settings.apiTimeout = .seconds(8)
            let admin = try Admin(settings)
            // On a busy machine the first attempt to connect may take longer than the call.
            var text = ""
            while !text.contains("bootstrap server 1") {
                let error = await #expect(throws: ClientError.self) { try await admin.listTopics() }
                text = "\(error as Any)"
            }
            told.withLock { [text] in $0 = text }
            await admin.close()
        }
        return told.withLock { $0 }
    }

    @Test(arguments: [Int32.max, 1_048_577, 0, -1] as [Int32])
    func lengthsOutOfRangeEndTheConnection(length: Int32) async throws {
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) }
        let told = try await complaint(bytes + [0, 0, 0, 1])
        #expect(told.contains("a frame of \(length) bytes, the limit is 1048576"), "\(told)")
    }

    @Test func nonsenseIsToldToBeNonsense() async throws {
        let told = try await complaint([0, 0, 0, 5, 9, 9, 9, 9, 9])
        #expect(told.contains("what was not asked"), "\(told)")
    }

    /// Each iteration costs an HMAC: billions of them would keep a core busy for hours.
    @Test(arguments: ["4095", "16385", "2147483647", "99999999999999999999", "-1", "x"])
    func iterationsOfScramHaveBounds(count: String) async throws {
        try await ScriptedBroker.with([
            .saslHandshake: { _, _ in SaslHandshakeResponse(mechanisms: ["SCRAM-SHA-256"]) },
            .saslAuthenticate: { reader, version in
                let request = try SaslAuthenticateRequest(from: &reader, version: version)
                let first = String(decoding: request.authBytes, as: UTF8.self)
                let nonce = first.split(separator: ",").last { $0.hasPrefix("r=") } ?? "r="
                return SaslAuthenticateResponse(
                    authBytes: Array("\(nonce)more,s=c2FsdHNhbHQ=,i=\(count)".utf8))
            },
        ]) { bootstrap in
            var settings = AdminSettings(network: try network(bootstrap))
            settings.network.sasl = .scram(.sha256, username: "bird", password: Secret("seed"))
            settings.apiTimeout = .seconds(40)
            let admin = try Admin(settings)
            let error = await #expect(throws: ClientError.self) { try await admin.listTopics() }
            guard case .security = error else {
                Issue.record("\(error as Any)")
                return
            }
            await admin.close()
        }
    }
}
