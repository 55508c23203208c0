import KafkaWire
import Testing

@testable import LogStorage

@Suite struct DirectoryNameTests {
    private let id = KafkaUUID(high: 0x0CDA_46DE_2FCB_4D8D, low: 0x00A7_0785_AAFB_55C6)

    @Test(arguments: [
        ("plain-0", "plain", Int32(0), PartitionDirectoryName.Role.current),
        ("a-b-c-12", "a-b-c", 12, .current),
        ("x.y_z-2147483647", "x.y_z", Int32.max, .current),
        ("gone-0.0cda46de2fcb4d8da70785aafb55c6e9-delete", "gone", 0, .delete),
        ("a.b-3.ff-stray", "a.b", 3, .stray),
        ("a-delete-3", "a-delete", 3, .current),
        ("a-1.abc-future", "a", 1, .future),
        ("__cluster_metadata-0", "__cluster_metadata", 0, .current),
    ])
    func namesAreParsed(
        name: String, topic: String, partition: Int32, role: PartitionDirectoryName.Role
    ) throws {
        let parsed = try #require(PartitionDirectoryName(parsing: name))
        #expect(parsed.topicPartition == TopicPartition(topic: topic, partition: partition))
        #expect(parsed.role == role)
        #expect(parsed.name == name)
    }

    @Test(arguments: [
        "", "lost+found", "-0", "topic-", "topic", "topic-x", "topic--1-", "topic-2147483648",
        "topic-0-delete", "topic-0.-delete", "topic.abc-delete", "to pic-0", "topic-0.x-0y",
    ])
    func otherNamesAreNot(name: String) {
        #expect(PartitionDirectoryName(parsing: name) == nil)
    }

    @Test func deletedNamesAreUniqueAndStayWithinTheLimit() throws {
        let short = PartitionDirectoryName(
            TopicPartition(topic: "t", partition: 7), role: .delete, uniqueID: id)
        #expect(short.name == "t-7.0cda46de2fcb4d8d00a70785aafb55c6-delete")
        for role in [PartitionDirectoryName.Role.delete, .stray] {
            let long = TopicPartition(
                topic: String(repeating: "n", count: 249), partition: Int32.max)
            let name = PartitionDirectoryName(long, role: role, uniqueID: id)
            #expect(name.name.utf8.count == 255)
            #expect(PartitionDirectoryName(parsing: name.name) == name)
        }
        let future = PartitionDirectoryName(
            TopicPartition(topic: "t", partition: 7), role: .future, uniqueID: id)
        #expect(PartitionDirectoryName(parsing: future.name) == future)
        let current = PartitionDirectoryName(
            TopicPartition(topic: "t", partition: 7), role: .current, uniqueID: id)
        #expect(current.name == "t-7")
    }
}
