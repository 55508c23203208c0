import KafkaRecords
import KafkaWire

/// What `dump-log` prints of a file of batches.
struct LogDump {
    var printsContents = false
    var isDeep = false
    var skipsMetadata = false
    /// Bytes of batches to read from each file.
    var maxBytes = Int(Int32.max)
    /// Offsets that are missing between records are reported, as Kafka does; compaction makes them.
    var reportsGaps = true
    var parser: RecordText.Parser = RecordText.plain
    /// Most bytes that one batch may decompress to.
    static let decompressedLimit = 1 << 30

    /// Prints the batches of one file, and reports what is wrong with them.
    func run(_ path: String, _ console: Console, _ report: DamageReport) throws {
        let file = try SegmentFile(path)
        console.print(try Self.title(path))
        let limit = min(file.size, maxBytes)
        var position = 0
        var lastOffset: Int64 = -1
        var gaps: [(Int64, Int64)] = []
        do {
            while let batch = try file.batch(at: position, limit: limit) {
                position += batch.header.sizeInBytes
                try dump(batch, path, &lastOffset, &gaps, console, report)
                guard console.isOpen else { return }
            }
        } catch let error as BatchError {
            report.add(path, "at position \(position): \(error)")
        }
        let trailing = limit - position
        if trailing > 0, maxBytes == Int(Int32.max) {
            let name = path.split(separator: "/").last ?? ""
            console.print("Found \(trailing) invalid bytes at the end of \(name)")
            report.add(path, "\(trailing) invalid bytes at the end")
        }
        guard reportsGaps, !gaps.isEmpty else { return }
        console.error("Non-consecutive offsets in \(path)")
        for (offset, next) in gaps { console.error("  \(offset) is followed by \(next)") }
    }

    private static func title(_ path: String) throws(Failure) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        if name == "bootstrap.checkpoint" { return "KRaft bootstrap snapshot" }
        let stem = name.split(separator: ".").first ?? ""
        if name.hasSuffix(".checkpoint") {
            let parts = stem.split(separator: "-")
            if parts.count == 2, let offset = Int64(parts[0]), let epoch = Int32(parts[1]) {
                return "Snapshot end offset: \(offset), epoch: \(epoch)"
            }
        } else if let offset = Int64(stem) {
            return "Log starting offset: \(offset)"
        }
        throw Failure("The name of \(path) does not begin with an offset.")
    }

    private func dump(
        _ batch: SegmentFile.Batch, _ path: String, _ lastOffset: inout Int64,
        _ gaps: inout [(Int64, Int64)], _ console: Console, _ report: DamageReport
    ) throws {
        var isValid = true
        do {
            try RecordBatchHeader.verifyCRC(batch.bytes.span.bytes, header: batch.header)
        } catch {
            isValid = false
            report.add(path, "at position \(batch.position): \(error)")
        }
        console.print(Self.line(batch, isValid: isValid))
        guard isDeep else { return }
        let records: [Record]
        do {
            records = try BatchReader.records(
                batch.bytes.span.bytes, limit: Self.decompressedLimit)
        } catch {
            report.add(path, "at position \(batch.position): \(error)")
            return
        }
        for record in records {
            let offset = record.offset.rawValue
            if offset <= lastOffset {
                report.add(path, "offset \(offset) follows offset \(lastOffset)")
            } else if offset != lastOffset + 1 {
                gaps.append((lastOffset, offset))
            }
            lastOffset = offset
            console.print(try line(record, batch, isValid: isValid))
        }
    }

    /// The line of a batch.
    static func line(_ batch: SegmentFile.Batch, isValid: Bool) -> String {
        let header = batch.header
        var line = ""
        if header.magic >= 2 {
            line = "baseOffset: \(header.baseOffset) lastOffset: \(header.lastOffset)"
            line += " count: \(header.recordCount) baseSequence: \(header.baseSequence)"
            line += " lastSequence: \(header.lastSequence) producerId: \(header.producerID)"
            line += " producerEpoch: \(header.producerEpoch)"
            line += " partitionLeaderEpoch: \(header.partitionLeaderEpoch)"
            line += " isTransactional: \(header.isTransactional) isControl: \(header.isControl)"
            let horizon = header.deleteHorizonMs.map { "OptionalLong[\($0)]" }
            line += " deleteHorizonMs: \(horizon ?? "OptionalLong.empty")"
        } else {
            line = "offset: \(header.lastOffset)"
        }
        line += " position: \(batch.position) \(timestampName(header)): \(header.maxTimestamp)"
        line += " size: \(header.sizeInBytes) magic: \(header.magic)"
        line += " compresscodec: \(header.compression.name) crc: \(header.crc)"
        return line + " isvalid: \(isValid)"
    }

    private static func timestampName(_ header: RecordBatchHeader) -> String {
        header.magic == 0 ? "NoTimestampType" : header.timestampType.name
    }

    private func line(
        _ record: Record, _ batch: SegmentFile.Batch, isValid: Bool
    ) throws(Failure) -> String {
        let header = batch.header
        var line = ""
        if !skipsMetadata {
            line = "| offset: \(record.offset) \(Self.timestampName(header)): \(record.timestamp)"
            line += " keySize: \(record.key?.count ?? -1) valueSize: \(record.value?.count ?? -1)"
            if header.magic >= 2 {
                let keys = record.headers.map(\.key).joined(separator: ",")
                line += " sequence: \(Self.sequence(of: record, header)) headerKeys: [\(keys)]"
            } else {
                line += " isValid: \(isValid) crc: \(header.crc)"
            }
            if header.isControl { line += RecordText.control(record) }
        }
        guard printsContents, !header.isControl else { return line }
        let parts = try parser(record)
        var prefix = skipsMetadata ? "| " : " "
        if let key = parts.key {
            line += "\(prefix)key: \(key)"
            prefix = " "
        }
        if let value = parts.value { line += "\(prefix)payload: \(value)" }
        return line
    }

    private static func sequence(of record: Record, _ header: RecordBatchHeader) -> Int32 {
        guard header.baseSequence >= 0 else { return -1 }
        let delta = Int32(truncatingIfNeeded: record.offset - header.baseOffset)
        return RecordBatchHeader.sequence(header.baseSequence, plus: max(0, delta))
    }
}
