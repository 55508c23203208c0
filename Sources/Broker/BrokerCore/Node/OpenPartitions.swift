import ClusterController
import Coordinators
import KafkaWire
import LogStorage
import Replication

/// What opening one partition's log gave; written by one thread, read after all are done.
private final class OpenResults: @unchecked Sendable {
    // Sendable: every change happens with `lock` held.
    private let lock: any PartitionLock
    private(set) var opened: [Int: OpenedPartition] = [:]
    private(set) var failed: [Int: LogError] = [:]
    /// Logs of a topic of the same name that is no more.
    private(set) var foreign: Set<Int> = []

    init(lock: any PartitionLock) { self.lock = lock }

    func note(_ index: Int, _ result: Result<OpenedPartition?, LogError>) {
        lock.enter()
        defer { lock.leave() }
        switch result {
        case .success(let partition?): opened[index] = partition
        case .success(nil): foreign.insert(index)
        case .failure(let error): failed[index] = error
        }
    }
}

/// A log to open, and what the image says of it.
struct PlannedOpen: Sendable {
    let load: LogDirectoryPlan.Load
    let directory: String
    let topic: TopicImage
    let config: LogConfig
}

extension NodeController {
    /// Opens the logs that the directories hold, in parallel; sets aside what no topic owns any
    /// more.
    func openPartitions(_ plans: [LogDirectoryPlan]) {
        holdsPartitions = true
        topicChanges = GroupTopicChanges(since: committedEnd.rawValue - 1)
        var opens: [PlannedOpen] = []
        var futures: [PlannedOpen] = []
        var configs: [String: LogConfig] = [:]
        for plan in plans {
            for path in plan.deleted {
                pendingDeletions.add(path, due: clock().wallMs, isDirectory: true)
            }
            for load in plan.future {
                if let planned = planOpen(load, in: plan.directory, &configs) {
                    futures.append(planned)
                } else {
                    discardCopy(load.path, of: load.name.topicPartition, in: plan.directory)
                }
            }
            for load in plan.current {
                if let planned = planOpen(load, in: plan.directory, &configs) {
                    opens.append(planned)
                } else {
                    setAsideStray(load, in: plan.directory, "belongs to no topic of this cluster")
                }
            }
        }
        unplaceCopies(&opens, &futures)
        setAsideDoubles(&opens)
        adoptAbandonedCopies(&opens, &futures)
        let results = OpenResults(lock: surroundings.makeLock())
        let fileSystem = surroundings.fileSystem
        let now = clock().wallMs
        let jobs = opens
        surroundings.inParallel(jobs.count) { index in
            let job = jobs[index]
            results.note(index, open(job, fileSystem, now))
        }
        for index in jobs.indices {
            if let opened = results.opened[index] {
                let job = jobs[index]
                table.adopt(opened, of: job.topic)
                if job.load.cleanedOffset > .zero {
                    directories.noteCleaned(
                        opened.log.topicPartition, to: job.load.cleanedOffset, in: job.directory)
                }
                directories.countPartitions(1, in: job.directory)
            } else if let error = results.failed[index] {
                fail(directory: jobs[index].directory, reason: "\(jobs[index].load.path): \(error)")
            } else if results.foreign.contains(index) {
                setAsideStray(
                    jobs[index].load, in: jobs[index].directory,
                    "belongs to a topic of that name that was deleted")
            }
        }
        hasOpenedPartitions = true
        resumeMoves(futures)
        adoptRoles()
        publish()
    }

    /// - Parameter configs: those of the topics that were met before.
    private func planOpen(
        _ load: LogDirectoryPlan.Load, in directory: String, _ configs: inout [String: LogConfig]
    ) -> PlannedOpen? {
        let name = load.name.topicPartition
        guard let topic = controller.image.topics[name.topic],
            let partition = topic[name.partition],
            partition.replicas.contains(options.nodeID.rawValue)
        else { return nil }
        let config = configs[topic.name] ?? topicConfigs.logConfig(of: topic.name)
        configs[topic.name] = config
        return PlannedOpen(load: load, directory: directory, topic: topic, config: config)
    }

    /// Of a partition that lies in two directories, the one that the image names is served, else
    /// the first.
    private func setAsideDoubles(_ opens: inout [PlannedOpen]) {
        var chosen: [TopicPartition: PlannedOpen] = [:]
        for open in opens {
            let name = open.load.name.topicPartition
            guard let other = chosen[name] else {
                chosen[name] = open
                continue
            }
            let named = open.topic[name.partition]?.directory(of: options.nodeID.rawValue)
            let isNamed = directories.all.first { $0.path == open.directory }?.id == named
            chosen[name] = isNamed ? open : other
            let double = isNamed ? other : open
            setAsideStray(double.load, in: double.directory, "lies in another directory too")
        }
        opens.removeAll { chosen[$0.load.name.topicPartition]?.directory != $0.directory }
    }

    /// A directory that is not served: kept under another name, for a person to look at.
    private func setAsideStray(
        _ load: LogDirectoryPlan.Load, in directory: String, _ reason: String
    ) {
        let name = PartitionDirectoryName(
            load.name.topicPartition, role: .stray, uniqueID: KafkaUUID.random(using: &random))
        do throws(FileError) {
            try surroundings.fileSystem.rename(load.path, to: "\(directory)/\(name.name)")
            surroundings.report(
                "\(load.path) \(reason); set aside as \(name.name)")
        } catch {
            fail(directory: directory, reason: error.description)
        }
    }

    /// Partitions of the image that are on no disk are made; all get their roles.
    private func adoptRoles() {
        for topic in controller.image.topics.sorted {
            for partition in topic.partitions { update(partition.id, of: topic, isNew: false) }
        }
    }
}

/// Opens a log and makes it durable; `nil` when it is of another topic than its name says.
private func open(
    _ job: PlannedOpen, _ fileSystem: any FileSystem, _ now: Int64
) -> Result<OpenedPartition?, LogError> {
    do throws(LogError) {
        let id = try PartitionMetadataFile.read(job.load.path, fileSystem)
        guard id == nil || id == job.topic.id else { return .success(nil) }
        do throws(FileError) {
            try PlacedCopyMarker.remove(from: job.load.path, fileSystem)
        } catch {
            throw .io(error)
        }
        let log = try PartitionLog.open(
            directory: job.load.path, topicPartition: job.load.name.topicPartition,
            topicID: job.topic.id, config: job.config, fileSystem: fileSystem,
            recoveryPoint: job.load.recoveryPoint, logStartOffset: job.load.logStartOffset,
            cleanedOffset: job.load.cleanedOffset, cleanShutdown: job.load.cleanShutdown, now: now)
        // What recovery found in the page cache is not on disk yet, and must be before it is
        // served.
        if log.flushedOffset < log.logEndOffset { try log.flush() }
        return .success(
            OpenedPartition(
                log: log, highWatermark: job.load.highWatermark, directory: job.directory))
    } catch {
        return .failure(error)
    }
}
