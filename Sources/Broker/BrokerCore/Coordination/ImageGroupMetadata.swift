import ClusterController
import Coordinators
import KafkaWire

/// The metadata image as group coordinators see it.
struct ImageGroupMetadata: GroupMetadataSource {
    let image: MetadataImage
    /// The last offset of the metadata log that `image` knows.
    let version: Int64
    let changes: GroupTopicChanges

    var topicNames: [String] { image.topics.names }
    var groupVersion: Int16 { image.features.level(of: .group) }

    func topicChanges(since version: Int64) -> ArraySlice<GroupTopicChange>? {
        changes.since(version)
    }

    func topicID(of name: String) -> KafkaUUID? { image.topics.id(of: name) }
    func topicName(of id: KafkaUUID) -> String? { image.topics[id]?.name }
    func partitionCount(of topic: KafkaUUID) -> Int32? {
        image.topics[topic].map { Int32(clamping: $0.partitions.count) }
    }

    func racks(of topic: KafkaUUID, partition: Int32) -> [String] {
        let replicas = image.topics[topic]?[partition]?.replicas ?? []
        return replicas.compactMap { image.brokers[$0]?.rack }.sorted()
    }

    func groupConfigs(of group: String) -> [String: String] {
        image.configs[ConfigResource(.group, group)]
    }
}
