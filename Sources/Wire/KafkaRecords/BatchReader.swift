/// Decodes the records of one batch, of any format.
///
/// `limit` is the most bytes that the records may take once decompressed; whatever the batch
/// declares, no more memory is taken for them. The batch's CRC is not checked here (`verifyCRC`),
/// that of the messages within a compressed message of format 0 or 1 is.
public enum BatchReader {
    /// All records of the batch at `position`, in order, control records among them.
    ///
    /// - Throws: `BatchError` for all that is cut off, does not decompress, decompresses to more
    ///   than `limit` bytes, or has lengths, counts or left-over bytes that do not fit.
    public static func records(
        _ bytes: RawSpan, at position: Int = 0, limit: Int
    ) throws(BatchError) -> [Record] {
        let header = try RecordBatchHeader(bytes, at: position)
        guard header.magic == 2 else {
            return try LegacyMessageSet.records(bytes, at: position, limit: limit)
        }
        return try withPayload(bytes, at: position, header: header, limit: limit) {
            payload throws(BatchError) in
            var cursor = try RecordCursor(payload, header: header)
            var records: [Record] = []
            records.reserveCapacity(cursor.remainingCount)
            while let fields = try cursor.next() {
                records.append(try cursor.record(fields, in: header))
            }
            return records
        }
    }

    /// Calls `body` with what follows the header of a format-2 batch, decompressed if need be: the
    /// input of a `RecordCursor`. The bytes are those of the batch itself when it is not
    /// compressed.
    ///
    /// A batch of no records, which compaction leaves behind, gives no bytes.
    public static func withPayload<Result>(
        _ bytes: RawSpan, at position: Int = 0, header: RecordBatchHeader, limit: Int,
        _ body: (RawSpan) throws(BatchError) -> Result
    ) throws(BatchError) -> Result {
        guard header.magic == 2 else { throw .unsupportedMagic(header.magic) }
        let remaining = bytes.byteCount - position
        guard header.sizeInBytes <= remaining else {
            throw .truncated(needed: header.sizeInBytes, remaining: remaining)
        }
        let start = position + RecordBatchHeader.byteCount
        guard header.recordCount != 0 else { return try body(bytes.extracting(start..<start)) }
        let stored = bytes.extracting(start..<position + header.sizeInBytes)
        guard header.compression != .none else {
            guard stored.byteCount <= limit else { throw .compression(.tooLarge(limit: limit)) }
            return try body(stored)
        }
        var output = CodecBuffer()
        do throws(CompressionError) {
            try Compression.decompress(
                stored, from: header.compression, limit: limit, into: &output)
        } catch {
            throw .compression(error)
        }
        return try body(output.bytes)
    }
}
