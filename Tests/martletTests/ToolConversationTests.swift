import Foundation
import KafkaProtocol
import KafkaWire
import Testing

@testable import martlet

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
