import Testing

@testable import KafkaConfig

@Suite struct DefinitionTests {
    @Test func keysAreThoseOfApacheKafka() {
        #expect(TopicConfigs.all.map(\.name).sorted() == KafkaKeys.topic)
        #expect(GroupConfigs.all.map(\.name).sorted() == KafkaKeys.group)
        #expect(ClientMetricsConfigs.all.map(\.name) == ["metrics", "interval.ms", "match"])
        let martlet = Set(BrokerConfigs.martlet.map(\.name))
        let broker = BrokerConfigs.all.map(\.name).filter { !martlet.contains($0) }
        #expect(broker.sorted() == KafkaKeys.broker)
        #expect(
            martlet == [
                "martlet.durability", "martlet.fast.failover.ms",
                "martlet.flush.interval.bytes", "martlet.flush.interval.ms",
                "martlet.memory.max",
            ])
    }

    @Test func countsAreThoseOfApacheKafka() {
        #expect(TopicConfigs.all.count == 37)
        #expect(TopicConfigs.all.filter { !$0.isInternal }.count == 36)
        #expect(BrokerConfigs.all.count == 381 + BrokerConfigs.martlet.count)
        #expect(GroupConfigs.all.count == 27)
    }

    @Test func dynamicKeysAreThoseOfApacheKafka() {
        let dynamic = BrokerConfigs.all.filter { !$0.isReadOnly }
        #expect(dynamic.map(\.name).sorted() == KafkaKeys.dynamic)
        let perBroker = BrokerConfigs.all.filter { $0.scope == .perBroker }
        #expect(perBroker.map(\.name).sorted() == KafkaKeys.perBroker)
        #expect(TopicConfigs.all.allSatisfy { $0.scope == .resource })
    }

    @Test func everyDefaultIsValidAndWrittenAsShown() throws {
        for table in [
            TopicConfigs.all, GroupConfigs.all, ClientMetricsConfigs.all, BrokerConfigs.all,
        ] {
            for definition in table {
                #expect(definition.documentation.hasSuffix("."), "\(definition.name)")
                guard let text = definition.defaultValue else { continue }
                #expect(try definition.parse(text).description == text, "\(definition.name)")
            }
        }
    }

    @Test func passwordsAreSensitive() {
        #expect(BrokerConfigs.definition("ssl.keystore.password")?.isSensitive == true)
        #expect(BrokerConfigs.definition("ssl.keystore.location")?.isSensitive == false)
        #expect(BrokerConfigs.all.filter(\.isSensitive).count == 10)
    }

    @Test func listenerPrefixesLeadToTheKeyBehindThem() {
        #expect(BrokerConfigs.listenerBaseName("listener.name.in.ssl.protocol") == "ssl.protocol")
        #expect(
            BrokerConfigs.listenerBaseName("listener.name.in.plain.sasl.jaas.config")
                == "sasl.jaas.config")
        #expect(BrokerConfigs.listenerBaseName("ssl.protocol") == nil)
        #expect(BrokerConfigs.definition("listener.name.in.max.connections")?.type == .int)
        #expect(BrokerConfigs.definition("listener.name.in.nothing") == nil)
        #expect(BrokerConfigs.scope("listener.name.in.max.connections") == .clusterWide)
        #expect(BrokerConfigs.scope("listener.name.in.ssl.keystore.password") == .perBroker)
        #expect(BrokerConfigs.scope("node.id") == .readOnly)
        #expect(BrokerConfigs.scope("nothing") == nil)
    }

    @Test func synonymsComeStrongestFirst() {
        let names = TopicConfigs.synonyms("retention.ms").map(\.name)
        #expect(names == ["log.retention.ms", "log.retention.minutes", "log.retention.hours"])
        #expect(
            TopicConfigs.synonyms("retention.ms").map { $0.convert("2") }
                == ["2", "120000", "7200000"])
        #expect(TopicConfigs.synonyms("remote.storage.enable").isEmpty)
        #expect(BrokerConfigs.synonyms("log.retention.hours") == names)
        #expect(
            BrokerConfigs.synonyms("log.flush.interval.ms")
                == ["log.flush.interval.ms", "log.flush.scheduler.interval.ms"])
        #expect(
            BrokerConfigs.synonyms("log.flush.scheduler.interval.ms")
                == ["log.flush.scheduler.interval.ms"])
        for definition in TopicConfigs.all {
            for synonym in TopicConfigs.synonyms(definition.name) {
                #expect(BrokerConfigs.definition(synonym.name) != nil, "\(synonym.name)")
            }
        }
        for definition in GroupConfigs.all {
            guard let name = GroupConfigs.brokerSynonym(definition.name) else { continue }
            #expect(BrokerConfigs.definition(name) != nil, "\(name)")
        }
        #expect(GroupConfigs.brokerSynonym("share.isolation.level") == nil)
        #expect(GroupConfigs.brokerSynonym("unknown") == nil)
    }

    @Test func hoursBeyond64BitsAreLeftForValidationToRefuse() {
        let hours = ConfigSynonym(name: "log.roll.hours", unit: .hours)
        #expect(hours.convert("9223372036854775807") == "9223372036854775807")
        #expect(hours.convert("abc") == "abc")
    }
}
