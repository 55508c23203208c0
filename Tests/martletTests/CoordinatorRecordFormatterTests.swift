import KafkaProtocol
import KafkaWire
import Testing

@testable import martlet

/// Kafka's formatters for the topics of coordinators, and the console tools' old flags.
@Suite struct CoordinatorRecordFormatterTests {
    private func bytes(
        _ prefix: Int16, _ body: (inout WireWriter) throws -> Void
    ) rethrows -> [UInt8] {
        var writer = WireWriter()
        writer.write(prefix)
        try body(&writer)
        return writer.toArray()
    }

    private func text(_ formatter: String, key: [UInt8]?, value: [UInt8]?) throws -> String {
        let formatter = try #require(CoordinatorRecordFormatter(className: formatter))
        var out: [UInt8] = []
        try formatter.write(
            ConsumedRecord(
                topic: "__consumer_offsets", partition: 0, offset: Offset(5), timestamp: 1,
                timestampType: .createTime, leaderEpoch: LeaderEpoch(0),
                content: ConsoleRecord(key: key, value: value)), to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    private func offsetKey() throws -> [UInt8] {
        try bytes(1) {
            try OffsetCommitKey(group: "g", topic: "t", partition: 3).encode(to: &$0, version: 0)
        }
    }

    @Test func committedOffsets() throws {
        let value = try bytes(3) {
            try OffsetCommitValue(
                offset: 42, leaderEpoch: 7, metadata: "m", commitTimestamp: 99
            ).encode(to: &$0, version: 3)
        }
        let line = try text("OffsetsMessageFormatter", key: try offsetKey(), value: value)
        #expect(
            line
                == #"{"key":{"type":1,"data":{"group":"g","topic":"t","partition":3}},"#
                + #""value":{"version":3,"data":{"offset":42,"leaderEpoch":7,"metadata":"m","#
                + #""commitTimestamp":99}}}"# + "\n")
        #expect(
            try text("OffsetsMessageFormatter", key: try offsetKey(), value: nil)
                .hasSuffix(#","value":null}"# + "\n"))
        #expect(try text("OffsetsMessageFormatter", key: nil, value: value).isEmpty)
        // A key of another type, and one of no type at all.
        #expect(try text("GroupMetadataMessageFormatter", key: try offsetKey(), value: nil).isEmpty)
        #expect(try text("OffsetsMessageFormatter", key: [0x7F, 0xFF], value: nil).isEmpty)
        for (key, value) in [([0], []), (try offsetKey(), [0, 3, 1])] as [([UInt8], [UInt8])] {
            let failure = #expect(throws: Failure.self) {
                try text("OffsetsMessageFormatter", key: key, value: value)
            }
            #expect(failure?.message.hasPrefix("Could not read record at offset 5") == true)
        }
    }

    @Test func transactionsWithTheirStatusByName() throws {
        let key = try bytes(0) {
            try TransactionLogKey(transactionalID: "tx").encode(to: &$0, version: 0)
        }
        let value = try bytes(1) {
            try TransactionLogValue(
                producerID: 1, transactionTimeoutMs: 1000, transactionStatus: 1,
                transactionPartitions: []
            ).encode(to: &$0, version: 1)
        }
        let line = try text("TransactionLogMessageFormatter", key: key, value: value)
        #expect(line.contains(#""transactionalId":"tx""#))
        #expect(line.contains(#""transactionStatus":"Ongoing""#))
    }

    @Test func formattersByTheirClassNames() throws {
        func formatter(_ name: String) throws -> any RecordFormatter {
            let invocation = try ParsedOptions(
                ["--topic", "t", "--bootstrap-server", "h:1", "--formatter", name],
                specs: ConsoleConsumerTool.options)
            return try ConsumptionPlan(invocation).formatter
        }
        let package = "org.apache.kafka.tools.consumer."
        #expect(try formatter(package + "DefaultMessageFormatter") is MessageFormatter)
        #expect(try formatter(package + "NoOpMessageFormatter") is NoFormatter)
        for name in ["OffsetsMessageFormatter", "ShareGroupMessageFormatter"] {
            #expect(try formatter(package + name) is CoordinatorRecordFormatter)
        }
        #expect(throws: Failure.self) { try formatter("com.example.Mine") }
    }

    @Test func oldFlagsAreTakenWithAWarning() {
        let consumer = CommandTests.run(
            "console-consumer", "--topic", "t", "--bootstrap-server", "127.0.0.1:1", "--property",
            "print.key=true")
        #expect(
            consumer.errors.hasPrefix(
                "Option --property is deprecated and will be removed in a future version. "
                    + "Use --formatter-property instead.\n"))
        let producer = CommandTests.run(
            "console-producer", "--topic", "t", "--bootstrap-server", "127.0.0.1:1",
            "--producer-property", "acks=1", "--max-partition-memory-bytes", "100",
            "--max-block-ms", "1")
        #expect(
            producer.errors.hasPrefix(
                "Warning: --producer-property is deprecated and will be removed in a future "
                    + "version. Use --command-property instead.\n"
                    + "Warning: --max-partition-memory-bytes is deprecated and will be removed in "
                    + "Apache Kafka 5.0. Use --batch-size instead.\n"))
        let both = CommandTests.run(
            "console-producer", "--topic", "t", "--bootstrap-server", "127.0.0.1:1",
            "--producer-property", "acks=1", "--command-property", "acks=1")
        #expect(both.code == 1 && both.errors.contains("can't be used with option"))
        let transactional = CommandTests.run(
            "console-producer", "--topic", "t", "--bootstrap-server", "127.0.0.1:1",
            "--command-property", "transactional.id=x")
        #expect(transactional.code == 1 && transactional.errors.contains("transactional.id"))
    }
}
