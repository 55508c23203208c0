import ClusterController
import KafkaWire
import LogStorage

/// The controller's side of the work on the logs of partitions.
extension NodeController {
    /// Takes in what came of a job.
    public func finished(_ result: DiskJobResult) {
        take(result)
        workOnLogs()
        settle()
    }

    /// Does on the spot what takes no time worth mentioning.
    func runNow(_ work: DiskJob.Work) { take(job(work).run()) }

    /// While many logs are made, event loops learn of them this often: each of them looks at all
    /// partitions then.
    private static var bulkViewMs: Int64 { 100 }

    /// Has done what waits: on the spot where it is little, else by I/O threads.
    func workOnLogs() {
        while hasOpenedPartitions, logWork.isSmall, let steps = takeSteps() {
            take(job(.steps(steps)).run())
        }
        while let steps = takeSteps() { effects.jobs.append(job(.steps(steps))) }
    }

    private func takeSteps() -> [LogStep]? {
        logWork.takeJob { step in
            if isWanted(step) { return true }
            directories.countPartitions(-1, in: step.directory)
            return false
        }
    }

    func job(_ work: DiskJob.Work) -> DiskJob {
        DiskJob(
            work: work, directories: directories, fileSystem: surroundings.fileSystem,
            now: clock().wallMs)
    }

    /// A log that was to be made is not while it waits, when its partition has left this node.
    private func isWanted(_ step: LogStep) -> Bool {
        guard case .create(let plan) = step else { return true }
        return isPlacedHere(plan.topicID, plan.name.partition)
    }

    /// Whether the image has a replica of the partition on this node.
    func isPlacedHere(_ topicID: KafkaUUID, _ partition: Int32) -> Bool {
        let replicas = controller.image.topics[topicID]?[partition]?.replicas
        return replicas?.contains(options.nodeID.rawValue) ?? false
    }

    private func take(_ result: DiskJobResult) {
        switch result.outcome {
        case .removals(let error):
            if let error { surroundings.report("deleted files could not be removed: \(error)") }
        case .snapshot(let draft, let error): snapshotEnded(draft, error)
        case .steps(let steps, let results):
            logWork.finished(steps)
            knownConfigs = [:]
            for result in results { take(result) }
            if !hasOpenedPartitions {
                if logWork.isEmpty { finishOpening() }
            } else if logWork.isEmpty || clock().monotonicMs >= nextBulkView {
                publish()
                nextBulkView = clock().monotonicMs + Self.bulkViewMs
            }
        }
    }

    private func take(_ result: LogStepResult) {
        switch result {
        case .opened(let plan, let opened?): adopt(opened, plan)
        case .opened(let plan, nil):
            setAsideStray(
                plan.load, in: plan.directory, "belongs to a topic of that name that was deleted")
        case .created(let plan, let log): adopt(log, plan)
        case .discarded(let plan):
            pendingDeletions.add(
                plan.target, due: clock().wallMs.saturatingSum(plan.delayMs), isDirectory: true)
            directories.countPartitions(-1, in: plan.directory)
        case .failed(let step, let error): failed(step, error)
        }
    }

    private func adopt(_ opened: OpenedPartition, _ plan: PlannedOpen) {
        guard directories.isOnline(plan.directory) else { return }
        opened.log.config = config(of: plan.topic.name)
        table.adopt(opened, of: plan.topic)
        if plan.load.cleanedOffset > .zero {
            directories.noteCleaned(
                opened.log.topicPartition, to: plan.load.cleanedOffset, in: plan.directory)
        }
        directories.countPartitions(1, in: plan.directory)
    }

    private func adopt(_ log: PartitionLog, _ plan: PlannedCreation) {
        let partition = plan.name.partition
        guard let topic = controller.image.topics[plan.topicID],
            isPlacedHere(plan.topicID, partition)
        else {
            // It left this node while its log was made.
            return logWork.addFirst(
                .discard(discard(nil, of: plan.name, in: plan.directory, delayMs: 0)))
        }
        // A directory that failed meanwhile holds nothing of it: another one is found.
        if directories.isOnline(plan.directory) {
            log.config = config(of: topic.name)
            table.adopt(
                OpenedPartition(log: log, highWatermark: .zero, directory: plan.directory),
                of: topic)
        }
        update(partition, of: topic, isNew: true)
    }

    private func failed(_ step: LogStep, _ error: LogError) {
        takeOffline(step.directory, reason: "\(step.directory)/\(step.name): \(error)")
        guard case .create(let plan) = step else { return }
        directories.countPartitions(-1, in: plan.directory)
        if let topic = controller.image.topics[plan.topicID] {
            update(plan.name.partition, of: topic, isNew: true)
        }
    }

    /// The configuration of a topic's logs; looked up once for each change of the image or job.
    func config(of topic: String) -> LogConfig {
        if let known = knownConfigs[topic] { return known }
        let config = topicConfigs.logConfig(of: topic)
        knownConfigs[topic] = config
        return config
    }

    func discard(
        _ cell: PartitionCell?, of name: TopicPartition, in directory: String, delayMs: Int64
    ) -> PlannedDiscard {
        let renamed = PartitionDirectoryName(
            name, role: .delete, uniqueID: KafkaUUID.random(using: &random))
        return PlannedDiscard(
            cell: cell, name: name, directory: directory, target: "\(directory)/\(renamed.name)",
            delayMs: delayMs)
    }

    // MARK: Files

    /// Notes files to remove, each after its delay in ms.
    public func removeLater(_ files: [(path: String, delayMs: Int64)]) {
        for (path, delay) in files {
            pendingDeletions.add(path, due: clock().wallMs.saturatingSum(delay))
        }
    }

    /// The same for directories with all that is in them.
    public func removeLater(directories: [(path: String, delayMs: Int64)]) {
        for (path, delay) in directories {
            pendingDeletions.add(path, due: clock().wallMs.saturatingSum(delay), isDirectory: true)
        }
    }

    /// Has the files removed whose delay has passed.
    public func removeDueFiles() {
        let due = pendingDeletions.takeDue(clock().wallMs)
        if !due.isEmpty { effects.jobs.append(job(.removals(due))) }
    }

    // MARK: Stop

    /// What still waits when the node stops: deleted logs are set aside, for nobody remembers them
    /// at the next start. What was to be made or opened, is then.
    func endLogWork() {
        let discards = logWork.takeAll().filter { if case .discard = $0 { true } else { false } }
        guard case .steps(_, let results) = job(.steps(discards)).run().outcome else { return }
        for result in results { take(result) }
    }
}
