import Coordinators
import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// A coordinator's log on this node: its partition's cell, whose lock is taken for each call.
struct CellLog: CoordinatorLog {
    let cell: PartitionCell
    let durability: Durability
    let now: Int64
    /// What records of a transaction have to show.
    var check = TransactionCheck.none
    /// What the event loop has to do after the appends.
    private(set) var wakes: [WaitTicket] = []
    private(set) var appended = false
    private(set) var fault: FileError?

    init(_ cell: PartitionCell, durability: Durability, now: Int64) {
        self.cell = cell
        self.durability = durability
        self.now = now
    }

    var endOffset: Offset { cell.locked { $0.log.logEndOffset } }
    var highWatermark: Offset { cell.locked { $0.highWatermark } }

    mutating func append(
        _ batch: [UInt8], transactionVersion: Int16
    ) -> Result<Offset, KafkaError> {
        let replica = cell.enter()
        defer { cell.leave() }
        guard let epoch = replica.leaderEpoch else { return .failure(replica.refusal) }
        var batch = batch
        var span = batch.mutableSpan
        // Bytes have no padding.
        var bytes = unsafe span.mutableBytes
        do throws(AppendError) {
            let info = try replica.log.append(
                &bytes, origin: .coordinator, leaderEpoch: epoch, now: now,
                check: check, transactionVersion: transactionVersion)
            appended = true
            wakes += replica.appended(durability: durability)
            return .success(info.baseOffset)
        } catch {
            switch error {
            case .kafka(let code, _), .invalidRecords(let code, _): return .failure(code)
            case .io(let cause):
                fault = cause
                return .failure(.kafkaStorageError)
            }
        }
    }
}
