import KafkaProtocol
import KafkaRecords
import KafkaWire

/// Builds the state of a log's producers from the latest snapshot and the batches after it.
struct ProducerReplay {
    let directory: String
    let fileSystem: any FileSystem
    let expirationMs: Int64
    let now: Int64

    init(loader: LogLoader) {
        directory = loader.directory
        fileSystem = loader.fileSystem
        expirationMs = loader.config.producerIDExpirationMs
        now = loader.now
    }

    init(log: PartitionLog, now: Int64) {
        directory = log.directory
        fileSystem = log.fileSystem
        expirationMs = log.config.producerIDExpirationMs
        self.now = now
    }

    /// The table as of `end`. Snapshots that lie outside of the log or are damaged are removed.
    ///
    /// Deleted records count as far as they are still there, and a snapshot at the first segment's
    /// begin stays (Kafka removes it): it knows the producers whose records are all gone. A batch
    /// of them that comes again must not be appended again.
    ///
    /// - Parameter first: where the first segment begins.
    func table(
        upTo end: Offset, _ segments: [LogSegment], from first: Offset,
        _ snapshots: inout [Offset]
    ) throws(FileError) -> ProducerTable {
        if PlantedBug.lostProducers.isPlanted { return ProducerTable(endOffset: end) }
        for stray in snapshots where stray > end || stray < first { try remove(stray) }
        snapshots.removeAll { $0 > end || $0 < first }
        var table = ProducerTable(endOffset: first)
        while let latest = snapshots.last {
            if let states = try read(latest) {
                for state in states where !state.isExpired(now: now, after: expirationMs) {
                    table.store(state)
                }
                table.endOffset = latest
                break
            }
            try remove(latest)
            snapshots.removeLast()
        }
        for (index, segment) in segments.enumerated() {
            let next = index + 1 < segments.count ? segments[index + 1].baseOffset : end
            guard next > table.endOffset, segment.baseOffset < end, segment.size > 0 else {
                continue
            }
            try replay(segment, from: table.endOffset, upTo: end, &table)
        }
        table.endOffset = end
        return table
    }

    private func path(_ snapshot: Offset) -> String {
        directory + "/" + SegmentFileName(baseOffset: snapshot, kind: .producerSnapshot).text
    }

    private func remove(_ snapshot: Offset) throws(FileError) {
        if try fileSystem.status(path(snapshot)) != nil { try fileSystem.remove(path(snapshot)) }
    }

    /// `nil` when the snapshot is damaged.
    private func read(_ snapshot: Offset) throws(FileError) -> [ProducerState]? {
        let limit = ProducerSnapshot.sizeLimit
        guard let bytes = try fileSystem.readFile(path(snapshot), limit: limit) else { return nil }
        do throws(WireError) { return try ProducerSnapshot.decode(bytes) } catch { return nil }
    }

    private func replay(
        _ segment: LogSegment, from start: Offset, upTo end: Offset, _ table: inout ProducerTable
    ) throws(FileError) {
        guard let first = try segment.batch(holding: start) else { return }
        var changed = table
        try segment.walk(from: first.position, to: segment.size) {
            header, position throws(FileError) in
            guard header.baseOffset < end else { return false }
            if header.hasProducerID, header.nextOffset > start {
                var bytes: [UInt8] = []
                if header.isControl {
                    bytes = try segment.file().readBytes(at: position, count: header.sizeInBytes)
                }
                // Bytes have no padding.
                _ = unsafe Self.take(header, bytes.span.bytes, at: 0, &changed)
            }
            return true
        }
        table = changed
    }

    /// Takes a batch of the log into account; the transactions that it aborted. `bytes` holds, at
    /// `position`, the batch if it is a control batch.
    static func take(
        _ header: RecordBatchHeader, _ bytes: RawSpan, at position: Int,
        _ table: inout ProducerTable
    ) -> [AbortedTransaction] {
        var staging = ProducerStaging()
        do throws(AppendError) {
            if header.isControl {
                guard let marker = marker(header, bytes, at: position) else { return [] }
                try staging.add(
                    marker, header, at: header.lastOffset, origin: nil, transactionVersion: 0,
                    table)
            } else {
                try staging.add(header, baseOffset: header.baseOffset, origin: nil, table)
            }
        } catch {
            preconditionFailure("batches of the log are not checked again")
        }
        return staging.commit(to: &table)
    }

    private static func marker(
        _ header: RecordBatchHeader, _ bytes: RawSpan, at position: Int
    ) -> TransactionEnd? {
        do throws(WireError) {
            return try TransactionEnd(bytes, at: position, header)
        } catch {
            return nil
        }
    }
}
