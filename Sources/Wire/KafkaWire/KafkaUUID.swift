/// A 128-bit identifier of Kafka: topic id, directory id, incarnation id, cluster id.
///
/// Written as URL-safe base64 without padding, 22 characters (KIP-516).
public struct KafkaUUID: Hashable, Sendable, Comparable {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// No identifier (`AAAAAAAAAAAAAAAAAAAAAA`).
    public static let zero = KafkaUUID(high: 0, low: 0)
    /// The metadata topic, `__cluster_metadata` (KIP-595).
    public static let metadataTopic = KafkaUUID(high: 0, low: 1)

    public static func < (a: KafkaUUID, b: KafkaUUID) -> Bool {
        (a.high, a.low) < (b.high, b.low)
    }

    /// A random identifier of version 4, as no reserved one is, not written with a leading `-`.
    public static func random<G: RandomNumberGenerator>(using generator: inout G) -> KafkaUUID {
        while true {
            let high = (generator.next() as UInt64) & ~0xF000 | 0x4000
            let low = (generator.next() as UInt64) & ~(0b11 << 62) | (0b10 << 62)
            let id = KafkaUUID(high: high, low: low)
            if !id.description.hasPrefix("-") { return id }
        }
    }
}

extension KafkaUUID: CustomStringConvertible, LosslessStringConvertible {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// The sixteen bytes, most significant first.
    public var bytes: [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: high >> (56 - 8 * $0)) }
            + (0..<8).map { UInt8(truncatingIfNeeded: low >> (56 - 8 * $0)) }
    }

    public var description: String {
        var out: [UInt8] = []
        var accumulator: UInt32 = 0
        var bits = 0
        for byte in bytes {
            accumulator = accumulator << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                out.append(Self.alphabet[Int(accumulator >> UInt32(bits)) & 63])
            }
        }
        out.append(Self.alphabet[Int(accumulator << UInt32(6 - bits)) & 63])
        return String(decoding: out, as: UTF8.self)
    }

    /// Parses the 22 characters that `description` writes; `nil` for anything else.
    public init?(_ text: String) {
        let characters = Array(text.utf8)
        guard characters.count == 22 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for (index, character) in characters.enumerated() {
            guard let found = Self.alphabet.firstIndex(of: character) else { return nil }
            let value = UInt64(found)
            // 132 bits are written; the last four are padding and must be zero.
            if index == 21 {
                guard value & 0xF == 0 else { return nil }
                high = high << 2 | low >> 62
                low = low << 2 | value >> 4
            } else {
                high = high << 6 | low >> 58
                low = low << 6 | value
            }
        }
        self.init(high: high, low: low)
    }
}
