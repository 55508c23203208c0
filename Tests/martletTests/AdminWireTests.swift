import AdminWire
import Foundation
import KafkaProtocol
import KafkaWire
import Testing

@testable import martlet

@Suite struct HostPortTests {
    @Test func addresses() throws {
        #expect(try HostPort("localhost:9092") == HostPort(host: "localhost", port: 9092))
        #expect(try HostPort(" PLAINTEXT://h:1 ").description == "h:1")
        #expect(try HostPort("[::1]:9092") == HostPort(host: "::1", port: 9092))
        #expect(try HostPort("[::1]:9092").description == "[::1]:9092")
        #expect(try HostPort.list("a:1, b:2").map(\.port) == [1, 2])
        for wrong in ["", "a", "a:", "a:0", "a:65536", ":1", "a:b", ","] {
            #expect(throws: AdminError.self) { try HostPort.list(wrong) }
        }
    }
}

@Suite struct ConnectionTests {
    private func open(_ broker: FakeBroker) throws(AdminError) -> Connection {
        try Connection.open(try HostPort(broker.address), clientID: "test", milliseconds: 2000)
    }

    @Test func negotiatesTheHighestCommonVersion() throws {
        let broker = try FakeBroker { request in
            var response = FakeBroker.versions()
            for index in response.apiKeys.indices where response.apiKeys[index].apiKey == 3 {
                response.apiKeys[index].maxVersion = 9
            }
            return try request.answer(response)
        }
        defer { broker.stop() }
        let connection = try open(broker)
        #expect(try connection.version(of: MetadataRequest.self) == 9)
        #expect(try connection.version(of: MetadataRequest.self, atMost: 4) == 4)
        #expect(connection.serves(.produce))
    }

    @Test func fallsBackToVersionZeroForAnOldNode() throws {
        let broker = try FakeBroker { request in
            if request.version > 0 {
                let refusal = ApiVersionsResponse(errorCode: KafkaError.unsupportedVersion.rawValue)
                return try request.answer(refusal, version: 0)
            }
            return try request.answer(FakeBroker.versions([.apiVersions, .metadata]))
        }
        defer { broker.stop() }
        let connection = try open(broker)
        #expect(connection.apiVersions.count == 2)
        let error = #expect(throws: AdminError.self) {
            try connection.version(of: FetchRequest.self)
        }
        #expect(error?.description.contains("does not support Fetch") == true)
    }

    @Test func saysWhatWentWrong() throws {
        // Nobody listens on a port that was just given back.
        let gone = try FakeBroker { _ in nil }
        gone.stop()
        let refused = #expect(throws: AdminError.self) { try open(gone) }
        #expect(refused?.description.contains(gone.address) == true)
        #expect(refused?.description.contains("Is a broker running") == true)

        let closing = try FakeBroker { _ in nil }
        defer { closing.stop() }
        let closed = #expect(throws: AdminError.self) { try open(closing) }
        #expect(closed == .closed(try HostPort(closing.address), what: "ApiVersions"))

        let wrong = try FakeBroker { request in
            var answer = try request.answer(FakeBroker.versions())
            answer[3] &+= 1
            return answer
        }
        defer { wrong.stop() }
        let error = #expect(throws: AdminError.self) { try open(wrong) }
        #expect(error?.description.contains("correlation id 1 instead of 0") == true)
    }

    @Test func waitsNoLongerThanAsked() throws {
        let release = DispatchSemaphore(value: 0)
        let broker = try FakeBroker { request in
            guard request.key == .apiVersions else {
                release.wait()
                return nil
            }
            return try request.answer(FakeBroker.versions())
        }
        defer {
            release.signal()
            broker.stop()
        }
        let connection = try open(broker)
        let error = #expect(throws: AdminError.self) {
            try connection.call(MetadataRequest(topics: nil), milliseconds: 50)
        }
        #expect(
            error
                == .timedOut(
                    try HostPort(broker.address), what: "Metadata", milliseconds: 50))
    }

    @Test func answersWithTooManyBytesAreRefused() throws {
        let broker = try FakeBroker { request in
            guard request.key == .apiVersions else { return [] }
            return try request.answer(FakeBroker.versions())
        }
        defer { broker.stop() }
        let connection = try open(broker)
        let error = #expect(throws: AdminError.self) {
            try connection.call(MetadataRequest(topics: nil), milliseconds: 2000)
        }
        #expect(error?.description.contains("a frame of 0 bytes") == true)
    }

    @Test func clientPropertiesAreChecked() throws {
        var settings = AdminSettings(bootstrap: [], clientID: "a")
        try settings.apply(["request.timeout.ms": "7", "client.id": "b", "other": "x"])
        #expect(settings.requestMilliseconds == 7 && settings.clientID == "b")
        let refused = #expect(throws: AdminError.self) {
            try settings.apply(["security.protocol": "SASL_SSL"])
        }
        #expect(refused?.description.contains("security.protocol=SASL_SSL") == true)
        #expect(throws: AdminError.self) { try settings.apply(["request.timeout.ms": "0"]) }
    }
}

/// Tools against a broker that answers what the test wants.
@Suite struct ToolConversationTests {
    @Test func listsTopicsSorted() throws {
        let broker = try FakeBroker.cluster([("b", 1), ("a", 2), ("__consumer_offsets", 1)])
        defer { broker.stop() }
        let all = CommandTests.run("topics", "--list", "--bootstrap-server", broker.address)
        #expect(all.code == 0 && all.out == "__consumer_offsets\na\nb\n")
        let some = CommandTests.run(
            "topics", "--list", "--exclude-internal", "--json", "--topic", "[ab]",
            "--bootstrap-server", broker.address)
        #expect(some.out == "[\"a\",\"b\"]\n")
    }

    @Test func createsATopic() throws {
        let broker = try FakeBroker.cluster([]) { request in
            let asked = try request.decoded(CreateTopicsRequest.self)
            let name = asked.topics[0].name
            let code: KafkaError = name == "old" ? .topicAlreadyExists : .none
            return try request.answer(
                CreateTopicsResponse(topics: [
                    .init(
                        name: name, errorCode: code.rawValue,
                        errorMessage: code == .none ? nil : "Topic 'old' already exists.")
                ]))
        }
        defer { broker.stop() }
        func create(_ name: String, _ more: String...) -> (Int32, String, String) {
            let console = Console(captures: true)
            let code = Martlet.run(
                [
                    "kafka-topics.sh", "--create", "--topic", name, "--bootstrap-server",
                    broker.address,
                ] + more, console)
            return (code, console.output, console.capturedErrors)
        }
        #expect(create("new") == (0, "Created topic new.\n", ""))
        #expect(create("old", "--if-not-exists") == (0, "", ""))
        let failed = create("old")
        #expect(failed.0 == 1)
        #expect(failed.2.contains("Error while executing topic command : Topic 'old' already"))
    }

    @Test func printsOffsetsOfLeaders() throws {
        let broker = try FakeBroker.cluster([("t", 3)]) { request in
            let asked = try request.decoded(ListOffsetsRequest.self)
            return try request.answer(
                ListOffsetsResponse(
                    topics: asked.topics.map { topic in
                        .init(
                            name: topic.name,
                            partitions: topic.partitions.map {
                                .init(
                                    partitionIndex: $0.partitionIndex,
                                    errorCode: $0.partitionIndex == 2 ? 3 : 0, timestamp: -1,
                                    offset: Int64($0.partitionIndex) * 10 + $0.timestamp)
                            })
                    }))
        }
        defer { broker.stop() }
        let result = CommandTests.run(
            "get-offsets", "--topic", "t", "--time", "-2", "--bootstrap-server", broker.address)
        #expect(result.code == 0)
        // Partition 0 answers -2, which stands for no offset.
        #expect(result.out == "t:1:8\n")
        #expect(result.errors.contains("Skip getting offsets for topic-partition t-2"))
        let none = CommandTests.run(
            "get-offsets", "--topic", "x", "--bootstrap-server", broker.address)
        #expect(none.code == 1 && none.errors.contains("Could not match any topic-partitions"))
    }

    @Test func deletesRecords() throws {
        let broker = try FakeBroker.cluster([("t", 1)]) { request in
            let asked = try request.decoded(DeleteRecordsRequest.self)
            return try request.answer(
                DeleteRecordsResponse(
                    topics: [
                        .init(
                            name: "t",
                            partitions: [
                                .init(
                                    partitionIndex: 0,
                                    lowWatermark: asked.topics[0].partitions[0].offset)
                            ])
                    ]))
        }
        defer { broker.stop() }
        let directory = try TemporaryDirectory()
        let file = try directory.write(
            "o.json", Array(#"{"partitions":[{"topic":"t","partition":0,"offset":5}]}"#.utf8))
        let result = CommandTests.run(
            "delete-records", "--offset-json-file", file, "--bootstrap-server", broker.address)
        #expect(result.code == 0)
        #expect(
            result.out
                == "Executing records delete operation\nRecords delete operation completed:\n"
                + "partition: t-0\tlow_watermark: 5\n")
    }
}
