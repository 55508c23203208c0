import ClusterController
import KafkaProtocol
import KafkaWire
import Testing

@testable import BrokerCore

/// Requests of clients that another node decides, as the active controller (KIP-590).
@Suite struct ForwardingTests {
    let node: TestNode
    let client: TestClient
    private let other = PeerEndpoint(host: "other", port: 9093)

    init() throws {
        node = try TestNode()
        client = node.connect()
    }

    private func show(_ location: ControllerLocation) {
        let view = node.view
        let changed = BrokerView(
            controller: view.controller, activeController: location, imageOffset: view.imageOffset,
            settings: view.settings, directories: view.directories,
            topics: node.controller.table.topics, idsByName: node.controller.table.idsByName,
            coordinators: view.coordinators)
        for loop in node.loops { loop.published(changed) }
    }

    private var request: CreateTopicsRequest {
        CreateTopicsRequest(
            topics: [.init(name: "t", numPartitions: 1, replicationFactor: 1)], timeoutMs: 1000)
    }

    private func takeOne() throws -> (loop: Int32?, request: PeerRequest) {
        let sent = node.takePeerRequests()
        try #require(sent.count == 1)
        return sent[0]
    }

    /// What the other node answers: the inner response with its header.
    private func enclosed(_ correlationID: Int32) throws -> PeerOutcome {
        let inner =
            try ResponseHeader(correlationID: correlationID).encoded(version: 1)
            + CreateTopicsResponse(topics: [.init(name: "t", numPartitions: 7)])
            .encoded(version: 7)
        return try .answer(EnvelopeResponse(responseData: inner), version: 0)
    }

    @Test func theRequestGoesAsItCameAndSoDoesItsAnswer() throws {
        show(.at(BrokerID(2), other))
        let correlation = try client.send(request, version: 7)
        let sent = try takeOne()
        #expect(sent.request.to == other && sent.request.node == BrokerID(2))
        let envelope = try #require(sent.request.message as? EnvelopeRequest)
        #expect(
            try envelope.requestData
                == TestClient.frame(request, version: 7, correlation: correlation))
        #expect(envelope.clientHostAddress == [127, 0, 0, 1])
        let principal = try DefaultPrincipalData(
            decoding: Array(try #require(envelope.requestPrincipal).dropFirst(2)), version: 0)
        #expect(principal == DefaultPrincipalData(type: "User", name: "ANONYMOUS"))
        node.answerPeer(sent, try enclosed(correlation))
        let answer = try #require(
            try client.receive(CreateTopicsResponse.self, version: 7, correlation: correlation))
        #expect(answer.message.topics.first?.numPartitions == 7)
    }

    @Test func itIsTriedAgainUntilSomebodyDecides() throws {
        show(.at(BrokerID(2), other))
        let correlation = try client.send(request, version: 7)
        let notActive = EnvelopeResponse(errorCode: KafkaError.notController.rawValue)
        for outcome in [
            .failed(.unreachable("refused")), .failed(.closed("reset")),
            try .answer(notActive, version: 0),
        ] as [PeerOutcome] {
            node.answerPeer(try takeOne(), outcome)
            #expect(node.takePeerRequests().isEmpty, "there is a pause first")
            node.advance(ms: 50)
        }
        _ = try takeOne()
        #expect(try client.receive(CreateTopicsResponse.self, version: 7) == nil)
        _ = correlation
    }

    /// Why it may be tried again after a connection broke, when nobody knows what came of it.
    @Test func aSecondAttemptChangesNothing() throws {
        func twice<Request: KafkaRequest>(
            _ request: Request, version: Int16, changes: Bool = true,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let before = node.view.image
            _ = try client.call(request, version: version)
            node.runJobs()
            let once = node.view.image
            #expect((once != before) == changes, sourceLocation: sourceLocation)
            _ = try client.call(request, version: version)
            node.runJobs()
            #expect(node.view.image == once, sourceLocation: sourceLocation)
        }
        func config(_ operation: Int8, _ value: String) -> IncrementalAlterConfigsRequest {
            IncrementalAlterConfigsRequest(resources: [
                .init(
                    resourceType: 2, resourceName: "t",
                    configs: [
                        .init(name: "cleanup.policy", configOperation: operation, value: value)
                    ])
            ])
        }
        try twice(request, version: 7)
        try twice(
            CreatePartitionsRequest(
                topics: [.init(name: "t", count: 3, assignments: nil)], timeoutMs: 1000),
            version: 3)
        try twice(config(2, "compact"), version: 1)
        #expect(node.view.image.configs[.topic("t")]["cleanup.policy"] == "delete,compact")
        try twice(config(3, "delete"), version: 1)
        try twice(config(0, "delete"), version: 1)
        try twice(
            AlterClientQuotasRequest(entries: [
                .init(
                    entity: [.init(entityType: "user", entityName: "u")],
                    ops: [.init(key: "producer_byte_rate", value: 1000)])
            ]), version: 1)
        try twice(
            ElectLeadersRequest(
                topicPartitions: [.init(topic: "t", partitions: [0])], timeoutMs: 1000),
            version: 2, changes: false)
        try twice(
            UpdateFeaturesRequest(
                timeoutMs: 1000,
                featureUpdates: [
                    .init(feature: "streams.version", maxVersionLevel: 0, upgradeType: 2)
                ]), version: 2)
        try twice(
            DeleteTopicsRequest(topics: [.init(name: "t")], timeoutMs: 1000), version: 6)
    }

    @Test func whenThisNodeBecomesActiveItDecidesItself() throws {
        show(.unknown)
        try client.send(request, version: 7)
        #expect(node.takePeerRequests().isEmpty)
        show(.here)
        node.advance(ms: 50)
        let answer = try #require(try client.receive(CreateTopicsResponse.self, version: 7))
        #expect(answer.message.topics.first?.errorCode == KafkaError.none.rawValue)
    }

    @Test func withoutAControllerTheRequestTimesOut() throws {
        show(.unknown)
        try client.send(request, version: 7)
        for _ in 0..<599 { node.advance(ms: 50) }
        #expect(try client.receive(CreateTopicsResponse.self, version: 7) == nil)
        node.advance(ms: 50)
        node.advance(ms: 50)
        let answer = try #require(try client.receive(CreateTopicsResponse.self, version: 7))
        #expect(answer.message.topics.first?.errorCode == KafkaError.requestTimedOut.rawValue)
    }

    @Test func anAnswerToSomethingElseIsNotPassedOn() throws {
        show(.at(BrokerID(2), other))
        let correlation = try client.send(request, version: 7)
        node.answerPeer(try takeOne(), try enclosed(correlation + 1))
        let answer = try #require(try client.receive(CreateTopicsResponse.self, version: 7))
        #expect(answer.message.topics.first?.errorCode == KafkaError.unknownServerError.rawValue)
    }

    /// What came of the attempt, and what each request that is forwarded is refused with.
    @Test(arguments: [
        (PeerOutcome.failed(.timedOut), KafkaError.requestTimedOut),
        (.failed(.unsupportedVersion), .unknownServerError),
        (.answered(version: 0, body: [1]), .unknownServerError),
    ])
    func whatCannotBeForwardedIsRefused(_ outcome: PeerOutcome, _ error: KafkaError) throws {
        show(.at(BrokerID(2), other))
        func expectRefusal<Request: KafkaRequest>(
            _ request: Request, _ code: (Request.Response) -> Int16?
        ) throws {
            let version = Request.apiKey.validVersions.upperBound
            try client.send(request, version: version)
            node.answerPeer(try takeOne(), outcome)
            let answer = try #require(
                try client.receive(Request.Response.self, version: version))
            #expect(code(answer.message) == error.rawValue, "\(Request.apiKey.name)")
        }
        try expectRefusal(request) { $0.topics.first?.errorCode }
        try expectRefusal(DescribeQuorumRequest()) { $0.errorCode }
        try expectRefusal(AddRaftVoterRequest()) { $0.errorCode }
        try expectRefusal(RemoveRaftVoterRequest()) { $0.errorCode }
    }

    /// What is no request of a client that is forwarded, a broker would not send.
    @Test(
        arguments: [
            [], [0, 19], [0, 19, 0, 7, 0, 0], [0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0],
            [0, 19, 0, 99, 0, 0, 0, 1, 0, 0, 0], [0x7F, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 0],
        ] as [[UInt8]])
    func whatAnEnvelopeMayNotHoldIsRefused(_ inner: [UInt8]) throws {
        let peer = node.connect(listener: "CONTROLLER", serves: .controller)
        let answer = try peer.call(
            EnvelopeRequest(
                requestData: inner, requestPrincipal: [], clientHostAddress: [127, 0, 0, 1]))
        #expect(answer.errorCode == KafkaError.invalidRequest.rawValue)
        #expect(answer.responseData == nil && peer.closeReason == nil)
    }

    @Test func aControllersListenerTellsWhoIsActive() throws {
        let peer = node.connect(listener: "CONTROLLER", serves: .controller)
        for (location, id) in [(.here, 1), (.at(BrokerID(2), other), 2), (.unknown, -1)]
            as [(ControllerLocation, Int32)]
        {
            show(location)
            let answer = try peer.call(DescribeClusterRequest(endpointType: 2))
            #expect(answer.errorCode == 0 && answer.controllerID == id)
        }
    }

    @Test func aClientThatLeftIsForgotten() throws {
        show(.at(BrokerID(2), other))
        try client.send(request, version: 7)
        let sent = try takeOne()
        client.disconnect()
        node.answerPeer(sent, .failed(.closed("reset")))
        node.advance(ms: 50)
        #expect(node.takePeerRequests().isEmpty)
    }

    @Test func addressesAreBytes() {
        #expect(NetworkAddress("10.0.200.1")?.bytes == [10, 0, 200, 1])
        let six: [UInt8] = [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 3]
        #expect(NetworkAddress("fe80::1203")?.bytes == six)
        #expect(NetworkAddress("fe80::1203%eth0")?.bytes == six)
        #expect(NetworkAddress("::1")?.bytes == Array(repeating: 0, count: 15) + [1])
        #expect(NetworkAddress("::")?.bytes == Array(repeating: 0, count: 16))
        #expect(NetworkAddress("1:2:3:4:5:6:7:8")?.bytes.count == 16)
        for bad in ["", "unknown", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1:2", "1::2::3", "12345::"] {
            #expect(NetworkAddress(bad) == nil, "\(bad)")
        }
    }
}
