import KafkaWire
import Testing

@testable import MartletClient
@testable import martlet

@Suite struct JSONTests {
    @Test func writesAsKafkaDoes() {
        let value = JSON.object([
            ("b", .integer(1)), ("a", .array([.null, .bool(true), .string("x\"\n\u{1}")])),
        ])
        #expect(value.text == #"{"b":1,"a":[null,true,"x\"\n\u0001"]}"#)
    }

    @Test(arguments: [
        (1.5, "1.5"), (0, "0.0"), (1_048_576, "1048576.0"), (1e7, "1.0E7"),
        (10_485_760, "1.048576E7"), (0.00012, "1.2E-4"), (-2.5e10, "-2.5E10"), (1e300, "1.0E300"),
    ])
    func doublesAsJavaWritesThem(value: Double, text: String) {
        #expect(JSON.number(value).text == text)
    }

    @Test func readsWhatItWrites() throws {
        let text = #"{"version":1,"list":[1,-2,2.5,"a\u00e9\ud83d\ude00\\"],"none":null,"t":true}"#
        let value = try JSONParser.parse(text)
        #expect(value["list"]?.elements?.count == 4)
        #expect(value["list"]?.elements?[3].stringValue == "aé😀\\")
        #expect(try JSONParser.parse(value.text) == value)
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":}", "{\"a\" 1}", "\"a", "tru", "1 2", "+1", "\"\\ud800\"",
        String(repeating: "[", count: 100),
    ])
    func refusesWhatIsNoJSON(text: String) {
        #expect(throws: Failure.self) { try JSONParser.parse(text) }
    }

    @Test func base64() {
        for (plain, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v")] {
            #expect(Base64.encode(Array(plain.utf8)) == text)
            #expect(Base64.decode(text) == Array(plain.utf8))
        }
        #expect(Base64.decode("a") == nil)
        #expect(Base64.decode("====") == nil)
    }
}

@Suite struct PropertiesTextTests {
    @Test func followsJavasRules() throws {
        let text = """
            # a comment
            ! another
            plain=value
              spaced : value two
            bare
            long = one,\\
                two
            escaped\\ key=tab\\there\\u0041
            twice=1
            twice=2\r
            path=C\\:\\\\x
            """
        let properties = try PropertiesText.parse(text, "f")
        #expect(properties["plain"] == "value")
        #expect(properties["spaced"] == "value two")
        #expect(properties["bare"] == "")
        #expect(properties["long"] == "one,two")
        #expect(properties["escaped key"] == "tab\thereA")
        #expect(properties["twice"] == "2")
        #expect(properties["path"] == "C:\\x")
        #expect(throws: Failure.self) { try PropertiesText.parse("a=\\u00g0", "f") }
    }
}

@Suite struct ConfigArgumentTests {
    @Test func bracketsGroup() throws {
        let pairs = try ConfigChanges.additions("a=1, b=[x,y] ,c=,d=[k=v,l=w]")
        #expect(pairs.map(\.name) == ["a", "b", "c", "d"])
        #expect(pairs.map(\.value) == ["1", "x,y", "", "k=v,l=w"])
        #expect(throws: Failure.self) { try ConfigChanges.additions("a") }
        #expect(throws: Failure.self) { try ConfigChanges.additions("a=1=2") }
    }

    @Test func entitiesByEitherSpelling() throws {
        func entity(_ arguments: String...) throws -> [ConfigEntity] {
            try ConfigEntity.parse(try ParsedOptions(arguments, specs: ConfigsTool.options))
        }
        #expect(
            try entity("--entity-type", "topics", "--entity-name", "t")
                == [ConfigEntity(type: "topics", name: "t")])
        #expect(try entity("--broker-defaults") == [ConfigEntity(type: "brokers", name: "")])
        #expect(
            try entity("--entity-type", "brokers", "--entity-default")
                == [ConfigEntity(type: "brokers", name: "")])
        #expect(try entity("--entity-type", "groups") == [ConfigEntity(type: "groups", name: nil)])
        #expect(throws: Failure.self) { try entity("--broker", "one") }
        #expect(throws: Failure.self) { try entity("--topic", "t", "--entity-type", "topics") }
        #expect(throws: Failure.self) { try entity("--entity-type", "wrong") }
        #expect(throws: Failure.self) { try entity() }
    }

    @Test func entryLines() {
        let entry = ConfigEntry(
            name: "retention.ms", value: "-1", source: .topic, isReadOnly: false,
            isSensitive: false,
            synonyms: [
                .init(name: "retention.ms", value: "-1", source: .topic),
                .init(name: "log.retention.ms", value: nil, source: .default),
            ])
        #expect(
            entry.line
                == "  retention.ms=-1 sensitive=false synonyms="
                + "{DYNAMIC_TOPIC_CONFIG:retention.ms=-1,"
                + " DEFAULT_CONFIG:log.retention.ms=null}")
    }
}

@Suite struct TopicTextTests {
    @Test func describedAsKafkaDoes() {
        func config(
            _ name: String, _ value: String, _ source: ConfigEntry.Source
        ) -> ConfigEntry {
            ConfigEntry(
                name: name, value: value, source: source, isReadOnly: false, isSensitive: false,
                synonyms: [])
        }
        var partition = TopicDescription.Partition(
            partition: 0, leader: BrokerID(1), leaderEpoch: LeaderEpoch(0),
            replicas: [BrokerID(1), BrokerID(2)], inSyncReplicas: [BrokerID(1)],
            offlineReplicas: [], eligibleLeaders: [BrokerID(2)], lastKnownEligibleLeaders: [])
        let report = TopicReport(
            topic: TopicDescription(
                name: "t", id: KafkaUUID(high: 1, low: 2), isInternal: false,
                partitions: [partition]),
            configs: [
                config("a", "1", .topic), config("b", "2", .default),
                config("c", "3", .staticBroker),
            ])
        #expect(
            report.line
                == "Topic: t\tTopicId: AAAAAAAAAAEAAAAAAAAAAg\tPartitionCount: 1"
                + "\tReplicationFactor: 2"
                + "\tConfigs: a=1,c=3")
        #expect(
            report.line(of: partition)
                == "\tTopic: t\tPartition: 0\tLeader: 1\tReplicas: 1,2\tIsr: 1\tElr: 2"
                + "\tLastKnownElr: ")
        partition.leader = nil
        partition.eligibleLeaders = nil
        partition.lastKnownEligibleLeaders = nil
        #expect(
            report.line(of: partition)
                == "\tTopic: t\tPartition: 0\tLeader: none\tReplicas: 1,2\tIsr: 1\tElr: N/A"
                + "\tLastKnownElr: N/A")
    }

    @Test func createArguments() throws {
        func options(_ arguments: String...) throws -> ParsedOptions {
            try ParsedOptions(arguments, specs: TopicsTool.options)
        }
        let topic = try TopicCreation.topic(
            try options("--partitions", "3", "--config", "a = b=c", "--config", "a=d"), "t")
        #expect(topic.partitions == 3 && topic.replicationFactor == nil)
        #expect(topic.configs == ["a": "d"])
        #expect(
            try TopicCreation.assignment(try options("--replica-assignment", "1:2,2:3"))
                == [[BrokerID(1), BrokerID(2)], [BrokerID(2), BrokerID(3)]])
        for wrong in ["1:1", "1:2,3", "a", "1:-2"] {
            #expect(throws: Failure.self) {
                try TopicCreation.assignment(try options("--replica-assignment", wrong))
            }
        }
        #expect(throws: Failure.self) {
            try TopicCreation.topic(try options("--partitions", "0"), "t")
        }
    }

    @Test func patterns() throws {
        #expect(try TopicPattern("a.*").matches("abc"))
        #expect(try !TopicPattern("a").matches("abc"))
        #expect(try TopicPattern("a, b").matches("b"))
        #expect(try TopicPattern("'x'").matches("x"))
        #expect(throws: Failure.self) { try TopicPattern("(") }
    }
}

@Suite struct OffsetArgumentTests {
    @Test func times() throws {
        #expect(try GetOffsetsTool.time("latest") == .latest)
        #expect(try GetOffsetsTool.time("-2") == .earliest)
        #expect(try GetOffsetsTool.time("earliest-pending-upload") == .earliestPendingUpload)
        #expect(try GetOffsetsTool.time("1700000000000") == .timestamp(1_700_000_000_000))
        #expect(throws: Failure.self) { try GetOffsetsTool.time("now") }
    }

    @Test func rules() throws {
        let all: [Int32] = [0, 1, 2, 3, 4, 5]
        for (text, topic, expected) in [
            ("t", "t", all), ("t:2", "t", [2]), ("t:1-3", "t", [1, 2]), ("t:4-", "t", [4, 5]),
            (":-2", "any", [0, 1]), ("t.*:", "tx", all),
        ] as [(String, String, [Int32])] {
            let rule = try PartitionRule.rule(text)
            #expect(rule.topic.matches(topic))
            #expect(all.filter(rule.partitions) == expected)
        }
        for wrong in ["t:a", "t:1-2-3", "t:1:2"] {
            #expect(throws: Failure.self) { try PartitionRule.rule(wrong) }
        }
    }

    @Test func recordsToDelete() throws {
        let offsets = try DeleteRecordsTool.parse(
            #"{"partitions": [{"topic": "foo", "partition": 1, "offset": 7}], "version":1}"#)
        #expect(offsets == [TopicPartition(topic: "foo", partition: 1): Offset(7)])
        for wrong in [
            "{}", #"{"version":2,"partitions":[]}"#, #"{"partitions":[{"topic":"a"}]}"#,
            #"{"partitions":[{"topic":"a","partition":0,"offset":1},"#
                + #"{"topic":"a","partition":0,"offset":2}]}"#,
        ] {
            #expect(throws: Failure.self) { try DeleteRecordsTool.parse(wrong) }
        }
    }
}
