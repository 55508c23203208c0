import Testing

@testable import KafkaConfig

@Test func countsEqualApacheKafka() {
    #expect(TopicConfigs.all.count == 37)
    #expect(TopicConfigs.all.filter { !$0.isInternal }.count == 36)
    #expect(GroupConfigs.all.count == 27)
    #expect(ClientMetricsConfigs.all.count == 3)
    #expect(BrokerConfigs.all.count - BrokerConfigs.martlet.count == 381)
    #expect(BrokerConfigs.martlet.map(\.name) == ["martlet.durability", "martlet.memory.max"])
}

@Test func everyDefaultIsValid() throws {
    for table in [
        TopicConfigs.all, GroupConfigs.all, ClientMetricsConfigs.all, BrokerConfigs.all,
    ] {
        for definition in table {
            #expect(!definition.documentation.isEmpty, "\(definition.name)")
            guard let text = definition.defaultValue else { continue }
            #expect(try definition.parse(text).description == text, "\(definition.name)")
        }
    }
}
