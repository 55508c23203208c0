import KafkaProtocol
import KafkaRecords
import KafkaWire

/// What an append will change of the producers, kept apart until the batches are written.
struct ProducerStaging {
    /// Nearly every append is of one producer; more need an array.
    private var first: ProducerState?
    private var rest: [ProducerState] = []
    private var completed: [CompletedTransaction] = []
    /// Producers that are not being verified any more; with the epoch of the marker that says so.
    private var ended: [(ProducerID, markerEpoch: Int16?)] = []

    private func staged(_ id: ProducerID) -> ProducerState? {
        if let first, first.producerID == id { return first }
        return rest.first { $0.producerID == id }
    }

    private mutating func stage(_ state: ProducerState) {
        if first == nil || first?.producerID == state.producerID {
            first = state
        } else if let index = rest.firstIndex(where: { $0.producerID == state.producerID }) {
            rest[index] = state
        } else {
            rest.append(state)
        }
    }

    private func state(_ id: ProducerID, _ table: ProducerTable) -> ProducerState {
        staged(id) ?? table[id] ?? ProducerState(producerID: id)
    }

    /// Takes a batch of records that will get its header's offsets.
    ///
    /// `origin` is `nil` when the batch was checked before (by the leader, or before a restart).
    mutating func add(
        _ header: RecordBatchHeader, baseOffset: Offset, origin: AppendOrigin?,
        check: TransactionCheck = .none, _ table: ProducerTable
    ) throws(AppendError) {
        var state = state(header.producerID, table)
        if let origin {
            try Self.checkEpoch(header.producerEpoch, of: header.producerID, state)
            if header.isTransactional { try Self.checkVerified(header, state, check, table) }
            if origin == .client {
                let isOpen = state.isInTransaction(epoch: header.producerEpoch)
                try Self.checkSequence(
                    header, state, isOpen ? nil : table.verifications[header.producerID])
            }
            if state.currentTxnFirstOffset != nil, !header.isTransactional {
                throw .kafka(
                    .invalidTxnState,
                    "producer \(header.producerID) has an open transaction and wrote outside of it")
            }
        }
        state.add(
            ProducerBatch(
                lastSequence: header.lastSequence,
                lastOffset: baseOffset + Int64(header.lastOffsetDelta),
                offsetDelta: header.lastOffsetDelta, timestamp: header.maxTimestamp),
            epoch: header.producerEpoch)
        if header.isTransactional, state.currentTxnFirstOffset == nil {
            state.currentTxnFirstOffset = baseOffset
            ended.append((header.producerID, nil))
        }
        stage(state)
    }

    /// Takes the marker of a control batch at `offset`.
    mutating func add(
        _ marker: TransactionEnd, _ header: RecordBatchHeader, at offset: Offset,
        origin: AppendOrigin?, transactionVersion: Int16, _ table: ProducerTable
    ) throws(AppendError) {
        var state = state(header.producerID, table)
        if origin != nil {
            try Self.checkMarker(marker, header, state, transactionVersion)
        }
        if let begun = state.currentTxnFirstOffset {
            completed.append(
                CompletedTransaction(
                    producerID: header.producerID, firstOffset: begun, lastOffset: offset,
                    isAbort: marker.isAbort))
        }
        ended.append((header.producerID, header.producerEpoch))
        state.adopt(epoch: header.producerEpoch)
        state.coordinatorEpoch = marker.coordinatorEpoch
        state.lastTimestamp = marker.timestamp
        state.currentTxnFirstOffset = nil
        stage(state)
    }

    /// Hands all over to `table`; the transactions that were aborted.
    consuming func commit(to table: inout ProducerTable) -> [AbortedTransaction] {
        if let first { table.store(first) }
        for state in rest { table.store(state) }
        for (id, markerEpoch) in ended {
            if let markerEpoch {
                table.verifications.end(id, markerEpoch: markerEpoch)
            } else {
                table.verifications.end(id)
            }
        }
        var aborted: [AbortedTransaction] = []
        for (transaction, laterBegin) in zip(completed, laterBegins()) {
            if transaction.isAbort {
                sometimes(.abortIndexed)
                aborted.append(
                    AbortedTransaction(
                        producerID: transaction.producerID, firstOffset: transaction.firstOffset,
                        lastOffset: transaction.lastOffset,
                        lastStableOffset: min(
                            table.lastStableOffset(after: transaction), laterBegin)))
            }
            table.complete(transaction)
        }
        return aborted
    }

    /// For each transaction that is completed, where the earliest of those begins that end later in
    /// the same append; the table does not have those that begin in it, too.
    private func laterBegins() -> [Offset] {
        var begins: [Offset] = []
        var earliest = Offset(.max)
        for transaction in completed.reversed() {
            begins.append(earliest)
            earliest = min(earliest, transaction.firstOffset)
        }
        return begins.reversed()
    }

    // MARK: Checks

    static func checkEpoch(
        _ epoch: Int16, of id: ProducerID, _ state: ProducerState
    ) throws(AppendError) {
        guard epoch >= state.producerEpoch || PlantedBug.zombieWrites.isPlanted else {
            sometimes(.producerFenced)
            throw .kafka(
                .invalidProducerEpoch,
                "producer \(id) wrote with epoch \(epoch), "
                    + "the last seen is \(state.producerEpoch)")
        }
    }

    /// The first records of a transaction need the guard of a verification that still counts.
    private static func checkVerified(
        _ header: RecordBatchHeader, _ state: ProducerState, _ check: TransactionCheck,
        _ table: ProducerTable
    ) throws(AppendError) {
        guard case .needs(let shown) = check, !state.isInTransaction(epoch: header.producerEpoch),
            !PlantedBug.zombieWrites.isPlanted
        else { return }
        let current = table.verifications[header.producerID]?.current
        guard let shown, shown == current else {
            throw .kafka(
                .invalidTxnState,
                "producer \(header.producerID) wrote outside of a transaction that includes "
                    + "this partition")
        }
    }

    private static func checkSequence(
        _ header: RecordBatchHeader, _ state: ProducerState, _ verification: VerificationEntry?
    ) throws(AppendError) {
        if let verification {
            // With an epoch for each transaction, nothing that is missing can have expired.
            let mustBegin = verification.raisesEpochs && state.isEmpty && header.baseSequence != 0
            guard !mustBegin, header.baseSequence <= verification.lowestSequence else {
                throw .kafka(
                    .outOfOrderSequenceNumber,
                    "producer \(header.producerID) sent sequence \(header.baseSequence) "
                        + "first, expected is \(mustBegin ? 0 : verification.lowestSequence)")
            }
        }
        // Nothing is known of it (new, expired, or its records are deleted): any sequence will do.
        if state.producerEpoch == -1 || PlantedBug.appendedRetry.isPlanted { return }
        let expected: Int32
        if header.producerEpoch != state.producerEpoch || state.lastSequence == .max {
            expected = 0
        } else {
            expected = state.lastSequence + 1
        }
        let isGap = header.baseSequence > expected
        guard header.baseSequence == expected || isGap && PlantedBug.acceptedGap.isPlanted else {
            sometimes(.sequenceGap)
            throw .kafka(
                .outOfOrderSequenceNumber,
                "producer \(header.producerID) with epoch \(header.producerEpoch) sent sequence "
                    + "\(header.baseSequence), expected is \(expected)")
        }
    }

    private static func checkMarker(
        _ marker: TransactionEnd, _ header: RecordBatchHeader, _ state: ProducerState,
        _ transactionVersion: Int16
    ) throws(AppendError) {
        let epoch = header.producerEpoch
        // From transaction version 2 on each transaction has an epoch of its own, so that a marker
        // of the current one is late, unless it repeats the one that ended it (KIP-890).
        let isRepeat =
            epoch == state.producerEpoch
            && (state.currentTxnFirstOffset == nil || epoch == Int16.max)
        let isValid =
            transactionVersion >= 2
            ? epoch > state.producerEpoch || isRepeat : epoch >= state.producerEpoch
        guard isValid else {
            throw .kafka(
                .invalidProducerEpoch,
                "the marker for producer \(header.producerID) has epoch \(epoch), the last seen "
                    + "is \(state.producerEpoch)")
        }
        guard marker.coordinatorEpoch >= state.coordinatorEpoch else {
            throw .kafka(
                .transactionCoordinatorFenced,
                "the marker for producer \(header.producerID) is of coordinator epoch "
                    + "\(marker.coordinatorEpoch), the last seen is \(state.coordinatorEpoch)")
        }
    }
}
