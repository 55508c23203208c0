import ClusterController
import KafkaWire
import LogStorage
import Replication

/// Compacts the node's logs, the dirtiest first, one at a time.
///
/// A round runs on an I/O thread; rounds do not overlap. A partition's lock is held only to look at
/// its segments and to swap cleaned ones in.
public final class NodeCleaner: @unchecked Sendable {
    // Sendable: the owner starts a round only once the one before has returned.
    private let surroundings: NodeSurroundings
    private var settings = CleanerSettings()
    /// When the last round ended, in milliseconds since 1970.
    private var lastRound: Int64?
    private var schedule = CleaningSchedule()
    private var random: SplitMix64

    /// Most logs compacted in one round; the rest waits for the next.
    static let logsPerRound = 64

    public init(surroundings: NodeSurroundings, seed: UInt64) {
        self.surroundings = surroundings
        self.random = SplitMix64(seed: seed)
    }

    /// Compacts what is due at `now`, in milliseconds since 1970; nothing within
    /// `log.cleaner.backoff.ms` of the round before.
    ///
    /// The `log.cleaner.*` keys that may change at run time are read anew for each round.
    public func round(_ view: BrokerView, now: Int64) -> NodeMaintenance.Outcome {
        var outcome = NodeMaintenance.Outcome()
        let backoff = view.controller.brokerNumber("log.cleaner.backoff.ms") ?? 15_000
        if let lastRound, now >= lastRound, now - lastRound < backoff { return outcome }
        lastRound = now
        guard view.controller.effectiveBrokerConfig("log.cleaner.enable") != "false" else {
            return outcome
        }
        settings = CleanerSettings(view.controller)
        for status in view.directories.statuses() where status.error == .none {
            clean(status.path, view, now, &outcome)
        }
        return outcome
    }

    private func clean(
        _ directory: String, _ view: BrokerView, _ now: Int64,
        _ outcome: inout NodeMaintenance.Outcome
    ) {
        let cells = view.compactedCells(in: directory)
        guard !cells.isEmpty else { return }
        do throws(FileError) {
            for cell in cells {
                outcome.wakes += try flushClosedSegments(of: cell, view.settings.durability)
            }
            for number in 0..<Self.logsPerRound {
                guard let (cell, range) = next(of: cells, view, now) else { return }
                // Recovery takes gaps above the recovery point for a loss.
                if number == 0 { try view.directories.checkpoint(.recoveryPoint, of: directory) }
                let end = clean(cell, range, now, &outcome)
                guard schedule.finish(cell.topicPartition), let end else { continue }
                view.directories.noteCleaned(cell.topicPartition, to: end, in: directory)
                try view.directories.checkpoint(.cleaner, of: directory)
            }
        } catch {
            outcome.failures.append((directory, error))
        }
    }

    /// Only what is on disk is compacted; with `martlet.durability=replicated` nobody else sees to
    /// that. Whom to wake.
    private func flushClosedSegments(
        of cell: PartitionCell, _ durability: Durability
    ) throws(FileError) -> [WaitTicket] {
        try cell.flush(durability) { $0.log.flushedOffset < $0.log.activeSegmentBaseOffset }
    }

    private func next(
        of cells: [PartitionCell], _ view: BrokerView, _ now: Int64
    ) -> (PartitionCell, CleanableRange)? {
        var candidates: [CleaningSchedule.Candidate] = []
        for cell in cells where schedule.isIdle(cell.topicPartition) {
            let replica = cell.enter()
            defer { cell.leave() }
            do throws(LogError) {
                let range = try replica.log.cleanableRange(
                    checkpoint: view.directories.cleanedOffset(
                        of: cell.topicPartition, in: cell.logDirectory),
                    highWatermark: replica.highWatermark, now: now)
                candidates.append(
                    .init(
                        topicPartition: cell.topicPartition, range: range,
                        minCleanableDirtyRatio: replica.log.config.minCleanableDirtyRatio))
            } catch {
                surroundings.report("\(cell.topicPartition) cannot be compacted: \(error)")
            }
        }
        guard let chosen = schedule.begin(candidates) else { return nil }
        let cell = cells.first { $0.topicPartition == chosen.topicPartition }
        return cell.map { ($0, chosen.range) }
    }

    /// Compacts one log; where the next cleaning of it begins, `nil` when it could not be finished.
    private func clean(
        _ cell: PartitionCell, _ range: CleanableRange, _ now: Int64,
        _ outcome: inout NodeMaintenance.Outcome
    ) -> Offset? {
        do {
            let (input, delay) = try cell.prepareCleaning(range)
            let work = CleanerWork(input, settings: settings, now: now, using: &random)
            do {
                return try run(work, on: cell, now, delay, &outcome)
            } catch {
                try work.cancel()
                throw error
            }
        } catch CleanerError.io where cell.locked({ $0.log.isRetired }) {
            // Its directory has another name by now.
        } catch CleanerError.io(let error) {
            outcome.failures.append((cell.logDirectory, error))
        } catch CleanerError.corrupt(let path, let reason) {
            surroundings.report("\(path): \(reason); the log is not compacted any more")
            schedule.markUncleanable(cell.topicPartition, reason: reason)
        } catch CleanerError.superseded {
            // The log was truncated or deleted meanwhile: the next round looks at it anew.
        } catch {
            surroundings.report("\(cell.topicPartition) cannot be compacted: \(error)")
        }
        return nil
    }

    private func run(
        _ work: CleanerWork, on cell: PartitionCell, _ now: Int64, _ delay: Int64,
        _ outcome: inout NodeMaintenance.Outcome
    ) throws(CleanerError) -> Offset {
        while true {
            switch try work.step() {
            case .again: continue
            case .needsLock:
                let replica = cell.enter()
                defer { cell.leave() }
                for file in try replica.log.swap(work, now: now) {
                    outcome.deletions.append((file, delay))
                }
            case .done(let result): return result.endOffset
            }
        }
    }
}

extension Controller {
    /// A numeric broker key as it is in force.
    func brokerNumber(_ key: String) -> Int64? {
        effectiveBrokerConfig(key).flatMap { Int64($0) }
    }
}

extension CleanerSettings {
    /// One thread's share of the `log.cleaner.*` keys in force; this node has one thread.
    fileprivate init(_ controller: Controller) {
        self.init()
        func bytes(_ key: String) -> Int? {
            controller.brokerNumber(key).flatMap { Int(exactly: $0) }
        }
        dedupeBufferBytes = bytes("log.cleaner.dedupe.buffer.size") ?? dedupeBufferBytes
        ioBufferBytes = bytes("log.cleaner.io.buffer.size") ?? ioBufferBytes
        if let text = controller.effectiveBrokerConfig("log.cleaner.io.buffer.load.factor") {
            dedupeBufferLoadFactor = Double(text) ?? dedupeBufferLoadFactor
        }
    }
}

extension PartitionCell {
    /// What a cleaning of `range` starts from, and how long its old files are kept, in ms.
    fileprivate func prepareCleaning(
        _ range: CleanableRange
    ) throws(LogError) -> (CleanerInput, Int64) {
        let replica = enter()
        defer { leave() }
        let input = try replica.log.cleanerInput(range, highWatermark: replica.highWatermark)
        return (input, replica.log.config.fileDeleteDelayMs)
    }
}

extension BrokerView {
    /// The partitions in one log directory whose `cleanup.policy` has `compact`.
    func compactedCells(in directory: String) -> [PartitionCell] {
        topicsByName.flatMap { $0.partitions.compactMap { $0 } }.filter { cell in
            cell.logDirectory == directory
                && cell.locked { $0.log.config.compact && !$0.log.isMoving }
        }
    }
}
