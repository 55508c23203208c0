import KafkaWire
import Testing

@testable import martlet

/// What `rebalance` reads of a plan's progress, and how it puts things.
@Suite struct RebalanceExecutionTests {
    private func partition(_ number: Int32) -> TopicPartition {
        TopicPartition(topic: "t", partition: number)
    }

    @Test func progressIsReadFromTheCluster() {
        let plan = ReassignmentPlan([
            partition(0): [1, 4], partition(1): [4, 2], partition(2): [1, 4], partition(3): [2, 1],
            partition(4): [1, 2], partition(5): [1, 2],
        ])
        let progress = RebalanceExecution.Progress(
            plan,
            [
                partition(0): [1, 4], partition(1): [4, 2, 3], partition(2): [1, 3],
                partition(3): [1, 2], partition(4): [1, 3, 9],
            ],
            [
                partition(1): OngoingReassignment(
                    replicas: [4, 2, 3], adding: [4], removing: [3]),
                partition(4): OngoingReassignment(
                    replicas: [1, 3, 9], adding: [9], removing: [3]),
            ])
        #expect(progress.done == [partition(0), partition(5)])
        #expect(progress.gone == [partition(5)])
        #expect(Array(progress.underWay.keys) == [partition(1)])
        #expect(progress.waiting == [partition(2), partition(3)])
        #expect(progress.diverted == [partition(4)])
    }

    @Test func theDisplayCountsWhatIsCopied() {
        let plan = ReassignmentPlan([partition(0): [1, 4], partition(1): [4, 2]])
        let ongoing = [
            partition(0): OngoingReassignment(replicas: [1, 3, 4], adding: [4], removing: [3]),
            partition(1): OngoingReassignment(replicas: [2, 3, 4], adding: [4], removing: [3]),
        ]
        let console = Console(captures: true)
        var display = RebalanceDisplay(plan, console)
        let first = RebalanceExecution.Progress(
            plan, [partition(0): [1, 3, 4], partition(1): [2, 3, 4]], ongoing)
        #expect(display.places(first).count == 6)
        display.show(
            first,
            [
                ReplicaPlace(broker: 1, partition: partition(0)): 4_000_000,
                ReplicaPlace(broker: 4, partition: partition(0)): 1_000_000,
                ReplicaPlace(broker: 2, partition: partition(1)): 2_000_000,
            ])
        #expect(
            console.output
                == "0 of 2 partitions done, 2 under way, 1.0 MB of 6.0 MB that were started.\n")
        display.end(
            RebalanceExecution.Progress(plan, [partition(0): [1, 4], partition(1): [4, 2]], [:]))
        #expect(console.output.hasSuffix("\n2 of 2 partitions done.\n"))
    }

    @Test(arguments: [
        (Int64(0), "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_949, "99.9 kB"),
        (123_456, "123 kB"), (999_600, "1.0 MB"), (1_500_000_000, "1.5 GB"),
    ])
    func bytesAreShort(_ count: Int64, _ text: String) {
        #expect(RebalanceReport.bytes(count) == text)
    }

    @Test func aPlanIsPutInWords() throws {
        let layout = ClusterLayout(
            brokers: [LayoutBroker(id: 1, rack: "a"), LayoutBroker(id: 2, takesReplicas: false)],
            partitions: [LayoutPartition(id: partition(0), replicas: [1, 2], size: 5000)])
        let nothing = RebalanceReport(layout: layout, plan: RebalancePlan())
        #expect(nothing.text.hasSuffix("\nNothing to do: all is where it should be.\n"))
        let change = RebalancePlan.Change(
            partition: partition(0), from: [1, 2], to: [2, 1], size: 5000)
        let report = RebalanceReport(layout: layout, plan: RebalancePlan(changes: [change]))
        #expect(report.text.hasPrefix("t-0: 1,2 -> 2,1 (leader)\n\nBROKER\tRACK\t"))
        #expect(report.text.contains("1 -> 0"))
        #expect(
            report.summary == "1 partition to change: 0 replicas to copy (0 B), "
                + "1 preferred leader to change.")
        #expect(report.json["brokers"]?.elements?.count == 2)
    }

    @Test func goalsAreChecked() throws {
        func goals(_ arguments: String...) throws -> RebalanceGoals {
            let specs = RebalanceTool.options + RebalanceTool.verbs.flatMap(\.options)
            return try RebalanceTool.goals(ParsedOptions(arguments, specs: specs))
        }
        let both = try goals("--drain", "3, 5", "--fill=4", "--tolerance", "25")
        #expect(both.drained == [3, 5] && both.filled == [4] && both.tolerance == 0.25)
        #expect(throws: Failure.self) { try goals("--drain", "x") }
        #expect(throws: Failure.self) { try goals("--drain", "3", "--fill", "3") }
        #expect(throws: Failure.self) { try goals("--exclude-brokers", "3", "--fill", "3") }
        #expect(throws: Failure.self) { try goals("--tolerance", "101") }
    }
}
