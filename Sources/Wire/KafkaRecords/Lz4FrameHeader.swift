/// The descriptor of an lz4 frame: flags 1, block size 1, content size 8 and dictionary id 4 where
/// the flags say so, and one byte of checksum.
enum Lz4FrameHeader {
    /// The frame with the checksum of its descriptor put right, or `nil` if it has no such header.
    ///
    /// Before format 1, Kafka's clients computed that byte over the frame's magic as well (KIP-57);
    /// it is therefore not looked at in format 0.
    static func withRightChecksum(_ frame: RawSpan) -> [UInt8]? {
        guard frame.byteCount >= 7 else { return nil }
        let flags = frame.load(UInt8.self, at: 4)
        let count = 2 + (flags & 0x08 == 0 ? 0 : 8) + (flags & 0x01 == 0 ? 0 : 4)
        guard frame.byteCount > 4 + count else { return nil }
        var bytes = frame.toArray()
        let hash = shortXXH32(Array(bytes[4..<4 + count]))
        bytes[4 + count] = UInt8(truncatingIfNeeded: hash >> 8)
        return bytes
    }

    /// XXH32 with seed 0 of fewer than 16 bytes, which leaves its main loop out.
    static func shortXXH32(_ bytes: [UInt8]) -> UInt32 {
        precondition(bytes.count < 16, "only the short form of XXH32 is here")
        var hash: UInt32 = 374_761_393 &+ UInt32(bytes.count)
        var index = 0
        while index + 4 <= bytes.count {
            let word = (0..<4).reduce(UInt32(0)) {
                $0 | UInt32(bytes[index + $1]) << UInt32(8 * $1)
            }
            hash = rotate(hash &+ word &* 3_266_489_917, 17) &* 668_265_263
            index += 4
        }
        for byte in bytes[index...] {
            hash = rotate(hash &+ UInt32(byte) &* 374_761_393, 11) &* 2_654_435_761
        }
        hash = (hash ^ hash >> 15) &* 2_246_822_519
        hash = (hash ^ hash >> 13) &* 3_266_489_917
        return hash ^ hash >> 16
    }

    private static func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 {
        value << count | value >> (32 - count)
    }
}
