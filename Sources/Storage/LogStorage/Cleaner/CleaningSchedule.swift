import KafkaWire

/// Which logs are being cleaned, which must not be, and which is to be cleaned next.
///
/// A log is idle, being cleaned, or paused; one that is being cleaned may be told to stop, and is
/// then paused once its cleaner has noticed (`finish`). A value that its owner guards; cleaner
/// threads ask it between two steps of their work.
public struct CleaningSchedule: Sendable {
    private enum State: Sendable, Equatable {
        case cleaning
        /// Told to stop; then paused for that many.
        case stopping(pauses: Int)
        case paused(Int)
    }

    private var states: [TopicPartition: State] = [:]
    private var uncleanable: [TopicPartition: String] = [:]

    public init() {}

    /// A log that could be cleaned.
    public struct Candidate: Sendable {
        public var topicPartition: TopicPartition
        public var range: CleanableRange
        /// `min.cleanable.dirty.ratio` of its topic.
        public var minCleanableDirtyRatio: Double

        public init(
            topicPartition: TopicPartition, range: CleanableRange, minCleanableDirtyRatio: Double
        ) {
            self.topicPartition = topicPartition
            self.range = range
            self.minCleanableDirtyRatio = minCleanableDirtyRatio
        }
    }

    /// Whether the log may be looked at: it is idle, and no cleaning of it has failed.
    public func isIdle(_ partition: TopicPartition) -> Bool {
        states[partition] == nil && uncleanable[partition] == nil
    }

    /// The dirtiest of the logs that are due; it counts as being cleaned from now until `finish`.
    public mutating func begin(_ candidates: [Candidate]) -> Candidate? {
        let due = candidates.filter {
            isIdle($0.topicPartition)
                && $0.range.isDue(minCleanableDirtyRatio: $0.minCleanableDirtyRatio)
        }
        // Of equal ones the first by name, whatever the order of the candidates.
        let chosen = due.min {
            ($1.range.dirtyRatio, $0.topicPartition) < ($0.range.dirtyRatio, $1.topicPartition)
        }
        if let chosen { states[chosen.topicPartition] = .cleaning }
        return chosen
    }

    /// Whether the cleaner of this log is to give up its work.
    public func isStopping(_ partition: TopicPartition) -> Bool {
        guard case .stopping = states[partition] else { return false }
        return true
    }

    /// The cleaner is done with the log, or has given up.
    ///
    /// True if what it has done counts, and the checkpoint is to be moved; false if it was told to
    /// stop.
    @discardableResult
    public mutating func finish(_ partition: TopicPartition) -> Bool {
        switch states[partition] {
        case .cleaning:
            states[partition] = nil
            return true
        case .stopping(let pauses):
            states[partition] = pauses == 0 ? nil : .paused(pauses)
            return false
        case .paused, nil:
            preconditionFailure("\(partition) is not being cleaned")
        }
    }

    /// Keeps cleaners off the log until as many calls of `resume`; for truncation, removal, and
    /// moves.
    ///
    /// True if the log is paused now; false if a cleaner must call `finish` first.
    @discardableResult
    public mutating func pause(_ partition: TopicPartition) -> Bool {
        switch states[partition] {
        case nil: states[partition] = .paused(1)
        case .paused(let count): states[partition] = .paused(count + 1)
        case .cleaning: states[partition] = .stopping(pauses: 1)
        case .stopping(let pauses): states[partition] = .stopping(pauses: pauses + 1)
        }
        return !isStopping(partition)
    }

    /// Takes back one `pause`.
    public mutating func resume(_ partition: TopicPartition) {
        switch states[partition] {
        case .paused(let count): states[partition] = count == 1 ? nil : .paused(count - 1)
        case .stopping(let pauses) where pauses > 0:
            states[partition] = .stopping(pauses: pauses - 1)
        case .stopping, .cleaning, nil:
            preconditionFailure("\(partition) is not paused")
        }
    }

    // MARK: Logs that cannot be cleaned

    /// Leaves the log alone from now on: a cleaning has failed for a reason that will not go away.
    public mutating func markUncleanable(_ partition: TopicPartition, reason: String) {
        uncleanable[partition] = reason
    }
    /// Logs that are left alone, with the reason, sorted by partition.
    public var uncleanableLogs: [(partition: TopicPartition, reason: String)] {
        uncleanable.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
    /// The log is no longer there; a new one of the same name starts afresh.
    public mutating func forget(_ partition: TopicPartition) { uncleanable[partition] = nil }
}
