import KafkaRecords
import KafkaWire

/// Decides for one batch after the other what compaction leaves of it.
///
/// Offsets never change; a batch that loses records keeps its first and last offset and with them
/// its producer's sequence numbers.
struct BatchCleaner {
    /// What of a producer must outlive compaction.
    struct LastRecord: Sendable, Equatable {
        /// The last offset of its data; `nil` when only a marker tells of it.
        var lastDataOffset: Offset?
        var producerEpoch: Int16
    }

    /// What holds for the whole cleaning.
    struct Rules: Sendable {
        /// Milliseconds since the epoch.
        var now: Int64
        /// `delete.retention.ms`.
        var deleteRetentionMs: Int64
        /// Most bytes that the records of one batch may decompress to.
        var decompressionLimit: Int
        var highWatermark: Offset
        /// Producers that are active, whose last batch stays even if nothing is left in it.
        var lastRecords: [ProducerID: LastRecord]
    }

    /// What becomes of a batch.
    enum Outcome: Equatable {
        case dropped
        /// Copied byte for byte.
        case kept
        /// Written anew; records are left unless `count` is 0.
        case rewritten([UInt8], count: Int)
    }

    let rules: Rules
    var transactions = CleanedTransactions()
    /// Batches of the formats 0 and 1 have no room for a delete horizon: whether their tombstones
    /// stay is decided for a whole segment, by its age.
    var keepsLegacyTombstones = true
    /// Transactions that the index of the cleaned segment must list; taken by the owner.
    var listed: [AbortedTransaction] = []
    /// Records without a key, which do not belong into a compacted log and are dropped.
    private(set) var keylessRecords = 0

    init(rules: Rules) { self.rules = rules }

    /// Decides about the batch that `bytes` are.
    mutating func clean(
        _ bytes: RawSpan, _ header: RecordBatchHeader, _ map: OffsetMap
    ) throws(BatchError) -> Outcome {
        let batch = try classify(bytes, header)
        let stays = isNeededEmpty(header)
        if batch.isDoomed && !stays { return .dropped }
        // Beyond what the map knows nothing is touched.
        if !batch.isDoomed && header.magic == 2 && header.baseOffset > map.latestOffset {
            return .kept
        }
        let kept: Kept =
            batch.isDoomed ? Kept(changed: true) : try filter(bytes, header, batch, map)
        guard kept.records.isEmpty else { return try rewrite(header, batch, kept) }
        // An old format has no producers, and no header that could stand alone.
        guard stays, header.magic == 2 else { return .dropped }
        return header.recordCount == 0
            ? .kept : .rewritten(RecordBatchBuilder.emptyBatch(like: header), count: 0)
    }

    // MARK: Transactions

    private struct Class {
        /// All records go: aborted data, or a marker whose time has come.
        var isDoomed: Bool
        /// A marker without data, whose delete horizon begins to run.
        var isEmptyMarker = false
    }

    private mutating func classify(
        _ bytes: RawSpan, _ header: RecordBatchHeader
    ) throws(BatchError) -> Class {
        guard header.isControl else { return Class(isDoomed: transactions.isAborted(header)) }
        let marker = transactions.end(header, type: try Self.controlType(bytes, header))
        if let listed = marker.listed { self.listed.append(listed) }
        let isOver = header.deleteHorizonMs.map { $0 <= rules.now } ?? false
        if PlantedBug.droppedMarker.isPlanted { return Class(isDoomed: true) }
        return Class(isDoomed: marker.isEmpty && isOver, isEmptyMarker: marker.isEmpty)
    }

    /// What the marker in a control batch is; `nil` for an emptied batch and an unknown type.
    static func controlType(
        _ bytes: RawSpan, _ header: RecordBatchHeader
    ) throws(BatchError) -> ControlRecordType? {
        guard header.recordCount > 0 else { return nil }
        let records = try BatchReader.records(bytes, limit: controlBatchLimit)
        guard let first = records.first else { return nil }
        return try ControlRecordType.parse(first)
    }
    /// Most bytes of a control batch, which is a few dozen long.
    private static let controlBatchLimit = 1 << 20

    /// Whether the batch stays even without records: it tells a producer's last sequence or epoch,
    /// or where the log ended at the high watermark.
    private func isNeededEmpty(_ header: RecordBatchHeader) -> Bool {
        if header.nextOffset == rules.highWatermark { return true }
        guard header.hasProducerID, let last = rules.lastRecords[header.producerID] else {
            return false
        }
        if let offset = last.lastDataOffset { return header.lastOffset == offset }
        return header.isControl && header.producerEpoch == last.producerEpoch
    }

    // MARK: Records

    private struct Kept {
        var records: [Record] = []
        /// Some were dropped, or the format is an old one.
        var changed: Bool
        var hasTombstone = false
    }

    private mutating func filter(
        _ bytes: RawSpan, _ header: RecordBatchHeader, _ batch: Class, _ map: OffsetMap
    ) throws(BatchError) -> Kept {
        var kept = Kept(changed: header.magic < 2)
        var previous = Offset(-1)
        for record in try BatchReader.records(bytes, limit: rules.decompressionLimit) {
            guard record.offset > previous, record.offset <= header.lastOffset else {
                throw .invalid("the record at \(record.offset) is out of order in its batch")
            }
            previous = record.offset
            if header.isControl || retains(record, header, map) {
                let isTombstone = record.value == nil && record.offset <= map.latestOffset
                kept.hasTombstone = kept.hasTombstone || isTombstone
                kept.records.append(record)
            } else {
                kept.changed = true
            }
        }
        return kept
    }

    private mutating func retains(
        _ record: Record, _ header: RecordBatchHeader, _ map: OffsetMap
    ) -> Bool {
        guard record.offset <= map.latestOffset else { return true }
        guard let key = record.key else {
            keylessRecords += 1
            return false
        }
        if PlantedBug.earlyTombstone.isPlanted { return record.value != nil }
        if PlantedBug.droppedValue.isPlanted, map.get(key) == record.offset { return false }
        if let latest = map.get(key), latest > record.offset { return false }
        if record.value != nil { return true }
        guard header.magic == 2 else { return keepsLegacyTombstones }
        let isKept = header.deleteHorizonMs.map { rules.now < $0 } ?? true
        sometimes(.tombstoneExpired, when: !isKept)
        return isKept
    }

    /// The batch with the records that are left. Tombstones and empty markers get their delete
    /// horizon at the first cleaning that sees them (KIP-534).
    private func rewrite(
        _ header: RecordBatchHeader, _ batch: Class, _ kept: Kept
    ) throws(BatchError) -> Outcome {
        let begins =
            header.deleteHorizonMs == nil
            && (batch.isEmptyMarker || (kept.hasTombstone && !header.isControl))
        if !kept.changed && !begins { return .kept }
        var options = RecordBatchBuilder.Options(like: header)
        if begins {
            sometimes(.deleteHorizonSet)
            options.deleteHorizonMs = rules.now.saturatingSum(rules.deleteRetentionMs)
        }
        if header.magic < 2, let first = kept.records.first { options.baseOffset = first.offset }
        var builder = RecordBatchBuilder(options)
        for record in kept.records { builder.append(record) }
        do throws(CompressionError) {
            let bytes = try builder.finish(lastOffset: header.magic == 2 ? header.lastOffset : nil)
            return .rewritten(bytes, count: kept.records.count)
        } catch {
            throw .compression(error)
        }
    }
}
