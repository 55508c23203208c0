public import KafkaWire

/// Proof that the transaction coordinator was asked about a producer and a partition (KIP-890).
///
/// It is given out before the question and must be the current one when the records are appended.
/// Records and markers that come in between take it away, so that an answer which a marker has
/// overtaken can begin no transaction that nobody would end.
public struct VerificationGuard: Hashable, Sendable {
    let number: UInt64
}

/// What an append of transactional records has to show.
public enum TransactionCheck: Equatable, Sendable {
    /// Nothing: verification is off, or a coordinator writes.
    case none
    /// This guard, where the producer's transaction is not open in the log yet.
    case needs(VerificationGuard?)
}

/// A verification that is under way.
struct VerificationEntry: Equatable {
    let current: VerificationGuard
    /// In milliseconds since the epoch.
    let begunMs: Int64
    /// Each transaction of the producer has an epoch of its own.
    let raisesEpochs: Bool
    /// The lowest sequence that asked: a higher one must not overtake it.
    var lowestSequence: Int32
    var epoch: Int16

    mutating func note(sequence: Int32, epoch: Int16) {
        if epoch > self.epoch {
            self.epoch = epoch
            lowestSequence = sequence
        } else if epoch == self.epoch {
            lowestSequence = min(lowestSequence, sequence)
        }
    }
}

/// The verifications of one log, by producer. Not on disk: after a restart a client asks anew.
struct Verifications {
    private var entries: [ProducerID: VerificationEntry] = [:]
    private var given: UInt64 = 0

    subscript(id: ProducerID) -> VerificationEntry? { entries[id] }

    mutating func begin(
        _ id: ProducerID, sequence: Int32, epoch: Int16, raisesEpochs: Bool, now: Int64
    ) -> VerificationGuard {
        if entries[id] != nil {
            entries[id]?.note(sequence: sequence, epoch: epoch)
        } else {
            given += 1
            entries[id] = VerificationEntry(
                current: VerificationGuard(number: given), begunMs: now,
                raisesEpochs: raisesEpochs, lowestSequence: sequence, epoch: epoch)
        }
        return entries[id].map(\.current) ?? VerificationGuard(number: 0)
    }

    /// Records of the producer's transaction were written: it is open, and needs no guard any more.
    mutating func end(_ id: ProducerID) {
        guard !entries.isEmpty else { return }
        entries[id] = nil
    }

    /// A marker of the producer was written. With the epoch of a producer whose transactions each
    /// have their own it belongs to the transaction before the one that is verified.
    mutating func end(_ id: ProducerID, markerEpoch: Int16) {
        guard let entry = entries[id] else { return }
        if entry.raisesEpochs, entry.epoch == markerEpoch { return }
        entries[id] = nil
    }

    mutating func expire(now: Int64, after expirationMs: Int64) {
        guard !entries.isEmpty else { return }
        entries = entries.filter { now - $0.value.begunMs < expirationMs }
    }
}

extension PartitionLog {
    /// Begins to verify that a producer's transaction includes this partition, unless the
    /// transaction is open here already: then there is nothing to verify, and no guard.
    ///
    /// - Throws: `INVALID_PRODUCER_EPOCH` for a producer that has been fenced.
    public func beginVerification(
        _ id: ProducerID, epoch: Int16, sequence: Int32, raisesEpochs: Bool, now: Int64
    ) throws(AppendError) -> VerificationGuard? {
        if let state = producers[id] {
            try ProducerStaging.checkEpoch(epoch, of: id, state)
            if state.isInTransaction(epoch: epoch) { return nil }
            // As before KIP-890: whoever coordinates the producer is not asked.
            if PlantedBug.zombieWrites.isPlanted, epoch < state.producerEpoch { return nil }
        }
        return producers.verifications.begin(
            id, sequence: sequence, epoch: epoch, raisesEpochs: raisesEpochs, now: now)
    }
}
