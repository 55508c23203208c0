import KafkaProtocol
import KafkaWire
import Testing

@testable import ClientCore

/// The bytes that members of a classic group leave with the coordinator for each other.
@Suite struct MemberBytesTests {
    private let owned = [0, 2].map { TopicPartition(topic: "t", partition: $0) }

    private func subscription(_ assignor: Assignor) throws -> [UInt8] {
        var told = MemberSubscription(memberID: "a", instanceID: nil, topics: ["u", "t"])
        told.owned = owned + [TopicPartition(topic: "u", partition: 1)]
        told.generation = 7
        return try told.encoded(for: assignor)
    }

    @Test func anAdminReadsTopicsAndPartitions() throws {
        #expect(ClassicMembers.topics(try subscription(.range)) == ["t", "u"])
        let share = owned.reversed() + [TopicPartition(topic: "a", partition: 1)]
        let assignment = try MemberAssignment.encoded(Array(share))
        #expect(ClassicMembers.assignment(assignment).map(\.description) == ["a-1", "t-0", "t-2"])
        // Members of other kinds, Connect's for one, write what they like.
        for bytes: [UInt8] in [[0], [0, 1, 0x7F, 0xFF, 0xFF, 0xFF]] {
            #expect(ClassicMembers.assignment(bytes) == [] && ClassicMembers.topics(bytes) == [])
        }
        #expect(ClassicMembers.assignment(Array(assignment.dropLast(9))) == [])
        #expect(ClassicMembers.assignment([]) == [])
        #expect(
            share.grouped.map(\.topic) == ["a", "t"]
                && share.grouped.map(\.partitions) == [[1], [0, 2]])
    }

    /// Members of before KIP-429 tell what they own in the data of their assignor alone (KIP-54).
    @Test func oldStickyMembersTellWhatTheyOwn() throws {
        let bytes = try subscription(.sticky)
        var reader = WireReader(bytes.span.bytes)
        _ = try reader.readInt16()
        var body = try ConsumerProtocolSubscription(from: &reader, version: 2)
        (body.ownedPartitions, body.generationID) = ([], -1)
        var writer = WireWriter()
        writer.write(Int16(0))
        try body.encode(to: &writer, version: 0)
        let old = writer.toArray()
        let sticky = try MemberSubscription(
            memberID: "a", instanceID: nil, old, for: .sticky)
        #expect(sticky.owned.map(\.description) == ["t-0", "t-2", "u-1"])
        #expect(sticky.generation == 7)
        // To other assignors these data mean nothing.
        let other = try MemberSubscription(memberID: "a", instanceID: nil, old, for: .range)
        #expect(other.owned.isEmpty && other.topics == ["u", "t"])
        #expect(throws: WireError.self) {
            try MemberSubscription(
                memberID: "a", instanceID: nil, Array(old.dropLast(1)), for: .sticky)
        }
    }
}
