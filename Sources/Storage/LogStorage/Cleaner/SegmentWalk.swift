import KafkaRecords
import KafkaWire

/// One closed segment as the cleaner found it under the partition's lock.
struct CleanerSegment: Sendable, Equatable {
    var baseOffset: Offset
    /// Bytes of log; a closed segment has no more.
    var logBytes: Int
    /// When the file last changed, in milliseconds since the epoch.
    var modified: Int64
}

/// Reads a closed segment from front to back, some whole batches at a time.
struct SegmentWalk {
    let path: String
    let size: Int
    private(set) var position = 0
    private let file: any StorageFile

    init(
        _ segment: CleanerSegment, in directory: String, fileSystem: any FileSystem
    ) throws(CleanerError) {
        let name = SegmentFileName(baseOffset: segment.baseOffset, kind: .log)
        path = SmallFile.path(directory, name.text)
        size = segment.logBytes
        let path = self.path
        file = try CleanerWork.io { () throws(FileError) in try fileSystem.open(path, .read) }
    }

    var isAtEnd: Bool { position >= size }

    /// Calls `body` with each batch in the next `count` bytes, at least one, until it answers
    /// false; such a batch counts as read. Checksums have been verified.
    ///
    /// Returns the bytes read.
    mutating func next(
        _ count: Int, _ body: (RawSpan, RecordBatchHeader) throws(CleanerError) -> Bool
    ) throws(CleanerError) -> Int {
        // As much as tells the size of the first.
        var bytes = try read(max(count, RecordBatchHeader.logOverhead))
        let first = batchSize(bytes)
        if let first, first > bytes.count { bytes = try read(first) }
        let consumed = try walk(bytes, body)
        guard consumed > 0 else {
            throw .corrupt(path: path, reason: "no whole batch at position \(position)")
        }
        position += consumed
        return bytes.count
    }

    func close() { file.close() }

    private func read(_ count: Int) throws(CleanerError) -> [UInt8] {
        try CleanerWork.io { () throws(FileError) in
            try file.bytes(at: position, count: min(count, size - position))
        }
    }

    /// What the first batch claims to take, if that can be.
    private func batchSize(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 12 else { return nil }
        let length = bytes[8..<12].reduce(0) { $0 << 8 | Int($1) }
        return length <= Int(Int32.max) && length + 12 <= size - position ? length + 12 : nil
    }

    private func walk(
        _ bytes: [UInt8], _ body: (RawSpan, RecordBatchHeader) throws(CleanerError) -> Bool
    ) throws(CleanerError) -> Int {
        // Bytes have no padding; the array outlives the walk.
        let span = unsafe bytes.span.bytes
        var batches = BatchIterator(span)
        while true {
            let batch: BatchIterator.Element?
            do throws(BatchError) {
                batch = try batches.next()
                if let batch {
                    try RecordBatchHeader.verifyCRC(
                        span, at: batch.range.lowerBound, header: batch.header)
                }
            } catch {
                throw .corrupt(path: path, reason: "\(error)")
            }
            guard let batch else { return batches.position }
            guard try body(span.extracting(batch.range), batch.header) else {
                return batch.range.upperBound
            }
        }
    }
}
