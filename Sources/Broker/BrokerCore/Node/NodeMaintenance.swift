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
    }

    private func cells(in directory: String) -> [PartitionCell] {
        view.topicsByName.flatMap { $0.partitions.compactMap { $0 } }
            .filter { $0.logDirectory == directory }
    }

    private var onlineDirectories: [String] {
        view.directories.statuses().filter { $0.error == .none }.map(\.path)
    }

    /// Writes `replication-offset-checkpoint`: the high watermarks
    /// (`replica.high.watermark.checkpoint.interval.ms`).
    public func checkpointHighWatermarks() -> Outcome {
        checkpoint(.highWatermark) { $0.highWatermark }
    }

    /// Writes `recovery-point-offset-checkpoint`: below it, recovery need not look
    /// (`log.flush.offset.checkpoint.interval.ms`).
    public func checkpointRecoveryPoints() -> Outcome {
        checkpoint(.recoveryPoint) { $0.log.flushedOffset }
    }

    /// Writes `log-start-offset-checkpoint` of every directory.
    public func checkpointLogStartOffsets() -> Outcome {
        var outcome = Outcome()
        for directory in onlineDirectories {
            if let error = view.directories.checkpointLogStartOffsets(of: directory) {
                outcome.failures.append((directory, error))
            }
        }
        return outcome
    }

    private func checkpoint(
        _ kind: OffsetCheckpoint.Kind, _ offset: (PartitionReplica) -> Offset
    ) -> Outcome {
        var outcome = Outcome()
        for directory in onlineDirectories {
            var offsets: [TopicPartition: Offset] = [:]
            for cell in cells(in: directory) {
                offsets[cell.topicPartition] = cell.locked(offset)
            }
            do throws(FileError) {
                try OffsetCheckpoint(kind, in: directory, fileSystem: surroundings.fileSystem)
                    .write(offsets)
            } catch {
                outcome.failures.append((directory, error))
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
            guard replica.leaderEpoch != nil else { continue }
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

    /// Syncs every log: with `replicated`, what the system has not written by itself.
    public func flushAll() -> Outcome {
        var outcome = Outcome()
        for cell in onlineDirectories.flatMap({ cells(in: $0) }) {
            guard let ticket = cell.locked({ $0.beginFlush() }) else { continue }
            do throws(FileError) {
                try ticket.run()
            } catch {
                cell.locked { $0.log.markFailed(error) }
                outcome.failures.append((cell.logDirectory, error))
                continue
            }
            outcome.wakes += cell.locked {
                $0.completeFlush(ticket, durability: view.settings.durability)
            }
        }
        return outcome
    }
}
