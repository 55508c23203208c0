import Foundation
import KafkaProtocol
import KafkaWire
import MartletClient
import Synchronization
import Testing

@testable import martlet

/// What users are told when a cluster does not answer, or answers what it should not.
@Suite struct AdminSessionTests {
    private func topics(_ address: String, timeout: Int = 20_000) throws -> [String] {
        let cluster = try AdminSession(servers: address, [:], id: "test", timeout: timeout)
        defer { cluster.close() }
        return try cluster.ask { try await $0.listTopics() }.map(\.name)
    }

    private func failure(_ address: String, timeout: Int = 20_000) -> String? {
        do {
            _ = try topics(address, timeout: timeout)
            return nil
        } catch { return error.cause }
    }

    @Test func theHighestCommonVersionIsUsed() throws {
        let used = Mutex<Set<Int16>>([])
        var versions = FakeBroker.versions()
        for index in versions.apiKeys.indices
        where versions.apiKeys[index].apiKey == APIKey.metadata.rawValue {
            versions.apiKeys[index].maxVersion = 9
        }
        let broker = try FakeBroker { [versions] request in
            guard request.key == .metadata else { return try request.answer(versions) }
            used.withLock { _ = $0.insert(request.version) }
            return try request.answer(
                MetadataResponse(topics: [.init(name: "t", partitions: [])]))
        }
        defer { broker.stop() }
        #expect(try topics(broker.address) == ["t"])
        #expect(used.withLock { $0 } == [9])
    }

    @Test func oldNodesRefuseTheNewestQuestion() throws {
        let broker = try FakeBroker { request in
            guard request.key == .apiVersions else {
                return try request.answer(MetadataResponse(topics: [.init(name: "t")]))
            }
            if request.version > 0 {
                let refusal = ApiVersionsResponse(errorCode: KafkaError.unsupportedVersion.rawValue)
                return try request.answer(refusal, version: 0)
            }
            return try request.answer(FakeBroker.versions([.apiVersions, .metadata]))
        }
        defer { broker.stop() }
        #expect(try topics(broker.address) == ["t"])
        let cluster = try AdminSession(servers: broker.address, [:], id: "test")
        defer { cluster.close() }
        let error = #expect(throws: ClientError.self) {
            try cluster.ask { try await $0.describeACLs(AccessRule()) }
        }
        guard case .unsupportedRequest(.describeAcls, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func nobodyListens() throws {
        // A port that was just given back.
        let gone = try FakeBroker { _ in nil }
        gone.stop()
        let refused = failure(gone.address)
        #expect(refused?.contains(gone.address) == true)
        #expect(refused?.contains("Is a Kafka node running") == true)
    }

    @Test func nodesThatSpeakSomethingElse() throws {
        let closing = try FakeBroker { _ in nil }
        defer { closing.stop() }
        #expect(failure(closing.address)?.contains("closed the connection") == true)
        let wrong = try FakeBroker { request in
            var answer = try request.answer(FakeBroker.versions())
            answer[3] &+= 1
            return answer
        }
        defer { wrong.stop() }
        #expect(failure(wrong.address)?.contains("answered what was not asked") == true)
        let empty = try FakeBroker { _ in [] }
        defer { empty.stop() }
        #expect(failure(empty.address)?.contains("a frame of 0 bytes") == true)
    }

    @Test func nobodyWaitsLongerThanAsked() throws {
        let release = DispatchSemaphore(value: 0)
        let broker = try FakeBroker { request in
            guard request.key == .apiVersions else {
                release.wait()
                release.signal()
                return nil
            }
            return try request.answer(FakeBroker.versions())
        }
        defer {
            release.signal()
            broker.stop()
        }
        #expect(failure(broker.address, timeout: 100)?.hasPrefix("Timed out: Metadata") == true)
    }

    @Test func toolsAuthenticateAsTheirSettingsSay() throws {
        let proofs = Mutex<[String]>([])
        let broker = try FakeBroker.cluster([("t", 1)]) { request in
            switch request.key {
            case .saslHandshake:
                return try request.answer(SaslHandshakeResponse(mechanisms: ["PLAIN"]))
            case .saslAuthenticate:
                let asked = try request.decoded(SaslAuthenticateRequest.self)
                proofs.withLock { $0.append(String(decoding: asked.authBytes, as: UTF8.self)) }
                return try request.answer(SaslAuthenticateResponse())
            default: return nil
            }
        }
        defer { broker.stop() }
        let directory = try TemporaryDirectory()
        let settings = """
            security.protocol=SASL_PLAINTEXT
            sasl.mechanism=PLAIN
            sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
            username="alice" password="sesame";

            """
        let file = try directory.write("client.properties", Array(settings.utf8))
        let listed = CommandTests.run(
            "topics", "--list", "--bootstrap-server", broker.address, "--command-config", file)
        #expect(listed == (0, "t\n", ""))
        #expect(Set(proofs.withLock { $0 }) == ["\0alice\0sesame"])
    }

    @Test func settingsThatCannotBeAreRefused() throws {
        let directory = try TemporaryDirectory()
        for wrong in ["security.protocol=SASL_SSL", "request.timeout.ms=soon"] {
            let file = try directory.write("client.properties", Array(wrong.utf8))
            let refused = CommandTests.run(
                "topics", "--list", "--bootstrap-server", "127.0.0.1:1", "--command-config", file)
            #expect(refused.code == 1 && !refused.errors.contains("127.0.0.1:1"))
        }
    }

    @Test func aBrokerThatIsAwayIsSaid() throws {
        let gone = try FakeBroker { _ in nil }
        gone.stop()
        let broker = try FakeBroker.cluster([]) { _ in nil }
        defer { broker.stop() }
        let two = try FakeBroker { [port = broker.port] request in
            guard request.key == .metadata else {
                return try request.answer(FakeBroker.versions())
            }
            return try request.answer(
                MetadataResponse(
                    brokers: [
                        .init(nodeID: 1, host: "127.0.0.1", port: Int32(port)),
                        .init(nodeID: 2, host: "127.0.0.1", port: Int32(gone.port)),
                    ], controllerID: 1))
        }
        defer { two.stop() }
        let cluster = try AdminSession(servers: two.address, [:], id: "test")
        defer { cluster.close() }
        let error = #expect(throws: ClientError.self) {
            try cluster.ask { try await $0.apiVersions(of: BrokerID(2)) }
        }
        #expect(error?.isPassing == true)
    }
}

/// `--bootstrap-controller` (KIP-919).
@Suite struct ControllerSessionTests {
    /// Controllers 1 and 2 behind two ports, of which 2 is active.
    private func quorum(_ asked: Asked) throws -> [FakeBroker] {
        let ports = Mutex<[Int32: UInt16]>([:])
        let nodes = try [Int32(1), 2].map { id in
            try FakeBroker { request in
                asked.requests.withLock { $0.append((id, request.key)) }
                switch request.key {
                case .apiVersions:
                    return try request.answer(
                        FakeBroker.versions(
                            APIKey.allCases.filter { $0.listeners.contains(.controller) }))
                case .describeCluster:
                    let type = try request.decoded(DescribeClusterRequest.self).endpointType
                    let known = ports.withLock { $0 }
                    return try request.answer(
                        DescribeClusterResponse(
                            errorCode: type == 2 ? 0 : KafkaError.mismatchedEndpointType.rawValue,
                            endpointType: 2, clusterID: "c", controllerID: 2,
                            brokers: known.map {
                                .init(brokerID: $0, host: "127.0.0.1", port: Int32($1))
                            }))
                case .unregisterBroker:
                    let code: KafkaError = id == 2 ? .none : .notController
                    return try request.answer(
                        UnregisterBrokerResponse(errorCode: code.rawValue))
                default: return nil
                }
            }
        }
        ports.withLock { $0 = [1: nodes[0].port, 2: nodes[1].port] }
        return nodes
    }

    private final class Asked: Sendable {
        let requests = Mutex<[(node: Int32, key: APIKey)]>([])
    }

    @Test(arguments: [0, 1]) func theActiveControllerIsAsked(_ first: Int) throws {
        let asked = Asked()
        let nodes = try quorum(asked)
        defer { for node in nodes { node.stop() } }
        let console = Console(captures: true)
        let code = Martlet.run(
            [
                "martlet", "cluster", "unregister", "--id", "9", "--bootstrap-controller",
                nodes[first].address,
            ], console)
        #expect(code == 0 && console.capturedErrors.isEmpty)
        let told = asked.requests.withLock { $0.filter { $0.key == .unregisterBroker } }
        #expect(told.map(\.node) == [2])
    }

    @Test func nodesThatAreNoControllersAreRefused() throws {
        let broker = try FakeBroker.cluster([]) { request in
            guard request.key == .describeCluster else { return nil }
            return try request.answer(
                DescribeClusterResponse(
                    errorCode: KafkaError.unsupportedEndpointType.rawValue,
                    errorMessage: "Only brokers are known here."))
        }
        defer { broker.stop() }
        let cluster = try AdminSession(
            servers: broker.address, areControllers: true, [:], id: "test")
        defer { cluster.close() }
        for target in [AdminTarget.controller, .broker(BrokerID(1))] {
            let error = #expect(throws: ClientError.self) {
                try cluster.ask {
                    try await $0.send(UnregisterBrokerRequest(brokerID: 9), to: target)
                }
            }
            #expect(
                error
                    == .broker(.unsupportedEndpointType, message: "Only brokers are known here."))
        }
    }
}
