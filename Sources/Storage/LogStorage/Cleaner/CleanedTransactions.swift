import KafkaRecords
import KafkaWire

/// What the cleaner knows of transactions while it walks a log from front to back (KIP-98).
///
/// Aborted transactions come from the transaction index, since an abort marker stands after the
/// data that it condemns. A transaction counts as seen when a batch of it is still there: as long
/// as that is so its marker must stay, or readers would take the data for undecided or committed.
struct CleanedTransactions {
    private struct Aborted {
        var entry: AbortedTransaction
        var isSeen = false
    }

    /// Aborted transactions that begin further on, the next one last.
    private var upcoming: [AbortedTransaction] = []
    private var aborted: [ProducerID: Aborted] = [:]
    /// Producers with an open transaction that is not in the index: it is to be committed.
    private var committed: Set<ProducerID> = []

    /// Adds what the transaction index says about a part of the log that will be walked next. What
    /// has been added before may be added again.
    mutating func add(_ transactions: [AbortedTransaction]) {
        upcoming += transactions.filter { aborted[$0.producerID]?.entry != $0 }
        upcoming.sort { ($0.firstOffset, $0.producerID) > ($1.firstOffset, $1.producerID) }
    }

    /// Takes in a data batch; true if it belongs to an aborted transaction and is to be dropped.
    mutating func isAborted(_ batch: RecordBatchHeader) -> Bool {
        begin(upTo: batch.lastOffset)
        guard batch.isTransactional, !PlantedBug.revivedAbort.isPlanted else { return false }
        // Where a walk begins further on, the index also knows of transactions that have ended.
        if let found = aborted[batch.producerID], found.entry.lastOffset > batch.lastOffset {
            aborted[batch.producerID]?.isSeen = true
            return true
        }
        committed.insert(batch.producerID)
        return false
    }

    /// What is to become of a marker.
    struct Marker: Equatable {
        /// No data of its transaction is left: it may go once its delete horizon has passed.
        var isEmpty: Bool
        /// The transaction to be listed in the index of the cleaned segment.
        var listed: AbortedTransaction?
    }

    /// Takes in a control batch; `type` is `nil` for one that was emptied before.
    mutating func end(_ batch: RecordBatchHeader, type: ControlRecordType?) -> Marker {
        begin(upTo: batch.lastOffset)
        switch type {
        case .abort:
            let transaction = aborted.removeValue(forKey: batch.producerID)
            guard let transaction, transaction.isSeen else { return Marker(isEmpty: true) }
            return Marker(isEmpty: false, listed: transaction.entry)
        case .commit:
            return Marker(isEmpty: committed.remove(batch.producerID) == nil)
        case .leaderChange, .snapshotHeader, .snapshotFooter, .kraftVersion, .kraftVoters:
            return Marker(isEmpty: false)
        case nil:
            return Marker(isEmpty: batch.recordCount == 0)
        }
    }

    private mutating func begin(upTo offset: Offset) {
        while let next = upcoming.last, next.firstOffset <= offset {
            upcoming.removeLast()
            let known = aborted[next.producerID]?.entry.lastOffset ?? Offset(-1)
            if known < next.firstOffset { aborted[next.producerID] = Aborted(entry: next) }
        }
    }
}
