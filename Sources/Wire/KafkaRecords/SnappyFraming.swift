internal import CCompression

/// The stream format of snappy-java, which Kafka's Java client writes: a header of 16 bytes (magic
/// 8, version 4, least compatible version 4), then blocks, each with its length in 4 bytes.
enum SnappyFraming {
    static let magic: [UInt8] = [0x82, 0x53, 0x4E, 0x41, 0x50, 0x50, 0x59, 0x00]
    static let headerByteCount = 16
    /// Input bytes of one block.
    static let blockByteCount = 32 * 1024

    static func compress(
        _ bytes: RawSpan, into output: inout CodecBuffer
    ) throws(CompressionError) {
        let header = magic + [0, 0, 0, 1, 0, 0, 0, 1]
        // The pointers below are those of one span and one buffer.
        var status = unsafe output.append(header.span.bytes) { unsafe mc_buffer_append($0, $1, $2) }
        var position = 0
        while status == MC_OK, position < bytes.byteCount {
            let end = min(position + blockByteCount, bytes.byteCount)
            status = unsafe output.append(bytes.extracting(position..<end)) {
                unsafe mc_snappy_compress($0, $1, $2)
            }
            position = end
        }
        guard status == MC_OK else { throw .failed("snappy of \(bytes.byteCount) bytes") }
    }

    /// Reads the framing when its magic is there, and one raw block otherwise.
    static func decompress(
        _ bytes: RawSpan, limit: Int, into output: inout CodecBuffer
    ) throws(CompressionError) {
        guard isFramed(bytes, at: 0) else {
            return try decompressBlock(bytes, limit: limit, into: &output)
        }
        var position = headerByteCount
        while position < bytes.byteCount {
            guard bytes.byteCount - position >= 4 else { throw .corrupt("snappy ends early") }
            // Streams that were joined repeat the header.
            if isFramed(bytes, at: position) {
                position += headerByteCount
                continue
            }
            let length = Int(bytes.load(Int32.self, at: position))
            position += 4
            guard length >= 0 else { throw .corrupt("snappy block of \(length) bytes") }
            guard length <= bytes.byteCount - position else { throw .corrupt("snappy ends early") }
            let block = bytes.extracting(position..<position + length)
            try decompressBlock(block, limit: limit, into: &output)
            position += length
        }
    }

    private static func decompressBlock(
        _ block: RawSpan, limit: Int, into output: inout CodecBuffer
    ) throws(CompressionError) {
        let status = unsafe output.append(block) {
            // The pointers are those of one span and one buffer.
            unsafe mc_snappy_decompress($0, $1, limit, $2)
        }
        try Compression.check(status, .snappy, limit: limit)
    }

    /// Whether a whole header begins at `position`.
    private static func isFramed(_ bytes: RawSpan, at position: Int) -> Bool {
        bytes.byteCount - position >= headerByteCount
            && bytes.load(UInt64.self, at: position) == 0x8253_4E41_5050_5900
    }
}
