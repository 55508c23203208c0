internal import CCompression

/// CRC-32C (Castagnoli), the checksum of record batches of format 2.
public enum CRC32C {
    /// The checksum of `bytes`; 0 for none.
    ///
    /// By SSE4.2 in three interleaved streams or by ARMv8's instructions where there are any, by
    /// tables elsewhere.
    public static func checksum(_ bytes: RawSpan) -> UInt32 {
        update(0, bytes)
    }

    /// The checksum of what `checksum` covers followed by `bytes`.
    public static func update(_ checksum: UInt32, _ bytes: RawSpan) -> UInt32 {
        // The pointer and the count are those of one span; C reads no further.
        unsafe bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress else { return checksum }
            return unsafe mc_crc32c(checksum, start, buffer.count)
        }
    }

    /// The same by tables alone: the fallback, apart so that tests can compare.
    static func checksumByTables(_ bytes: RawSpan) -> UInt32 {
        // As above.
        unsafe bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress else { return 0 }
            return unsafe mc_crc32c_tables(0, start, buffer.count)
        }
    }
}

/// CRC-32 of ISO 3309, the checksum of message formats 0 and 1.
enum CRC32 {
    static func checksum(_ bytes: RawSpan) -> UInt32 {
        // The pointer and the count are those of one span; C reads no further.
        unsafe bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress else { return 0 }
            return unsafe mc_crc32(0, start, buffer.count)
        }
    }
}
