import KafkaWire
import Testing

@testable import KafkaRecords

// `#expect` cannot hold a span.
private func crc32c(_ bytes: some Sequence<UInt8>, after: UInt32 = 0) -> UInt32 {
    CRC32C.update(after, Array(bytes).span.bytes)
}
private func crc32cByTables(_ bytes: [UInt8]) -> UInt32 {
    CRC32C.checksumByTables(bytes.span.bytes)
}
private func crc32(_ bytes: [UInt8]) -> UInt32 { CRC32.checksum(bytes.span.bytes) }

@Suite("CRC-32C")
struct CRC32CTests {
    /// The vectors of RFC 3720, appendix B.4, and the usual check value.
    @Test func knownVectors() {
        #expect(crc32c([UInt8]()) == 0)
        #expect(crc32c(Array("123456789".utf8)) == 0xE306_9283)
        #expect(crc32c([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(crc32c([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(crc32c(Array(UInt8(0)..<32)) == 0x46DD_794E)
        #expect(crc32c(Array((UInt8(0)..<32).reversed())) == 0x113F_DB5C)
        #expect(crc32(Array("123456789".utf8)) == 0xCBF4_3926)
    }

    /// Every tail and the seams of the interleaved streams: 3 x 64 and 3 x 1024 bytes.
    @Test func hardwareAgreesWithTables() {
        var generator = SplitMix64(seed: 1)
        let bytes = generator.bytes(count: 10_000)
        let lengths = Array(0..<450) + Array(3060..<3090) + Array(6140..<6150) + [9_997]
        for length in lengths {
            let part = Array(bytes[1..<1 + length])
            #expect(crc32c(part) == crc32cByTables(part), "\(length) bytes")
        }
    }

    @Test func updateContinues() {
        var generator = SplitMix64(seed: 2)
        let bytes = generator.bytes(count: 5_000)
        let whole = crc32c(bytes)
        for cut in [0, 1, 7, 64, 191, 192, 3071, 3072, 4_999, 5_000] {
            let first = crc32c(Array(bytes[..<cut]))
            #expect(crc32c(bytes[cut...], after: first) == whole)
        }
    }
}
