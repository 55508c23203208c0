import ClusterController
import KafkaWire
import LogStorage
import Replication

/// The next step of one move, on an I/O thread.
///
/// The directories of a partition change their names in this order, each durable before the next:
/// the copy gets the partition's name, the original is set aside, the metadata names the copy's
/// directory. Whatever a crash leaves, the directory that the metadata names has all that was
/// acknowledged.
struct MoveStep {
    let move: ReplicaMove
    let view: BrokerView
    let surroundings: NodeSurroundings
    /// Milliseconds since 1970.
    let now: Int64

    init(move: ReplicaMove, view: BrokerView, surroundings: NodeSurroundings, now: Int64) {
        self.move = move
        self.view = view
        self.surroundings = surroundings
        self.now = now
    }

    private var moves: ReplicaMoves { view.directories.moves }
    private var partition: TopicPartition { move.cell.topicPartition }

    /// Why a step was not made.
    private enum Stop: Error {
        case failed(LogMoveError)
        /// The target could not be written.
        case target(FileError)
        /// Somebody else ended the move.
        case ended
    }

    /// Makes the step; how many bytes it copied, `nil` when there is nothing more to do now.
    func run(_ outcome: inout NodeMaintenance.Outcome) -> Int? {
        do throws(Stop) {
            switch move.log.stage {
            case .copying, .placed: return try copy()
            case .settled:
                sometimes(.movePlaced)
                try place()
                return 0
            case .closed: return try replace(&outcome)
            case .replaced: return nil
            }
        } catch {
            return give(up: error, &outcome)
        }
    }

    /// Runs `body` with the lock of the cell held, if the move has not ended.
    private func locked<R>(
        _ body: (PartitionReplica) throws(LogMoveError) -> R
    ) throws(Stop) -> R {
        let replica = move.cell.enter()
        defer { move.cell.leave() }
        guard !move.isEnded, replica.isServing else { throw .ended }
        do throws(LogMoveError) { return try body(replica) } catch { throw .failed(error) }
    }

    private func writing(_ body: () throws(FileError) -> Void) throws(Stop) {
        do throws(FileError) { try body() } catch { throw .target(error) }
    }

    // MARK: Steps

    private func copy() throws(Stop) -> Int? {
        let action = try locked { replica throws(LogMoveError) in try move.log.next(replica.log) }
        if case .truncate(let end) = action {
            try lowerRecoveryPoint(to: end)
        }
        do throws(LogMoveError) {
            try move.log.perform(action, now: now)
            move.unflushedBytes += action.bytes
            if move.unflushedBytes >= ReplicaMover.bytesPerFlush {
                try move.log.flush()
                move.unflushedBytes = 0
            }
        } catch {
            guard case .damaged = error,
                try locked({ replica throws(LogMoveError) in move.log.wasCut(replica.log) })
            else { throw .failed(error) }
        }
        noteProgress()
        return action.bytes
    }

    private func noteProgress() {
        let copy = move.log.copy
        moves.note(move) {
            $0.size = copy.sizeInBytes
            $0.endOffset = copy.logEndOffset
            $0.recoveryPoint = copy.flushedOffset
            $0.logStartOffset = copy.logStartOffset
        }
    }

    /// What lies below the recovery point of the file is taken unseen when the node starts.
    private func lowerRecoveryPoint(to end: Offset) throws(Stop) {
        moves.note(move) { $0.recoveryPoint = min($0.recoveryPoint, end) }
        try writing { () throws(FileError) in
            try view.directories.checkpoint(.recoveryPoint, of: move.target)
        }
    }

    /// Gives the copy the partition's name, once the checkpoints know all about it.
    private func place() throws(Stop) {
        let highWatermark = try locked { replica throws(LogMoveError) in replica.highWatermark }
        let cleaned = view.directories.cleanedOffset(of: partition, in: move.source)
        noteProgress()
        moves.note(move) {
            $0.highWatermark = highWatermark
            $0.cleanedOffset = cleaned
        }
        let path = "\(move.target)/\(partition)"
        let copy = move.log.copy.directory
        try writing { () throws(FileError) in
            for kind in OffsetCheckpoint.Kind.allCases {
                try view.directories.checkpoint(kind, of: move.target)
            }
            try PlacedCopyMarker.write(in: copy, surroundings.fileSystem)
        }
        try locked { replica throws(LogMoveError) in
            try move.log.place(as: path)
            move.path = path
        }
        try writing { () throws(FileError) in
            try surroundings.fileSystem.syncDirectory(move.target)
        }
    }

    /// Puts the copy in the original's place.
    private func replace(_ outcome: inout NodeMaintenance.Outcome) throws(Stop) -> Int? {
        let aside = "\(move.source)/\(moves.newName(partition, .delete))"
        let isStartKnown = moves.locked { move.state.logStartOffset } == move.log.logStartOffset
        let done = try locked { replica throws(LogMoveError) in
            let done =
                isStartKnown
                ? try move.log.replace(replica.log, movingItTo: aside, now: now) : .superseded
            switch done {
            case .done:
                move.isReplaced = true
                replica.replaceLog(with: move.log.copy)
                move.cell.moved(to: move.target)
                view.directories.noteMoved(partition, from: move.source, to: move.target)
            case .again: break
            case .superseded:
                let future = "\(move.target)/\(moves.newName(partition, .future))"
                try move.log.retreat(to: future, from: replica.log)
                move.path = future
                outcome.wakes += replica.flushed(durability: view.settings.durability)
            }
            return done
        }
        guard done == .done else { return 0 }
        finish(aside, &outcome)
        return nil
    }

    private func finish(_ aside: String, _ outcome: inout NodeMaintenance.Outcome) {
        do throws(FileError) {
            try surroundings.fileSystem.syncDirectory(move.source)
        } catch {
            outcome.failures.append((move.source, error))
        }
        do throws(FileError) {
            try PlacedCopyMarker.remove(from: move.path, surroundings.fileSystem)
        } catch {
            outcome.failures.append((move.target, error))
        }
        sometimes(.moveDone)
        let delay = move.cell.locked { replica in
            outcome.wakes += moves.end(move, replica, durability: view.settings.durability)
            return replica.log.config.fileDeleteDelayMs
        }
        outcome.directories.append((aside, delay))
        outcome.flushes.append(move.cell)
        outcome.moved.append(move.cell)
        surroundings.report("\(partition) has been moved from \(move.source) to \(move.target)")
    }

    // MARK: Failures

    private func give(up stop: Stop, _ outcome: inout NodeMaintenance.Outcome) -> Int? {
        switch stop {
        case .ended: endQuietly(&outcome)
        case .target(let error): targetFailed(error, &outcome)
        case .failed(.copy(.io(let error))), .failed(.copy(.failed(let error))):
            targetFailed(error, &outcome)
        case .failed(.original(.io(let error))), .failed(.original(.failed(let error))):
            outcome.failures.append((move.source, error))
        case .failed(let error): cancel("\(error)", &outcome)
        }
        return nil
    }

    /// The replica is not served any more, or whoever ended the move has seen to everything.
    private func endQuietly(_ outcome: inout NodeMaintenance.Outcome) {
        let replica = move.cell.enter()
        defer { move.cell.leave() }
        outcome.wakes += moves.end(move, replica, durability: view.settings.durability)
    }

    private func targetFailed(_ error: FileError, _ outcome: inout NodeMaintenance.Outcome) {
        let isEnded = move.cell.locked { _ in move.isEnded }
        // The copy's directory was renamed by whoever ended the move.
        if isEnded { return }
        sometimes(.moveTargetFailed)
        guard error.isDiskFull else { return outcome.failures.append((move.target, error)) }
        cancel("\(error)", &outcome)
    }

    private func cancel(_ reason: String, _ outcome: inout NodeMaintenance.Outcome) {
        surroundings.report(
            "\(partition) stays in \(move.source), it cannot be moved to \(move.target): \(reason)")
        do throws(FileError) {
            outcome.wakes += try moves.cancel(move, durability: view.settings.durability)
        } catch {
            outcome.failures.append((move.target, error))
        }
    }
}

extension LogMove.Action {
    /// Bytes that it copies.
    fileprivate var bytes: Int {
        switch self {
        case .copy(let slice): slice.count
        case .settle(let slice), .close(let slice): slice?.count ?? 0
        case .warm, .truncate, .restart: 0
        }
    }
}
