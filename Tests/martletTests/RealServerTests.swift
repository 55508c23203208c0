import Foundation
import KafkaConfig
import Logging
import MartletServer
import Testing

@testable import ClientCore
@testable import martlet

/// The tools against a node in this process.
@Suite struct RealServerTests {
    /// A node over a directory of its own on a free port.
    final class Node {
        let directory: TemporaryDirectory
        private let server: Server
        let address: String

        init() throws {
            directory = try TemporaryDirectory()
            let settings = try BrokerConfig(
                file: nil, environment: [:],
                overrides: [
                    .init(key: "listeners", value: "PLAINTEXT://127.0.0.1:0"),
                    .init(key: "log.dirs", value: "\(directory.path)/data"),
                    .init(key: "num.network.threads", value: "1"),
                ], implemented: ImplementedKeys.all)
            server = try Server.start(
                try ServerConfiguration(settings, workingDirectory: directory.path),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            address = "127.0.0.1:\(server.listeners[0].port)"
        }
        func stop() throws { try server.stop() }

        /// Runs a tool against the node, with a file as standard input.
        func run(
            _ arguments: String..., input: [UInt8]? = nil
        ) throws -> (code: Int32, out: String, errors: String) {
            let file = try directory.write("input", input ?? [])
            let handle = try #require(FileHandle(forReadingAtPath: file))
            let console = Console(captures: true, input: handle.fileDescriptor)
            let code = Martlet.run(
                ["martlet"] + arguments + ["--bootstrap-server", address], console)
            return (code, console.output, console.capturedErrors)
        }
    }

    private func withNode(_ body: (Node) throws -> Void) throws {
        let node = try Node()
        do { try body(node) } catch {
            try node.stop()
            throw error
        }
        try node.stop()
    }

    @Test func topicsAndTheirConfigs() throws {
        try withNode { node in
            let made = try node.run(
                "topics", "--create", "--topic", "orders", "--partitions", "2", "--config",
                "retention.ms=1000")
            #expect(made == (0, "Created topic orders.\n", ""))
            let again = try node.run("topics", "--create", "--topic", "orders")
            #expect(again.code == 1 && again.errors.contains("TOPIC_ALREADY_EXISTS"))
            #expect(try node.run("topics", "--list").out == "orders\n")
            let lines = try node.run("topics", "--describe", "--topic", "ord.*").out
                .split(separator: "\n")
            #expect(lines.count == 3)
            #expect(lines[0].hasPrefix("Topic: orders\tTopicId: "))
            #expect(lines[0].contains("\tPartitionCount: 2\tReplicationFactor: 1\tConfigs: "))
            #expect(lines[0].contains("retention.ms=1000"))
            #expect(
                lines[2]
                    == "\tTopic: orders\tPartition: 1\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: "
                    + "\tLastKnownElr: ")
            #expect(
                try node.run("topics", "--alter", "--topic", "orders", "--partitions", "3").code
                    == 0)
            #expect(try node.run("get-offsets").out == "orders:0:0\norders:1:0\norders:2:0\n")
            let altered = try node.run(
                "configs", "--alter", "--topic", "orders", "--add-config",
                "cleanup.policy=[compact,delete]", "--delete-config", "retention.ms")
            #expect(altered == (0, "Completed updating config for topic orders.\n", ""))
            let described = try node.run("configs", "--describe", "--topic", "orders").out
            #expect(described.hasPrefix("Dynamic configs for topic orders are:\n  cleanup.policy="))
            #expect(described.contains("cleanup.policy=compact,delete sensitive=false"))
            #expect(!described.contains("retention.ms"))
            let wrong = try node.run(
                "configs", "--alter", "--topic", "orders", "--add-config", "retention.ms=x")
            #expect(wrong.code == 1 && wrong.errors.contains("retention.ms"))
            #expect(try node.run("topics", "--delete", "--topic", "orders").code == 0)
            #expect(try node.run("topics", "--list").out == "\n")
            #expect(try node.run("topics", "--delete", "--topic", "orders").code == 1)
        }
    }

    @Test(arguments: ["none", "gzip", "snappy", "lz4", "zstd"])
    func linesComeBack(codec: String) throws {
        try withNode { node in
            _ = try node.run("topics", "--create", "--topic", "t", "--partitions", "1")
            var input: [UInt8] = []
            for number in 0..<5000 { input += Array("line \(number) \(number * number)\n".utf8) }
            input += [0xC3, 0xFF, 0x20, 0x0A]
            let sent = try node.run(
                "console-producer", "--topic", "t", "--compression-codec=\(codec)", input: input)
            #expect(sent == (0, "", ""))
            let console = Console(captures: true)
            let code = Martlet.run(
                [
                    "kafka-console-consumer", "--topic", "t", "--from-beginning",
                    "--max-messages", "5001", "--bootstrap-server", node.address,
                ], console)
            #expect(code == 0)
            #expect(console.capturedErrors == "Processed a total of 5001 messages\n")
            #expect(console.capturedOutput == input)
        }
    }

    @Test func keysAndHeadersGoToTheirPartitions() throws {
        try withNode { node in
            _ = try node.run("topics", "--create", "--topic", "k", "--partitions", "3")
            let lines = (0..<30).map { "h:\($0)\tkey\($0 % 5)\tvalue \($0)\n" }.joined()
            let sent = try node.run(
                "console-producer", "--topic", "k", "--reader-property", "parse.key=true",
                "--reader-property", "parse.headers=true", input: Array(lines.utf8))
            #expect(sent == (0, "", ""))
            let read = try node.run(
                "console-consumer", "--topic", "k", "--from-beginning", "--timeout-ms", "300",
                "--formatter-property", "print.partition=true", "--formatter-property",
                "print.key=true", "--formatter-property", "print.headers=true")
            #expect(read.code == 0)
            let found = read.out.split(separator: "\n")
            #expect(found.count == 30)
            for line in found {
                let columns = line.split(separator: "\t")
                let hash = Murmur2.hash(Array(columns[2].utf8)) & 0x7FFF_FFFF
                #expect(columns[0] == "Partition:\(hash % 3)")
                #expect(columns[1].dropFirst(2) == columns[3].dropFirst("value ".count))
            }
        }
    }

    @Test func offsetsDeletionAndOneRecordOfOnePartition() throws {
        try withNode { node in
            _ = try node.run(
                "console-producer", "--topic", "auto", "--sync", input: Array("a\nb\nc\nd\n".utf8))
            #expect(try node.run("get-offsets", "--topic", "auto").out == "auto:0:4\n")
            let json = #"{"partitions":[{"topic":"auto","partition":0,"offset":2}],"version":1}"#
            let file = try node.directory.write("offsets.json", Array(json.utf8))
            let deleted = try node.run("delete-records", "--offset-json-file", file)
            #expect(deleted.out.hasSuffix("partition: auto-0\tlow_watermark: 2\n"))
            #expect(
                try node.run("get-offsets", "--topic", "auto", "--time", "earliest").out
                    == "auto:0:2\n")
            let one = try node.run(
                "console-consumer", "--topic", "auto", "--partition", "0", "--offset", "3",
                "--max-messages", "1", "--formatter-property", "print.offset=true")
            #expect(one.out == "Offset:3\td\n")
            // An offset that is gone leads to where auto.offset.reset says.
            let gone = try node.run(
                "console-consumer", "--topic", "auto", "--partition", "0", "--offset", "0",
                "--max-messages", "2", "--command-property", "auto.offset.reset=earliest")
            #expect(gone.out == "c\nd\n")
        }
    }

    @Test func offsetsOfAGroupWithoutMembers() throws {
        try withNode { node in
            _ = try node.run(
                "console-producer", "--topic", "t", input: Array("a\nb\nc\n".utf8))
            let reset = try node.run(
                "consumer-groups", "--reset-offsets", "--group", "g", "--topic", "t", "--to-offset",
                "2", "--execute")
            #expect(
                reset == (
                    0,
                    """

                    GROUP           TOPIC           PARTITION  NEW-OFFSET
                    g               t               0          2

                    """, ""
                ))
            #expect(
                try node.run("consumer-groups", "--list", "--state").out
                    .hasSuffix("\ng                         Empty               \n"))
            let described = try node.run("consumer-groups", "--describe", "--group", "g")
            #expect(described.errors == "\nConsumer group 'g' has no active members.\n")
            let cells = described.out.split(separator: "\n").last?.split(separator: " ")
            #expect(cells == ["g", "t", "0", "2", "3", "1", "-", "-", "-"])
            let records = try node.run(
                "console-consumer", "--topic", "__consumer_offsets", "--from-beginning",
                "--max-messages", "1", "--formatter",
                "org.apache.kafka.tools.consumer.OffsetsMessageFormatter")
            #expect(
                records.out.hasPrefix(
                    #"{"key":{"type":1,"data":{"group":"g","topic":"t","partition":0}},"value":"#))
            #expect(records.out.contains(#""offset":2,"#))
            #expect(try node.run("consumer-groups", "--delete", "--group", "g").code == 0)
            #expect(try node.run("consumer-groups", "--list").out.isEmpty)
        }
    }

    @Test func producersOfAPartition() throws {
        try withNode { node in
            _ = try node.run(
                "console-producer", "--topic", "t", input: Array("a\nb\nc\n".utf8))
            let result = try node.run(
                "transactions", "describe-producers", "--topic", "t", "--partition", "0")
            let lines = result.out.split(separator: "\n").map { line in
                line.split(separator: "\t").map { String($0).trimmed }
            }
            try #require(result.code == 0 && lines.count == 2)
            #expect(lines[0][0] == "ProducerId" && lines[0][3] == "LastSequence")
            #expect(lines[1][1...3] == ["0", "-1", "2"] && lines[1][5] == "None")
        }
    }

    @Test func theNodeAndItsFiles() throws {
        let node = try Node()
        var running = true
        defer { if running { do { try node.stop() } catch { Issue.record(error) } } }
        _ = try node.run(
            "console-producer", "--topic", "t", "--batch-size", "100",
            input: Array((0..<500).map { "record \($0)\n" }.joined().utf8))
        let directories = try node.run("log-dirs", "--describe", "--json")
        #expect(try JSONParser.parse(directories.out.trimmed)["version"]?.integerValue == 1)
        #expect(directories.out.contains(#""partition":"t-0""#))
        #expect(try node.run("cluster", "cluster-id").out.hasPrefix("Cluster ID: "))
        let endpoints = try node.run("cluster", "list-endpoints").out.split(separator: "\n")
        #expect(endpoints.count == 2 && endpoints[1].hasPrefix("1          127.0.0.1 "))
        let versions = try node.run("broker-api-versions").out
        #expect(versions.contains("(id: 1 rack: null isFenced: false) -> (\n\tProduce(0): "))
        let features = try node.run("features", "describe").out
        #expect(features.contains("Feature: metadata.version "))
        #expect(features.contains("FinalizedVersionLevel: 4.3-IV0 "))
        let broker = try node.run("configs", "--describe", "--broker", "1", "--all").out
        #expect(broker.contains("  log.dirs="))
        try node.stop()
        running = false
        let check = CommandTests.run(
            "dump-log", "--deep-check", "--files", "\(node.directory.path)/data")
        #expect(check.code == 0 && check.errors.isEmpty)
    }
}
