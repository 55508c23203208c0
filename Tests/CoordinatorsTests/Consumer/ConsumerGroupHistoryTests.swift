import KafkaProtocol
import KafkaWire
import Testing

@testable import Coordinators

/// Consumer groups under random histories: members come, go and crash, topics grow, coordinators
/// fail over. No partition is ever read by two members, and in the end each is read by one.
@Suite struct ConsumerGroupHistoryTests {
    private struct History {
        var random: SplitMix64
        let harness = GroupHarness(["t": 6, "u": 5])
        var members: [StubConsumer] = []
        var next = 0
        var crashed: [(member: StubConsumer, untilMs: Int64)] = []
        var partitions: [String: Int32] = ["t": 6, "u": 5]
    }

    @Test(arguments: 0..<30)
    func noPartitionIsReadTwice(_ seed: UInt64) throws {
        var history = History(random: .init(seed: seed))
        if seed % 3 == 1 { history.harness.settings.consumer.assignmentIntervalMs = 1000 }
        if seed % 2 == 1 { history.harness.settings.consumer.assignors = ["range", "uniform"] }
        for _ in 0..<150 {
            try step(&history)
            expectSingleReaders(history)
        }
        settle(&history)
    }

    private func step(_ history: inout History) throws {
        switch Int.random(in: 0..<20, using: &history.random) {
        case 0..<3 where history.members.count < 9: join(&history)
        case 3 where !history.members.isEmpty: leave(&history)
        case 4 where !history.members.isEmpty: crash(&history)
        case 5: try history.harness.reload()
        case 6: grow(&history)
        case 7: resubscribe(&history)
        default: beat(&history)
        }
        history.harness.advance(Int64.random(in: 0...3000, using: &history.random))
        history.crashed.removeAll { $0.untilMs <= history.harness.nowMs }
    }

    private func join(_ history: inout History) {
        history.next += 1
        var member = StubConsumer("m\(history.next)", topics: subscription(&history))
        if Bool.random(using: &history.random), member.topics?.count == 2 {
            member.topics = nil
            member.regex = "t|u"
        }
        member.beat(history.harness)
        history.members.append(member)
    }

    private func subscription(_ history: inout History) -> [String] {
        [["t"], ["u"], ["t", "u"]].randomElement(using: &history.random) ?? []
    }

    private func leave(_ history: inout History) {
        let index = history.members.indices.randomElement(using: &history.random) ?? 0
        var request = history.members.remove(at: index).request()
        request.memberEpoch = -1
        _ = history.harness.heartbeat(request)
    }

    /// A member that crashes reads no more; its partitions are taken until it is put out.
    private func crash(_ history: inout History) {
        let index = history.members.indices.randomElement(using: &history.random) ?? 0
        history.crashed.append(
            (history.members.remove(at: index), history.harness.nowMs + 90_000))
    }

    private func grow(_ history: inout History) {
        let topic = Bool.random(using: &history.random) ? "t" : "u"
        history.partitions[topic, default: 0] += 1
        history.harness.metadata.set(topic, history.partitions[topic])
    }

    private func resubscribe(_ history: inout History) {
        guard let index = history.members.indices.randomElement(using: &history.random),
            history.members[index].regex == nil, history.members[index].epoch > 0
        else { return }
        let topics = subscription(&history)
        history.members[index].topics = topics
        var request = history.members[index].request()
        request.subscribedTopicNames = topics
        let response = history.harness.heartbeat(request)
        history.members[index].take(
            response, history.harness.metadata, reported: request.topicPartitions != nil)
        if Bool.random(using: &history.random) { history.members[index].settle() }
    }

    /// All that are alive, in some order; some answers are lost, some members are slow to give up.
    private func beat(_ history: inout History) {
        for index in history.members.indices.shuffled(using: &history.random) {
            let request = history.members[index].request()
            let response = history.harness.heartbeat(request)
            let luck = Int.random(in: 0..<10, using: &history.random)
            if luck == 0 {
                history.members[index].loseAnswer()
                continue
            }
            history.members[index].take(
                response, history.harness.metadata, reported: request.topicPartitions != nil)
            if luck > 2 { history.members[index].settle() }
        }
    }

    private func expectSingleReaders(_ history: History) {
        var readers: [TopicPartition: String] = [:]
        for member in history.members {
            for partition in member.owned {
                #expect(readers[partition] == nil, "\(partition): two readers")
                readers[partition] = member.id
            }
        }
    }

    private func settle(_ history: inout History) {
        if history.members.isEmpty { join(&history) }
        history.members[0].topics = ["t", "u"]
        history.members[0].regex = nil
        history.members[0].epoch = 0
        history.members[0].owned = []
        // Beyond the session timeout of whoever has crashed, and with time to reconcile.
        for _ in 0..<30 {
            history.harness.advance(2500)
            for index in history.members.indices { history.members[index].beat(history.harness) }
            expectSingleReaders(history)
        }
        let owned = history.members.reduce(0) { $0 + $1.owned.count }
        #expect(owned == Int(history.partitions.values.reduce(0, +)))
        #expect(history.harness.describe("g")?.groupState == "Stable")
        #expect(history.harness.describe("g")?.members.count == history.members.count)
    }
}
