import KafkaConfig
import KafkaProtocol

enum ConfigSchema {
    static func isList(_ key: String, of type: ConfigResourceType) -> Bool { false }
    static func defaultValue(of key: String, for type: ConfigResourceType) -> String? { nil }
    static func validate(
        _ configs: [String: String], of resource: ConfigResource, settings: ControllerSettings
    ) throws(DecisionFailure) {}
}
extension Controller {
    func effectiveTopicConfig(_ key: String, of topic: String) -> String? {
        image.configs[.topic(topic)][key]
    }
    func effectiveConfigs(
        ofNew topic: CreateTopicsRequest.CreatableTopic
    ) -> [CreateTopicsResponse.CreatableTopicConfigs] { [] }
}
