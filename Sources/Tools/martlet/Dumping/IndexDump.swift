import KafkaRecords
import KafkaWire

/// What `dump-log` prints of indexes, producer snapshots and lists of aborted transactions.
struct IndexDump {
    /// Check without printing the entries.
    var verifiesOnly = false
    /// Only what a broker checks when it starts.
    var sanityOnly = false

    let console: Console
    let report: DamageReport

    private func integer<T: FixedWidthInteger>(_ bytes: [UInt8], _ place: Int, _: T.Type) -> T {
        bytes[place..<place + MemoryLayout<T>.size].reduce(T(0)) { $0 << 8 | T($1) }
    }

    private static func base(_ path: String) throws(Failure) -> Int64 {
        let name = path.split(separator: "/").last ?? ""
        guard let stem = name.split(separator: ".").first, let base = Int64(stem) else {
            throw Failure("The name of \(path) does not begin with an offset.")
        }
        return base
    }

    private static func logPath(_ path: String) -> String {
        let directory = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        let stem = path.split(separator: "/").last?.split(separator: ".").first ?? ""
        return (directory + ["\(stem).log"]).joined(separator: "/")
    }

    /// The entries of an offset index: offset and position. Trailing zeros of a preallocated file
    /// are no entries.
    static func offsetEntries(_ bytes: [UInt8], base: Int64) -> [(offset: Int64, position: Int)] {
        var entries: [(offset: Int64, position: Int)] = []
        for start in stride(from: 0, to: bytes.count - 7, by: 8) {
            let words = (0..<2).map { word in
                bytes[(start + 4 * word)..<(start + 4 * word + 4)].reduce(UInt32(0)) {
                    $0 << 8 | UInt32($1)
                }
            }
            if words[0] == 0, start > 0 { break }
            entries.append((base + Int64(words[0]), Int(words[1])))
        }
        return entries
    }

    /// Prints an `.index` file: each entry must point at the batch that ends with its offset.
    func offsetIndex(_ path: String) throws {
        let base = try Self.base(path)
        let file = try SegmentFile(path)
        guard file.size > 0 else { return console.print("\(path) is empty.") }
        let bytes = try file.read(at: 0, count: file.size)
        let entries = Self.offsetEntries(bytes, base: base)
        if sanityOnly { return sanity(path, file.size, 8, entries.map(\.offset), base) }
        let log = try SegmentFile(Self.logPath(path))
        // A preallocated index that nothing has been written to holds one entry of zeros.
        if entries.count == 1, entries[0].position == 0, entries[0].offset == base { return }
        var previous = base - 1
        for entry in entries {
            let found: Int64?
            do {
                found = try log.batch(at: entry.position)?.header.lastOffset.rawValue
            } catch let error as BatchError {
                report.add(path, "entry \(entry.offset) points at no batch: \(error)")
                continue
            }
            if found != entry.offset {
                report.add(
                    path,
                    "Index offset: \(entry.offset), log offset: \(found.map(String.init) ?? "none")"
                )
            }
            if entry.offset <= previous {
                report.add(path, "offset \(entry.offset) follows offset \(previous)")
            }
            previous = entry.offset
            if !verifiesOnly {
                console.print("offset: \(entry.offset) position: \(entry.position)")
            }
        }
    }

    private func sanity(
        _ path: String, _ size: Int, _ entrySize: Int, _ offsets: [Int64], _ base: Int64
    ) {
        if size % entrySize != 0 {
            report.add(path, "its size \(size) is not a multiple of \(entrySize)")
        } else if let last = offsets.last, last < base {
            report.add(path, "its last offset \(last) is below its base offset \(base)")
        } else {
            console.print("\(path) passed sanity check.")
        }
    }

    /// Prints a `.timeindex` file: timestamps must grow, and be those of the batches.
    func timeIndex(_ path: String) throws {
        let base = try Self.base(path)
        let file = try SegmentFile(path)
        let bytes = try file.read(at: 0, count: file.size)
        var entries: [(timestamp: Int64, offset: Int64)] = []
        for start in stride(from: 0, to: bytes.count - 11, by: 12) {
            let relative = integer(bytes, start + 8, UInt32.self)
            if relative == 0, start > 0 { break }
            entries.append((integer(bytes, start, Int64.self), base + Int64(relative)))
        }
        if sanityOnly { return sanity(path, file.size, 12, entries.map(\.offset), base) }
        // As above: nothing but the zeros of a preallocated file.
        if entries.count == 1, entries[0] == (0, base) { return }
        let log = try BatchTable(Self.logPath(path))
        var previous: Int64 = -1
        for entry in entries {
            check(entry, log, path)
            if previous >= entry.timestamp {
                report.add(
                    path,
                    "Index timestamp: \(entry.timestamp), Previously indexed timestamp: \(previous)"
                )
            }
            previous = entry.timestamp
            if !verifiesOnly {
                console.print("timestamp: \(entry.timestamp) offset: \(entry.offset)")
            }
        }
    }

    private func check(
        _ entry: (timestamp: Int64, offset: Int64), _ log: BatchTable, _ path: String
    ) {
        guard let header = log.first(lastOffsetFrom: entry.offset) else {
            return report.add(path, "Indexed offset: \(entry.offset), found log offset: -1")
        }
        guard header.lastOffset.rawValue == entry.offset else {
            return report.add(
                path, "Indexed offset: \(entry.offset), found log offset: \(header.lastOffset)")
        }
        if header.maxTimestamp != entry.timestamp {
            report.add(
                path, "Index timestamp: \(entry.timestamp), log timestamp: \(header.maxTimestamp)")
        }
    }

    /// Prints a `.txnindex` file.
    func transactionIndex(_ path: String) throws {
        let bytes = try TextFile.bytes(path)
        if bytes.count % 34 != 0 { report.add(path, "its size is not a multiple of 34") }
        for start in stride(from: 0, to: bytes.count - 33, by: 34) {
            let version = integer(bytes, start, Int16.self)
            let fields = (0..<4).map { integer(bytes, start + 2 + 8 * $0, Int64.self) }
            guard version == 0, fields[1] <= fields[2] else {
                report.add(path, "the entry at \(start) makes no sense")
                continue
            }
            console.print(
                "version: \(version) producerId: \(fields[0]) firstOffset: \(fields[1]) "
                    + "lastOffset: \(fields[2]) lastStableOffset: \(fields[3])")
        }
    }

    /// Prints a `.snapshot` file of producers.
    func producerSnapshot(_ path: String) throws {
        let bytes = try TextFile.bytes(path)
        guard bytes.count >= 10 else { return report.add(path, "Snapshot is too short") }
        let version = integer(bytes, 0, Int16.self)
        guard version == 1 else {
            return report.add(path, "Snapshot contained an unknown file version \(version)")
        }
        let stored = integer(bytes, 2, UInt32.self)
        let computed = CRC32C.checksum(Array(bytes[6...]).span.bytes)
        guard stored == computed else {
            return report.add(
                path,
                "Snapshot is corrupt (CRC is no longer valid). Stored crc: \(stored). "
                    + "Computed crc: \(computed)")
        }
        let count = Int(integer(bytes, 6, Int32.self))
        guard count >= 0, bytes.count == 10 + count * 46 else {
            return report.add(path, "Snapshot failed schema validation: \(count) entries")
        }
        for start in stride(from: 10, to: bytes.count, by: 46) { producer(bytes, start) }
    }

    private func producer(_ bytes: [UInt8], _ start: Int) {
        let lastSequence = integer(bytes, start + 10, Int32.self)
        let lastOffset = integer(bytes, start + 14, Int64.self)
        let delta = integer(bytes, start + 22, Int32.self)
        let timestamp = integer(bytes, start + 26, Int64.self)
        let first = integer(bytes, start + 38, Int64.self)
        var line = "producerId: \(integer(bytes, start, Int64.self))"
        line += " producerEpoch: \(integer(bytes, start + 8, Int16.self))"
        line += " coordinatorEpoch: \(integer(bytes, start + 34, Int32.self))"
        let open = first >= 0 ? "OptionalLong[\(first)]" : "OptionalLong.empty"
        line += " currentTxnFirstOffset: \(open) lastTimestamp: \(timestamp)"
        if lastOffset >= 0 {
            // Sequence numbers wrap after Int32.max to 0.
            let firstSequence =
                lastSequence >= delta
                ? lastSequence - delta : Int32.max - (delta - lastSequence) + 1
            line += " firstSequence: \(firstSequence) lastSequence: \(lastSequence)"
            line += " lastOffset: \(lastOffset) offsetDelta: \(delta) timestamp: \(timestamp)"
        }
        console.print(line)
    }
}

/// The headers of a segment's batches.
private struct BatchTable {
    private var headers: [RecordBatchHeader] = []

    init(_ path: String) throws {
        let file = try SegmentFile(path)
        var position = 0
        while let batch = try file.batch(at: position) {
            headers.append(batch.header)
            position += batch.header.sizeInBytes
        }
    }

    /// The first batch whose last offset is `offset` or more.
    func first(lastOffsetFrom offset: Int64) -> RecordBatchHeader? {
        var low = 0
        var high = headers.count
        while low < high {
            let middle = (low + high) / 2
            if headers[middle].lastOffset.rawValue < offset {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low < headers.count ? headers[low] : nil
    }
}
