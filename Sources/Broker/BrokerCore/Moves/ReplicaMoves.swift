import KafkaWire
import LogStorage
import Replication

/// The replicas of a node that are being moved between its log directories (KIP-113), and where
/// replicas are to be made that do not exist yet.
///
/// Moves begin on I/O threads (`AlterReplicaLogDirs`) or at the start of the node; one thread at a
/// time carries them on (`ReplicaMover`). To end one, whoever does it holds the lock of the
/// partition's cell.
public final class ReplicaMoves: @unchecked Sendable {
    // Sendable: everything that changes is reached only with `lock` held.
    private let lock: any PartitionLock
    /// Held while a move is begun: two requests for one partition take turns.
    private let requestLock: any PartitionLock
    let fileSystem: any FileSystem
    private var random: SplitMix64
    private var moves: [TopicPartition: ReplicaMove] = [:]
    private var preferred: [TopicPartition: String] = [:]
    private var discarded: [(path: String, delayMs: Int64)] = []

    /// Most partitions that do not exist whose directory is remembered.
    static let preferenceLimit = 10_000

    init(fileSystem: any FileSystem, random: SplitMix64, makeLock: () -> any PartitionLock) {
        self.fileSystem = fileSystem
        self.random = random
        lock = makeLock()
        requestLock = makeLock()
    }

    func locked<R>(_ body: () -> R) -> R {
        lock.enter()
        defer { lock.leave() }
        return body()
    }

    func whileRequesting<R>(_ body: () -> R) -> R {
        requestLock.enter()
        defer { requestLock.leave() }
        return body()
    }

    /// All moves, by partition.
    var all: [ReplicaMove] {
        locked { moves.values.sorted { $0.cell.topicPartition < $1.cell.topicPartition } }
    }

    /// Whether there is anything to carry on or to remove.
    var hasWork: Bool { locked { !moves.isEmpty || !discarded.isEmpty } }

    func move(of partition: TopicPartition) -> ReplicaMove? { locked { moves[partition] } }

    func add(_ move: ReplicaMove) { locked { moves[move.cell.topicPartition] = move } }

    /// Forgets a move that has ended; another one of the partition may have begun.
    func remove(_ move: ReplicaMove) {
        locked {
            if moves[move.cell.topicPartition] === move { moves[move.cell.topicPartition] = nil }
        }
    }

    /// A name that no directory has.
    func newName(_ partition: TopicPartition, _ role: PartitionDirectoryName.Role) -> String {
        locked {
            PartitionDirectoryName(
                partition, role: role, uniqueID: KafkaUUID.random(using: &random)
            ).name
        }
    }

    // MARK: What others see

    /// The copies that are growing in a log directory, by partition.
    public func progress(in directory: String) -> [MoveProgress] {
        let moves = all.filter { $0.target == directory }
        return locked {
            moves.map {
                MoveProgress(
                    cell: $0.cell, size: $0.state.size, endOffset: $0.state.endOffset)
            }
        }
    }

    /// What the checkpoints of a log directory have to say of the copies in it.
    func offsets(_ kind: OffsetCheckpoint.Kind, in directory: String) -> [TopicPartition: Offset] {
        locked {
            moves.values.filter { $0.target == directory }.reduce(into: [:]) { offsets, move in
                offsets[move.cell.topicPartition] = move.state.offset(kind)
            }
        }
    }

    /// Notes what has become of a copy.
    func note(_ move: ReplicaMove, _ change: (inout ReplicaMove.State) -> Void) {
        locked { change(&move.state) }
    }

    // MARK: Replicas to come

    /// Remembers where a replica is to be made that does not exist yet.
    func prefer(_ directory: String, for partition: TopicPartition) {
        locked {
            guard preferred.count < Self.preferenceLimit || preferred[partition] != nil else {
                return
            }
            preferred[partition] = directory
        }
    }

    /// Where a replica that is made now is to go, if somebody has said so.
    func takePreference(for partition: TopicPartition) -> String? {
        locked { preferred.removeValue(forKey: partition) }
    }

    // MARK: Ends

    /// Ends a move whose copy is of no use any more; its directory is renamed, to be removed.
    /// Whom to wake.
    ///
    /// - Throws: when the target refuses; its owner takes it offline.
    func cancel(_ move: ReplicaMove, durability: Durability) throws(FileError) -> [WaitTicket] {
        let replica = move.cell.enter()
        defer { move.cell.leave() }
        return try discard(move, replica, durability: durability)
    }

    /// The same with the lock of the cell held.
    func discard(
        _ move: ReplicaMove, _ replica: PartitionReplica, durability: Durability
    ) throws(FileError) -> [WaitTicket] {
        guard !move.isEnded else { return [] }
        let wakes = end(move, replica, durability: durability)
        if move.isReplaced { return wakes }
        let path = "\(move.target)/\(newName(move.cell.topicPartition, .delete))"
        try fileSystem.rename(move.path, to: path)
        let delay = replica.log.config.fileDeleteDelayMs
        locked { discarded.append((path, delay)) }
        return wakes
    }

    /// Ends a move whose log directories are not to be touched, or that is done; with the lock of
    /// the cell held. Whom to wake.
    func end(
        _ move: ReplicaMove, _ replica: PartitionReplica, durability: Durability
    ) -> [WaitTicket] {
        guard !move.isEnded else { return [] }
        move.isEnded = true
        remove(move)
        replica.log.endMoving()
        return replica.flushed(durability: durability)
    }

    /// Ends the moves from and to a log directory that has failed. Whom to wake.
    ///
    /// A copy in a directory that still serves stays, as a future replica: the next start resumes
    /// the move when both directories are back.
    func directoryFailed(_ directory: String, durability: Durability) -> [WaitTicket] {
        all.filter { $0.source == directory || $0.target == directory }.flatMap {
            leave($0, touchingFiles: $0.target != directory, durability: durability)
        }
    }

    /// Ends all moves, for the next start to resume them.
    func suspend(durability: Durability) -> [WaitTicket] {
        all.flatMap { leave($0, touchingFiles: true, durability: durability) }
    }

    /// Ends a move and leaves the copy as a future replica.
    private func leave(
        _ move: ReplicaMove, touchingFiles: Bool, durability: Durability
    ) -> [WaitTicket] {
        let replica = move.cell.enter()
        defer { move.cell.leave() }
        let isPlaced = move.path == "\(move.target)/\(move.cell.topicPartition)"
        if touchingFiles, isPlaced, !move.isEnded, !move.isReplaced {
            let future = "\(move.target)/\(newName(move.cell.topicPartition, .future))"
            do throws(FileError) {
                try fileSystem.rename(move.path, to: future)
                move.path = future
            } catch {
                // It has the marker of a placed copy, by which the next start knows what it is.
            }
        }
        return end(move, replica, durability: durability)
    }

    /// The topic of a replica is gone: it is moved no more. Whom to wake.
    ///
    /// - Throws: when the target of its move refuses.
    func abandon(_ cell: PartitionCell, durability: Durability) throws(FileError) -> [WaitTicket] {
        let replica = cell.enter()
        defer { cell.leave() }
        replica.log.retire()
        guard let move = move(of: cell.topicPartition), move.cell === cell else { return [] }
        return try discard(move, replica, durability: durability)
    }

    /// Takes up a move that an earlier process of the node has begun; nobody uses the partition
    /// yet.
    func resume(_ cell: PartitionCell, to target: String, with copy: PartitionLog) {
        cell.locked { replica in
            add(
                ReplicaMove(
                    cell, from: cell.logDirectory, to: target,
                    log: LogMove(of: replica.log, to: copy)))
        }
    }

    /// Directories of copies that are out of use since the last call.
    func takeDiscarded() -> [(path: String, delayMs: Int64)] {
        locked {
            defer { discarded = [] }
            return discarded
        }
    }

    /// Notes a directory to be removed.
    func discard(_ path: String, delayMs: Int64) { locked { discarded.append((path, delayMs)) } }
}

extension ReplicaMove.State {
    fileprivate func offset(_ kind: OffsetCheckpoint.Kind) -> Offset? {
        switch kind {
        case .recoveryPoint: recoveryPoint
        case .highWatermark: highWatermark
        case .logStartOffset: logStartOffset
        case .cleaner: cleanedOffset
        }
    }
}
