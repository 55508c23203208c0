import DequeModule
import KafkaWire
import LogStorage

/// What waits to be done to the files of partitions, away from the controller's thread: votes and
/// heartbeats must not wait for the disk to make some thousand directories.
///
/// The steps of one partition (by name, that is by its place on disk) are taken in order, one at a
/// time; those of different partitions side by side.
struct LogWork {
    private var waiting: [TopicPartition: [LogStep]] = [:]
    /// Partitions with a step to take and none under way, in the order of their first steps.
    private var ready = Deque<TopicPartition>()
    /// Partitions with a step under way.
    private var busy: Set<TopicPartition> = []
    private var jobsUnderWay = 0
    private var stepsWaiting = 0
    /// Replicas whose logs are to be made, or are being made.
    private var creating: Set<ReplicaKey> = []

    /// Most jobs at a time: others use the I/O threads too.
    static let jobsAtOnce = 8
    /// Most steps of one job.
    static let stepsInJob = 32
    /// Work as small as this is done on the spot: whoever made a topic finds its partitions there
    /// once he is answered. It takes a few milliseconds.
    static let stepsOnTheSpot = 64

    var isEmpty: Bool { stepsWaiting == 0 && jobsUnderWay == 0 }
    /// Whether it may be done on the spot.
    var isSmall: Bool { jobsUnderWay == 0 && stepsWaiting <= Self.stepsOnTheSpot }

    func isCreating(_ key: ReplicaKey) -> Bool { creating.contains(key) }

    mutating func add(_ step: LogStep) {
        let name = step.name
        if let key = step.createdReplica { creating.insert(key) }
        if waiting[name, default: []].isEmpty, !busy.contains(name) { ready.append(name) }
        waiting[name, default: []].append(step)
        stepsWaiting += 1
    }

    /// Adds what has to come before all that waits for the same partition.
    mutating func addFirst(_ step: LogStep) {
        let name = step.name
        if waiting[name, default: []].isEmpty, !busy.contains(name) { ready.append(name) }
        waiting[name, default: []].insert(step, at: 0)
        stepsWaiting += 1
    }

    /// The next steps that may be taken, which are under way from now on; none while there are
    /// jobs enough. `isWanted` may refuse one.
    mutating func takeJob(_ isWanted: (LogStep) -> Bool) -> [LogStep]? {
        guard jobsUnderWay < Self.jobsAtOnce else { return nil }
        let limit = min(Self.stepsInJob, max(1, stepsWaiting / Self.jobsAtOnce))
        var steps: [LogStep] = []
        while steps.count < limit, !ready.isEmpty {
            let name = ready.removeFirst()
            guard let step = takeStep(of: name, isWanted) else { continue }
            busy.insert(name)
            steps.append(step)
        }
        guard !steps.isEmpty else { return nil }
        jobsUnderWay += 1
        return steps
    }

    private mutating func takeStep(
        of name: TopicPartition, _ isWanted: (LogStep) -> Bool
    ) -> LogStep? {
        while let step = waiting[name]?.first {
            waiting[name]?.removeFirst()
            stepsWaiting -= 1
            if isWanted(step) { return step }
            if let key = step.createdReplica { creating.remove(key) }
        }
        waiting[name] = nil
        return nil
    }

    /// A job has ended; its partitions may take their next steps.
    mutating func finished(_ steps: [LogStep]) {
        jobsUnderWay -= 1
        for step in steps {
            busy.remove(step.name)
            if let key = step.createdReplica { creating.remove(key) }
            if waiting[step.name]?.isEmpty == false {
                ready.append(step.name)
            } else {
                waiting[step.name] = nil
            }
        }
    }

    /// Everything that waits, in no order between partitions; nothing is left.
    mutating func takeAll() -> [LogStep] {
        let steps = waiting.sorted { $0.key < $1.key }.flatMap(\.value)
        self = LogWork()
        return steps
    }
}
