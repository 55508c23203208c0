import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// What came of asking for a move.
struct MoveAnswer {
    var error: KafkaError
    var wakes: [WaitTicket] = []
    /// The log directory that answered with an error.
    var failure: (directory: String, error: FileError)?
}

extension ReplicaMoves {
    /// Begins to move a replica to the log directory `target`, in place of a move to another one;
    /// to name the directory where it is cancels its move. A replica that does not exist yet will
    /// be made there.
    ///
    /// Blocks on the file system.
    func alter(
        _ partition: TopicPartition, to target: String, _ view: BrokerView, now: Int64
    ) -> MoveAnswer {
        whileRequesting {
            if let error = view.refusal(ofMoving: partition, to: target) {
                return MoveAnswer(error: error)
            }
            guard let cell = view.topic(named: partition.topic)?[partition.partition] else {
                return MoveAnswer(error: absent(partition, target, view))
            }
            guard cell.locked({ $0.isServing }) else {
                return MoveAnswer(error: .kafkaStorageError)
            }
            var answer = MoveAnswer(error: .none)
            if let move = move(of: partition) {
                if move.target == target { return answer }
                do throws(FileError) {
                    answer.wakes = try cancel(move, durability: view.settings.durability)
                } catch {
                    answer.failure = (move.target, error)
                }
            }
            if cell.logDirectory == target { return answer }
            // With a directory away nobody can tell whether a copy lies there already.
            guard view.directories.statuses().allSatisfy({ $0.error == .none }) else {
                answer.error = .kafkaStorageError
                return answer
            }
            begin(cell, target, view, now: now, &answer)
            return answer
        }
    }

    private func absent(
        _ partition: TopicPartition, _ target: String, _ view: BrokerView
    ) -> KafkaError {
        let refusal = view.refusal(named: partition.topic, partition.partition)
        guard refusal != .kafkaStorageError else { return refusal }
        prefer(target, for: partition)
        return .replicaNotAvailable
    }

    private func begin(
        _ cell: PartitionCell, _ target: String, _ view: BrokerView, now: Int64,
        _ answer: inout MoveAnswer
    ) {
        let name = newName(cell.topicPartition, .future)
        let (config, start) = cell.locked { ($0.log.config, $0.log.logStartOffset) }
        let copy: PartitionLog
        do throws(LogError) {
            // What is said of an earlier life of the replica there is not true of the copy.
            do throws(FileError) {
                try view.directories.forget([cell.topicPartition], in: target)
            } catch {
                throw .io(error)
            }
            copy = try PartitionLog.open(
                directory: "\(target)/\(name)", topicPartition: cell.topicPartition,
                topicID: cell.topicID, config: config, fileSystem: fileSystem,
                recoveryPoint: start, logStartOffset: start, cleanShutdown: false, now: now)
        } catch {
            answer.error = error.kafkaError
            if case .io(let cause) = error { answer.failure = (target, cause) }
            return
        }
        let isBegun = cell.locked { replica in
            guard replica.isServing else { return false }
            add(
                ReplicaMove(
                    cell, from: cell.logDirectory, to: target,
                    log: LogMove(of: replica.log, to: copy)))
            return true
        }
        guard !isBegun else { return }
        discard("\(target)/\(name)", delayMs: 0)
        answer.error = .kafkaStorageError
    }
}

extension PartitionReplica {
    /// Whether there is a partition to move.
    var isServing: Bool {
        if case .offline = role { false } else { !log.isRetired && log.failure == nil }
    }
}

extension BrokerView {
    /// What keeps any replica of that name from being moved to a log directory.
    fileprivate func refusal(
        ofMoving partition: TopicPartition, to target: String
    ) -> KafkaError? {
        let longest = PartitionDirectoryName(
            partition, role: .future, uniqueID: KafkaUUID(high: 0, low: 0))
        if longest.name.utf8.count > PartitionDirectoryName.byteLimit {
            return .invalidTopicException
        }
        guard let status = directories.statuses().first(where: { $0.path == target }) else {
            return .logDirNotFound
        }
        if status.error != .none { return status.error }
        return status.isCordoned ? .invalidReplicaAssignment : nil
    }
}
