import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// Cuts off the log of a follower, on an I/O thread, unless its role has changed meanwhile.
///
/// The recovery point on disk goes below the cut first: recovery takes what lies below that point
/// without looking.
struct FollowerTruncation: Sendable {
    /// Where to cut.
    struct Target: Sendable {
        enum Kind: Sendable {
            /// The leader says that this epoch, the last that both may have, ends at `offset`.
            case epoch(LeaderEpoch)
            /// The log shall end at `offset`.
            case end
            /// The log shall hold nothing and begin at `offset`.
            case start
        }
        let kind: Kind
        let offset: Offset
    }

    let cell: PartitionCell
    let leader: BrokerID
    let epoch: LeaderEpoch
    let target: Target
    let directories: any DirectoryAccess

    func run() -> BackgroundResult {
        var result = BackgroundResult(message: FetchResponse())
        do {
            var isCut = false
            while !isCut {
                let directory = cell.logDirectory
                guard let (end, needsCheckpoint) = try prepare() else { return result }
                sometimes(.recoveryPointLowered, when: needsCheckpoint)
                if needsCheckpoint { try directories.checkpoint(.recoveryPoint, of: directory) }
                isCut = try cut(at: end, in: directory)
            }
        } catch let error as FileError {
            result.failures.append((cell.logDirectory, error))
        } catch LogError.io(let error) {
            result.failures.append((cell.logDirectory, error))
        } catch {
            // The log had failed before, which its directory's owner knows.
        }
        return result
    }

    private func prepare() throws(LogError) -> (end: Offset, needsCheckpoint: Bool)? {
        let replica = cell.enter()
        defer { cell.leave() }
        guard replica.follows(leader, in: epoch) else {
            sometimes(.truncationObsolete)
            return nil
        }
        let end =
            switch target.kind {
            case .epoch(let epoch):
                replica.truncationOffset(divergingEpoch: epoch, endOffset: target.offset)
            case .end: target.offset
            case .start: Offset.zero
            }
        return (end, try replica.prepareTruncation(to: end))
    }

    /// False when the replica has been moved to another directory, whose recovery point is not
    /// lowered yet.
    private func cut(at end: Offset, in directory: String) throws(LogError) -> Bool {
        let replica = cell.enter()
        defer { cell.leave() }
        guard replica.follows(leader, in: epoch) else { return true }
        guard cell.logDirectory == directory else { return false }
        if case .start = target.kind {
            try replica.truncateFullyAndStart(at: target.offset)
        } else {
            try replica.truncate(to: end)
        }
        return true
    }
}
