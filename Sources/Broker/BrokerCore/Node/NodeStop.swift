import KafkaWire
import LogStorage
import Replication

extension NodeController {
    /// Stops in order: leaves the cluster, syncs and closes every log, writes the checkpoints and
    /// the marker of a clean stop, releases the directories.
    ///
    /// No event loop may use the node any more.
    public func stop() {
        leave()
        endLogWork()
        _ = directories.moves.suspend(durability: options.durability)
        let maintenance = NodeMaintenance(view: makeView(), surroundings: surroundings)
        var failed: Set<String> = []
        for round in [maintenance.flushAll()] {
            for (directory, error) in round.failures {
                surroundings.report("\(directory): \(error)")
                failed.insert(directory)
            }
        }
        closeLogs(&failed)
        for round in [
            maintenance.checkpoint(.recoveryPoint), maintenance.checkpoint(.highWatermark),
            maintenance.checkpoint(.logStartOffset),
        ] {
            for (directory, error) in round.failures {
                surroundings.report("\(directory): \(error)")
                failed.insert(directory)
            }
        }
        do throws(LogError) {
            try quorum.close()
        } catch {
            surroundings.report("closing the metadata log: \(error)")
            failed.insert(options.metadataDirectory)
        }
        markClean(except: failed)
        directories.releaseLocks()
    }

    private func closeLogs(_ failed: inout Set<String>) {
        for cell in table.cells
        where !failed.contains(cell.logDirectory) && directories.isOnline(cell.logDirectory) {
            let error: LogError? = cell.locked { replica in
                do throws(LogError) {
                    try replica.log.close()
                    return nil
                } catch {
                    return error
                }
            }
            if let error {
                surroundings.report("closing \(cell.topicPartition): \(error)")
                failed.insert(cell.logDirectory)
            }
        }
    }

    private func markClean(except failed: Set<String>) {
        guard holdsPartitions else { return markUntouched() }
        // What was not opened may still need recovery.
        guard hasOpenedPartitions else { return }
        for directory in directories.online where !failed.contains(directory.path) {
            do throws(FileError) {
                try directory.cleanShutdownFile(in: surroundings.fileSystem)
                    .write(brokerEpoch: brokerEpoch)
            } catch {
                surroundings.report("\(directory.path): \(error)")
            }
        }
    }

    /// The node did not come to open its partitions: they are as they were found. When it had
    /// registered by then, that is the epoch that a controller compares with (KIP-966).
    private func markUntouched() {
        for plan in lifecycle.plans where plan.wasClean && directories.isOnline(plan.directory) {
            do throws(FileError) {
                try CleanShutdownFile(in: plan.directory, fileSystem: surroundings.fileSystem)
                    .write(brokerEpoch: max(brokerEpoch, plan.brokerEpoch ?? -1))
            } catch {
                surroundings.report("\(plan.directory): \(error)")
            }
        }
    }
}
