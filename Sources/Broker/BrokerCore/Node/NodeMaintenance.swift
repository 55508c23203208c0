import KafkaWire
import LogStorage
import Replication

/// What a node does by the clock: checkpoints, retention, expiry of producers, removal of files.
///
/// Runs on an I/O thread. A partition's lock is held only to read or change its state, never over
/// the directory's files.
public struct NodeMaintenance: Sendable {
    private let view: BrokerView
    private let surroundings: NodeSurroundings

    public init(view: BrokerView, surroundings: NodeSurroundings) {
        self.view = view
        self.surroundings = surroundings
    }

    /// What came of a round.
    public struct Outcome: Sendable {
        /// Directories that failed, with the reason.
        public var failures: [(directory: String, error: FileError)] = []
        /// Delayed requests to wake.
        public var wakes: [WaitTicket] = []
        /// Files to remove, each after the delay of its topic.
        public var deletions: [(path: String, delayMs: Int64)] = []
        /// In-sync sets to ask the controller for.
        public var proposals: [IsrProposal] = []
        /// Directories to remove with all that is in them, each after its delay.
        public var directories: [(path: String, delayMs: Int64)] = []
        /// Partitions whose log is to be synced, for somebody may wait for it.
        public var flushes: [PartitionCell] = []
        /// Replicas that lie in another log directory now.
        public var moved: [PartitionCell] = []

        /// Nothing is to be done.
        public init() {}
    }

    /// Writes one of the checkpoints of every directory: high watermarks
    /// (`replica.high.watermark.checkpoint.interval.ms`), recovery points, below which recovery
    /// need not look (`log.flush.offset.checkpoint.interval.ms`), or log start offsets.
    public func checkpoint(_ kind: OffsetCheckpoint.Kind) -> Outcome {
        var outcome = Outcome()
        for status in view.directories.statuses() where status.error == .none {
            do throws(FileError) {
                try view.directories.checkpoint(kind, of: status.path)
            } catch {
                outcome.failures.append((status.path, error))
            }
        }
        return outcome
    }

    /// Drops the segments that retention allows to go (`log.retention.check.interval.ms`), and
    /// forgets producers that have been silent for too long (`producer.id.expiration.ms`).
    ///
    /// - Parameter now: milliseconds since 1970.
    public func applyRetention(now: Int64) -> Outcome {
        var outcome = Outcome()
        for cell in view.topicsByName.flatMap({ $0.partitions.compactMap { $0 } }) {
            let replica = cell.enter()
            defer { cell.leave() }
            guard replica.currentEpoch != nil else { continue }
            replica.log.expireProducers(now: now)
            do throws(LogError) {
                let result = try replica.log.applyRetention(
                    now: now, highWatermark: replica.highWatermark)
                replica.logStartOffsetMoved()
                let delay = replica.log.config.fileDeleteDelayMs
                outcome.deletions += result.files.map { ($0, delay) }
            } catch {
                if case .io(let cause) = error {
                    outcome.failures.append((cell.logDirectory, cause))
                }
                surroundings.report("retention of \(cell.topicPartition): \(error)")
            }
        }
        return outcome
    }

    /// Looks at how far the followers of this node's partitions lag behind
    /// (`replica.lag.time.max.ms`).
    ///
    /// - Parameter now: monotonic.
    public func checkFollowers(now: ClockReading) -> Outcome {
        var outcome = Outcome()
        guard view.image.brokers.count > 1 else { return outcome }
        for cell in view.topicsByName.flatMap({ $0.partitions.compactMap { $0 } }) {
            let progress = cell.locked {
                $0.checkFollowers(
                    now: now.monotonicNs / 1_000_000,
                    maxLagMs: view.settings.replication.maxLagMs,
                    durability: view.settings.durability, isEligible: { view.isEligible($0) })
            }
            outcome.wakes += progress.wakes
            if let proposal = progress.proposal { outcome.proposals.append(proposal) }
        }
        return outcome
    }

    private var onlineCells: [PartitionCell] {
        let online = Set(view.directories.statuses().filter { $0.error == .none }.map(\.path))
        return view.topicsByName.flatMap { $0.partitions.compactMap { $0 } }
            .filter { online.contains($0.logDirectory) }
    }

    /// Syncs every log: with `replicated`, what the system has not written by itself.
    public func flushAll() -> Outcome { flush { _ in true } }

    /// Syncs the logs whose last closed segment is not on disk yet: with `replicated` nobody waits
    /// for it, and recovery shall not have to read all that was ever written.
    public func flushClosedSegments() -> Outcome {
        flush { $0.log.flushedOffset < $0.log.activeSegmentBaseOffset }
    }

    private func flush(where isWanted: (PartitionReplica) -> Bool) -> Outcome {
        var outcome = Outcome()
        for cell in onlineCells {
            do throws(FileError) {
                outcome.wakes += try cell.flush(view.settings.durability, where: isWanted)
            } catch {
                outcome.failures.append((cell.logDirectory, error))
            }
        }
        return outcome
    }
}
