import Coordinators
import Testing

/// The last changes of topics, by which groups tell whether theirs are among them.
@Suite struct GroupTopicChangesTests {
    private func change(_ version: Int64) -> GroupTopicChange {
        GroupTopicChange(topic: "t\(version)", version: version, isCreation: true)
    }

    @Test func theOldestIsForgottenFirst() {
        let limit = Int64(GroupTopicChanges.limit)
        var changes = GroupTopicChanges(since: 7)
        for version in 8..<8 + limit { changes.note(change(version)) }
        #expect(changes.since(7)?.count == GroupTopicChanges.limit)
        #expect(changes.since(6) == nil)
        changes.note(change(8 + limit))
        #expect(changes.since(7) == nil)
        #expect(changes.since(8)?.count == GroupTopicChanges.limit)
        #expect(changes.since(8)?.first == change(9))
        #expect(changes.since(8 + limit)?.isEmpty == true)
    }

    @Test func thoseOfOneVersionAreForgottenTogether() {
        var changes = GroupTopicChanges(since: 7)
        for _ in 0..<3 { changes.note(change(8)) }
        for _ in 3..<GroupTopicChanges.limit { changes.note(change(9)) }
        #expect(changes.since(7)?.count == GroupTopicChanges.limit)
        changes.note(change(10))
        #expect(changes.since(7) == nil)
        #expect(changes.since(8)?.count == GroupTopicChanges.limit - 2)
    }
}
