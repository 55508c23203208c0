import KafkaProtocol
import KafkaWire

/// What consumers of the classic protocol say to each other through the coordinator: a version and
/// a message in that version.
package enum ClassicProtocolCoding {
    /// What a member tells of itself; `nil` for what cannot be read.
    ///
    /// Versions that are not known yet are read as the newest that is: they only add fields.
    package static func subscription(_ bytes: [UInt8]) -> ConsumerProtocolSubscription? {
        read(bytes)
    }

    /// What a member was assigned; `nil` for what cannot be read.
    package static func assignment(_ bytes: [UInt8]) -> ConsumerProtocolAssignment? {
        bytes.isEmpty ? ConsumerProtocolAssignment() : read(bytes)
    }

    /// An assignment in the version in which the member wrote its subscription.
    package static func written(
        _ assignment: ConsumerProtocolAssignment, for subscription: [UInt8]
    ) -> [UInt8] {
        let version = version(of: subscription, ConsumerProtocolAssignment.self) ?? 0
        var writer = WireWriter()
        writer.write(version)
        do throws(WireError) {
            try assignment.encode(to: &writer, version: version)
        } catch {
            preconditionFailure("an assignment of the coordinator has no encoding: \(error)")
        }
        return writer.toArray()
    }

    private static func read<Message: KafkaMessage>(_ bytes: [UInt8]) -> Message? {
        guard let version = version(of: bytes, Message.self) else { return nil }
        do throws(WireError) {
            // Bytes have no padding.
            var reader = unsafe WireReader(bytes.span.bytes)
            _ = try reader.readInt16()
            return try Message(from: &reader, version: version)
        } catch {
            return nil
        }
    }

    private static func version<Message: KafkaMessage>(
        of bytes: [UInt8], _: Message.Type
    ) -> Int16? {
        guard bytes.count >= 2 else { return nil }
        let version = Int16(bytes[0]) << 8 | Int16(bytes[1])
        guard version >= Message.validVersions.lowerBound else { return nil }
        return min(version, Message.validVersions.upperBound)
    }
}

extension PartitionsByTopic {
    /// The partitions of topics that exist.
    init(
        _ topics: [(name: String, partitions: [Int32])], _ metadata: any GroupMetadataSource
    ) {
        self = [:]
        for topic in topics where !topic.partitions.isEmpty {
            guard let id = metadata.topicID(of: topic.name) else { continue }
            self[id, default: []] += topic.partitions
        }
        self = mapValues { Set($0).sorted() }
    }

    /// As members of the classic protocol are told; topics that are gone are left out.
    func classicAssignment(_ metadata: any GroupMetadataSource) -> ConsumerProtocolAssignment {
        ConsumerProtocolAssignment(
            assignedPartitions: sorted { $0.key < $1.key }.compactMap { id, partitions in
                metadata.topicName(of: id).map {
                    .init(topic: $0, partitions: partitions.sorted())
                }
            })
    }
}
