import ClientCore
import KafkaConfig

/// Configuration files and what stands in them.
let textTargets = [
    FuzzTarget("properties", fuzzProperties), FuzzTarget("node-config", fuzzNodeConfig),
    FuzzTarget("topic-config", fuzzTopicConfig), FuzzTarget("client-config", fuzzClientConfig),
]

private func text(_ bytes: RawSpan) -> String { String(decoding: bytes.toArray(), as: UTF8.self) }

private func fuzzProperties(_ bytes: RawSpan) {
    guard let entries = try? PropertiesFile.parse(text(bytes)) else { return }
    let again = try? PropertiesFile.parse(PropertiesFile.write(entries))
    require(again == entries, "a properties file changes: \(entries)")
}

/// A node's file: read, or refused with the key and the reason.
private func fuzzNodeConfig(_ bytes: RawSpan) {
    guard let entries = try? PropertiesFile.parse(text(bytes)) else { return }
    do throws(ConfigError) {
        let config = try BrokerConfig(file: entries)
        _ = (config.topicDefaults, config.metadataLogDir, config.memoryMax, config.networkThreads)
        require(!config.logDirs.isEmpty, "a node without a directory")
        require(config.isBroker || config.isController, "a node without a role")
    } catch {
        require(!error.description.isEmpty, "a refusal without a reason")
    }
}

private func fuzzTopicConfig(_ bytes: RawSpan) {
    guard let entries = try? PropertiesFile.parse(text(bytes)) else { return }
    var overrides: [String: String] = [:]
    for entry in entries { overrides[entry.key] = entry.value }
    do throws(ConfigError) {
        try TopicConfigs.validate(overrides)
    } catch {
        require(!error.description.isEmpty, "a refusal without a reason")
    }
}

private func fuzzClientConfig(_ bytes: RawSpan) {
    guard let entries = try? PropertiesFile.parse(text(bytes)) else { return }
    var properties: [String: String] = [:]
    for entry in entries { properties[entry.key] = entry.value }
    var consumer = ConsumerSettings(network: NetworkSettings(bootstrap: []))
    _ = try? consumer.apply(properties)
    var producer = ProducerSettings(network: NetworkSettings(bootstrap: []))
    if (try? producer.apply(properties)) != nil { _ = try? ProducerCore(producer, seed: 1) }
}
