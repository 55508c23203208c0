/// Walks the batches that lie one after the other in `bytes`, of any format, without copying or
/// allocating.
///
///     var batches = BatchIterator(bytes)
///     while let batch = try batches.next() { ... batch.header, batch.range ... }
///     let rest = batches.trailingBytes
///
/// A batch that is cut off at the end is not an error, since the answer to a fetch may end in one:
/// it is left in `trailingBytes`. The CRC is not checked.
public struct BatchIterator: ~Escapable {
    /// One batch: what its header says, and where it lies in the bytes that are walked.
    public struct Element: Equatable, Sendable {
        public var header: RecordBatchHeader
        public var range: Range<Int>
    }

    let bytes: RawSpan
    /// Where the next batch begins.
    public private(set) var position = 0

    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) { self.bytes = bytes }

    /// Bytes not walked over yet; after `next` gave `nil`, those of a batch that is cut off.
    public var trailingBytes: Int { bytes.byteCount - position }

    /// The next batch that is all there, or `nil`.
    ///
    /// - Throws: what `RecordBatchHeader.init` throws for a header that makes no sense; the
    ///   iterator then stays where it is.
    public mutating func next() throws(BatchError) -> Element? {
        let remaining = trailingBytes
        guard remaining >= BatchLayout.byteCountToMagic else { return nil }
        let length = bytes.load(Int32.self, at: position + BatchLayout.length)
        // A whole message of the smallest format; `init` has the stricter rule for each.
        guard length >= RecordBatchHeader.byteCountV0 - RecordBatchHeader.logOverhead else {
            throw .badLength(length)
        }
        let size = Int(length) + RecordBatchHeader.logOverhead
        guard size <= remaining else {
            let magic = bytes.load(Int8.self, at: position + BatchLayout.magic)
            guard (0...2).contains(magic) else { throw .unsupportedMagic(magic) }
            return nil
        }
        let header = try RecordBatchHeader(bytes, at: position)
        let start = position
        position += size
        return Element(header: header, range: start..<position)
    }
}
