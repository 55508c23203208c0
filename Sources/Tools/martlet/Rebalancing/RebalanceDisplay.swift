import KafkaWire

/// Shows how far an execution is: a line that is written over where standard error is a terminal,
/// else a line on standard output now and then.
struct RebalanceDisplay {
    private let plan: ReassignmentPlan
    private let console: Console
    /// Bytes of each partition, as large as it was last seen.
    private var sizes: [TopicPartition: Int64] = [:]
    /// Brokers that copy a partition.
    private var copies: [TopicPartition: [Int32]] = [:]
    private var lastLine = ""
    private var lastShown = Int64.min
    /// Least time between two lines of output, in milliseconds.
    private static let pauseMilliseconds: Int64 = 5000

    init(_ plan: ReassignmentPlan, _ console: Console) {
        self.plan = plan
        self.console = console
    }

    /// The replicas whose sizes `show` wants.
    func places(_ progress: RebalanceExecution.Progress) -> [ReplicaPlace] {
        progress.underWay.flatMap { partition, one in
            one.replicas.map { ReplicaPlace(broker: $0, partition: partition) }
        }
    }

    /// Writes the line where there is news.
    mutating func show(
        _ progress: RebalanceExecution.Progress, _ found: [ReplicaPlace: Int64]
    ) {
        for (place, size) in found {
            sizes[place.partition] = max(sizes[place.partition] ?? 0, size)
        }
        var copied: Int64 = 0
        var whole: Int64 = 0
        for (partition, one) in progress.underWay {
            copies[partition] = one.adding
            for broker in one.adding {
                copied += found[ReplicaPlace(broker: broker, partition: partition)] ?? 0
            }
        }
        for (partition, brokers) in copies {
            let all = (sizes[partition] ?? 0) * Int64(brokers.count)
            whole += all
            if progress.done.contains(partition) { copied += all }
        }
        var line =
            "\(progress.done.count) of \(RebalanceReport.count(plan.targets.count, "partition")) "
            + "done, \(progress.underWay.count) under way"
        if whole > 0 {
            line +=
                ", \(RebalanceReport.bytes(min(copied, whole))) of "
                + "\(RebalanceReport.bytes(whole)) that were started"
        }
        write(line)
    }

    private mutating func write(_ line: String) {
        let now = Clocks.monotonic
        guard line != lastLine else { return }
        if console.showsProgress {
            // Over the last one, if there is one.
            console.error((lastLine.isEmpty ? "" : "\u{1B}[1A\u{1B}[2K") + line + ".")
        } else {
            guard now - Self.pauseMilliseconds >= lastShown else { return }
            console.print(line + ".")
            console.flush()
        }
        lastLine = line
        lastShown = now
    }

    /// The last line.
    func end(_ progress: RebalanceExecution.Progress) {
        console.print(
            "\(progress.done.count) of \(RebalanceReport.count(plan.targets.count, "partition")) "
                + "done.")
    }
}
