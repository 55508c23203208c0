internal import CCompression

/// Compression and decompression as Kafka's clients do it.
///
/// - gzip: the gzip wrapper (RFC 1952); several members are read as one.
/// - snappy: snappy-java's framing is written in blocks of 32 KiB; that and a raw block are read.
/// - lz4: a frame of independent blocks of 64 KiB is written; any valid frame is read, and what
///   follows it is ignored.
/// - zstd: a frame is written; several, one after the other, are read as one.
public enum Compression {
    /// The largest window of a zstd frame, as a power of two: 128 MiB, zstd's own bound without
    /// `--long`. A frame that declares more is refused before memory is taken for it.
    static let zstdWindowLog: Int32 = 27

    /// Compresses `bytes`; no level means the type's own (`CompressionType.defaultLevel`).
    ///
    /// - Throws: `badLevel` for a level that the type does not have, `failed` without memory.
    public static func compress(
        _ bytes: RawSpan, as type: CompressionType, level: Int? = nil
    ) throws(CompressionError) -> [UInt8] {
        var output = CodecBuffer()
        try compress(bytes, as: type, level: level, into: &output)
        return type == .none ? bytes.toArray() : output.toArray()
    }

    /// Decompresses `bytes` to no more than `limit` bytes, whatever size they declare.
    ///
    /// - Throws: `tooLarge` as soon as there is more than `limit`, `corrupt` for all that is not
    ///   valid or ends early.
    public static func decompress(
        _ bytes: RawSpan, from type: CompressionType, limit: Int
    ) throws(CompressionError) -> [UInt8] {
        if type == .none {
            guard bytes.byteCount <= limit else { throw .tooLarge(limit: limit) }
            return bytes.toArray()
        }
        var output = CodecBuffer()
        try decompress(bytes, from: type, limit: limit, into: &output)
        return output.toArray()
    }

    /// Appends what `bytes` compress to; nothing for `none`.
    static func compress(
        _ bytes: RawSpan, as type: CompressionType, level: Int?, into output: inout CodecBuffer
    ) throws(CompressionError) {
        if let level, !type.accepts(level: level) { throw .badLevel(level) }
        let level = Int32(level ?? type.defaultLevel ?? 0)
        let status: mc_status
        // The closures hand on the pointers they get, which are those of one span and one buffer.
        switch type {
        case .none: return
        case .gzip:
            status = unsafe output.append(bytes) { unsafe mc_gzip_compress($0, $1, level, $2) }
        case .snappy:
            return try SnappyFraming.compress(bytes, into: &output)
        case .lz4:
            let own = lz4Level(level)
            status = unsafe output.append(bytes) { unsafe mc_lz4_compress($0, $1, own, $2) }
        case .zstd:
            status = unsafe output.append(bytes) { unsafe mc_zstd_compress($0, $1, level, $2) }
        }
        guard status == MC_OK else { throw .failed("\(type.name) of \(bytes.byteCount) bytes") }
    }

    /// Appends what `bytes` decompress to, up to `limit` bytes in all.
    static func decompress(
        _ bytes: RawSpan, from type: CompressionType, limit: Int, into output: inout CodecBuffer
    ) throws(CompressionError) {
        guard limit >= 0 else { throw .tooLarge(limit: limit) }
        let status: mc_status
        // As above.
        switch type {
        case .none: return
        case .gzip:
            status = unsafe output.append(bytes) { unsafe mc_gzip_decompress($0, $1, limit, $2) }
        case .snappy:
            return try SnappyFraming.decompress(bytes, limit: limit, into: &output)
        case .lz4:
            status = unsafe output.append(bytes) { unsafe mc_lz4_decompress($0, $1, limit, $2) }
        case .zstd:
            status = unsafe output.append(bytes) {
                unsafe mc_zstd_decompress($0, $1, zstdWindowLog, limit, $2)
            }
        }
        try check(status, type, limit: limit)
    }

    /// Turns a status of a decompressor into the error it stands for.
    static func check(
        _ status: mc_status, _ type: CompressionType, limit: Int
    ) throws(CompressionError) {
        switch status {
        case MC_OK: return
        case MC_TOO_LARGE: throw .tooLarge(limit: limit)
        case MC_CORRUPT: throw .corrupt("not valid \(type.name)")
        case MC_TRUNCATED: throw .corrupt("\(type.name) ends early")
        default: throw .failed("no memory to decompress \(type.name)")
        }
    }

    /// Kafka's default 9 is the fast compressor (0 here), all else the high one, which begins at 3.
    private static func lz4Level(_ level: Int32) -> Int32 {
        level == 9 ? 0 : min(max(level, 3), 12)
    }
}

extension RawSpan {
    /// A copy.
    func toArray() -> [UInt8] {
        // The buffer is that of this span.
        unsafe withUnsafeBytes { unsafe [UInt8]($0) }
    }
}
