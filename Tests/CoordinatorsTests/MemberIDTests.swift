import KafkaProtocol
import KafkaWire
import Testing

@testable import Coordinators

/// Ids of members, which begin with what the client calls itself, however long that is.
@Suite struct MemberIDTests {
    private static let longest = Int(Int16.max)

    private func join(_ harness: GroupHarness, _ name: String, isStatic: Bool) -> String {
        let request = JoinGroupRequest(
            groupID: "g", sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 60_000,
            groupInstanceID: isStatic ? name : nil, protocolType: "consumer",
            protocols: [.init(name: "range", metadata: [])])
        let client = GroupClient(clientID: name, host: "/h", apiVersion: isStatic ? 9 : 3)
        let sent = harness.send { $0.joinGroup(request, from: client, $1, harness.now) }
        harness.advance(1)
        let answer: JoinGroupResponse? = harness.answer(to: sent)
        #expect(answer?.errorCode == 0 && answer?.leader == answer?.memberID)
        return answer?.memberID ?? ""
    }

    /// The id has to fit into an answer and into the record of the group.
    @Test(
        arguments: [
            ("x", 32_730, 32_767), ("x", 32_731, 32_767), ("x", 32_767, 32_767),
            ("é", 16_383, 32_767), ("x", 3, 40),
        ] as [(String, Int, Int)], [false, true])
    func aNameOfAnyLengthMakesAnID(_ name: (String, Int, Int), _ isStatic: Bool) throws {
        let harness = GroupHarness()
        harness.settings.initialRebalanceDelayMs = 0
        let full = String(repeating: name.0, count: name.1)
        let id = join(harness, full, isStatic: isStatic)
        #expect(id.utf8.count == name.2 && full.hasPrefix(id.dropLast(37)))
        let sync = SyncGroupRequest(
            groupID: "g", generationID: 1, memberID: id,
            groupInstanceID: isStatic ? full : nil)
        let synced: SyncGroupResponse? = harness.run {
            $0.syncGroup(sync, version: 4, $1, harness.now)
        }
        #expect(synced?.errorCode == 0)
        try harness.reload()
        let beat = HeartbeatRequest(
            groupID: "g", generationID: 1, memberID: id,
            groupInstanceID: isStatic ? full : nil)
        let answer: HeartbeatResponse? = harness.run { $0.heartbeat(beat, $1, harness.now) }
        #expect(answer?.errorCode == 0)
    }
}
