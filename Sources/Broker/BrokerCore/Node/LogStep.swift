import ClusterController
import KafkaWire
import LogStorage
import MetadataQuorum

/// One thing to be done to the files of a partition.
enum LogStep: Sendable {
    /// Opens a log that a directory holds.
    case open(PlannedOpen)
    case create(PlannedCreation)
    case discard(PlannedDiscard)

    var name: TopicPartition {
        switch self {
        case .open(let plan): plan.load.name.topicPartition
        case .create(let plan): plan.name
        case .discard(let plan): plan.name
        }
    }

    /// The log directory.
    var directory: String {
        switch self {
        case .open(let plan): plan.directory
        case .create(let plan): plan.directory
        case .discard(let plan): plan.directory
        }
    }

    var createdReplica: ReplicaKey? {
        guard case .create(let plan) = self else { return nil }
        return ReplicaKey(topicID: plan.topicID, partition: plan.name.partition)
    }
}

/// A log to open, and what the image says of it.
struct PlannedOpen: Sendable {
    let load: LogDirectoryPlan.Load
    let directory: String
    let topic: TopicImage
    let config: LogConfig
}

/// A log to make, empty.
struct PlannedCreation: Sendable {
    let name: TopicPartition
    let topicID: KafkaUUID
    let directory: String
    let config: LogConfig
}

/// A replica's directory that is to be renamed, so that it is no replica's any more.
struct PlannedDiscard: Sendable {
    /// `nil` when nothing has used the log yet.
    let cell: PartitionCell?
    let name: TopicPartition
    let directory: String
    let target: String
    /// After how long its files go (`file.delete.delay.ms`).
    let delayMs: Int64
}

/// What became of a step.
enum LogStepResult {
    /// `nil`: the log is of a topic of that name that is no more.
    case opened(PlannedOpen, OpenedPartition?)
    case created(PlannedCreation, PartitionLog)
    case discarded(PlannedDiscard)
    case failed(LogStep, LogError)
}

/// Work with the disk that the controller's thread does not wait for: an I/O thread runs it, and
/// the result goes back to `NodeController.finished`.
public struct DiskJob: Sendable {
    enum Work: Sendable {
        case steps([LogStep])
        /// Removes all of them.
        case removals(PendingDeletions)
        /// Writes the snapshot of an image.
        case snapshot(SnapshotDraft, MetadataImage)
    }
    let work: Work
    let directories: NodeDirectories
    let fileSystem: any FileSystem
    /// Milliseconds since 1970.
    let now: Int64

    public func run() -> DiskJobResult {
        switch work {
        case .steps(let steps):
            var results = run(steps)
            settleDirectories(&results)
            return DiskJobResult(outcome: .steps(steps, results))
        case .removals(var due):
            return DiskJobResult(outcome: .removals(due.removeDue(.max, in: fileSystem)))
        case .snapshot(let draft, let image):
            return DiskJobResult(outcome: .snapshot(draft, write(draft, of: image)))
        }
    }

    private func write(_ draft: SnapshotDraft, of image: MetadataImage) -> QuorumError? {
        let version = image.metadataVersion
        do throws(QuorumError) {
            try draft.write(image.snapshotRecords()) { version.version(of: $0) }
            return nil
        } catch {
            return error
        }
    }

    private func run(_ steps: [LogStep]) -> [LogStepResult] {
        var created: [String: Set<TopicPartition>] = [:]
        for case .create(let plan) in steps {
            created[plan.directory, default: []].insert(plan.name)
        }
        var failed: [String: FileError] = [:]
        for (directory, names) in created.sorted(by: { $0.key < $1.key }) {
            do throws(FileError) {
                try directories.forget(names, in: directory)
            } catch {
                failed[directory] = error
            }
        }
        return steps.map { step in
            guard case .create = step, let error = failed[step.directory] else { return run(step) }
            return .failed(step, .io(error))
        }
    }

    private func run(_ step: LogStep) -> LogStepResult {
        do throws(LogError) {
            switch step {
            case .open(let plan): return .opened(plan, try open(plan))
            case .create(let plan): return .created(plan, try create(plan))
            case .discard(let plan):
                if let cell = plan.cell {
                    try cell.betweenFlushes { () throws(LogError) in try rename(plan) }
                } else {
                    try rename(plan)
                }
                return .discarded(plan)
            }
        } catch {
            return .failed(step, error)
        }
    }

    /// Opens a log and makes it durable; `nil` when it is of another topic than its name says.
    private func open(_ plan: PlannedOpen) throws(LogError) -> OpenedPartition? {
        let load = plan.load
        let id = try PartitionMetadataFile.read(load.path, fileSystem)
        guard id == nil || id == plan.topic.id else { return nil }
        do throws(FileError) {
            try PlacedCopyMarker.remove(from: load.path, fileSystem)
        } catch {
            throw .io(error)
        }
        let log = try PartitionLog.open(
            directory: load.path, topicPartition: load.name.topicPartition,
            topicID: plan.topic.id, config: plan.config, fileSystem: fileSystem,
            recoveryPoint: load.recoveryPoint, logStartOffset: load.logStartOffset,
            cleanedOffset: load.cleanedOffset, cleanShutdown: load.cleanShutdown, now: now)
        // What recovery found in the page cache is not on disk yet, and must be before it is
        // served.
        if log.flushedOffset < log.logEndOffset { try log.flush() }
        return OpenedPartition(
            log: log, highWatermark: load.highWatermark, directory: plan.directory)
    }

    /// Nothing is synced: what a power cut takes of an empty log is made anew, and the first flush
    /// of records makes the directory durable before it counts them.
    private func create(_ plan: PlannedCreation) throws(LogError) -> PartitionLog {
        try PartitionLog.open(
            directory: "\(plan.directory)/\(plan.name)", topicPartition: plan.name,
            topicID: plan.topicID, config: plan.config, fileSystem: fileSystem,
            recoveryPoint: .zero, logStartOffset: .zero, cleanShutdown: false, now: now)
    }

    private func rename(_ plan: PlannedDiscard) throws(LogError) {
        do throws(FileError) {
            try fileSystem.rename("\(plan.directory)/\(plan.name)", to: plan.target)
        } catch {
            throw .io(error)
        }
    }

    /// Makes what was renamed durable, each log directory once.
    private func settleDirectories(_ results: inout [LogStepResult]) {
        var touched: [String: [Int]] = [:]
        for (index, result) in results.enumerated() {
            guard case .discarded(let plan) = result else { continue }
            touched[plan.directory, default: []].append(index)
        }
        for (directory, indices) in touched.sorted(by: { $0.key < $1.key }) {
            do throws(FileError) {
                try fileSystem.syncDirectory(directory)
            } catch {
                for index in indices {
                    guard case .discarded(let plan) = results[index] else { continue }
                    results[index] = .failed(.discard(plan), .io(error))
                }
            }
        }
    }
}

/// What came of a job.
public struct DiskJobResult: @unchecked Sendable {
    // Sendable: the I/O thread lets go of the logs when it hands them over.
    enum Outcome {
        case steps([LogStep], [LogStepResult])
        case removals(FileError?)
        case snapshot(SnapshotDraft, QuorumError?)
    }
    let outcome: Outcome
}
