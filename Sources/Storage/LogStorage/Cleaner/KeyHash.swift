/// 128 bits that stand for a record's key in the cleaner's map: SipHash-2-4 with 128 bits of
/// output.
///
/// Two keys that hash alike would make the cleaner drop a live record. The hash is therefore a
/// keyed one: whoever writes records does not know the secret and cannot look for collisions.
struct KeyHash: Equatable, Sendable {
    var high: UInt64
    var low: UInt64

    /// The secret of one cleaning.
    struct Secret: Sendable {
        let k0: UInt64
        let k1: UInt64

        init(k0: UInt64, k1: UInt64) {
            self.k0 = k0
            self.k1 = k1
        }
        init(using generator: inout some RandomNumberGenerator) {
            self.init(k0: generator.next(), k1: generator.next())
        }
    }

    init(_ key: [UInt8], _ secret: Secret) {
        var state = SipState(secret)
        let whole = key.count & ~7
        var index = 0
        while index < whole {
            var word: UInt64 = 0
            for shift in 0..<8 { word |= UInt64(key[index + shift]) << UInt64(8 * shift) }
            state.absorb(word)
            index += 8
        }
        var last = UInt64(truncatingIfNeeded: key.count) << 56
        for shift in 0..<key.count - whole {
            last |= UInt64(key[whole + shift]) << UInt64(8 * shift)
        }
        state.absorb(last)
        (low, high) = state.finish()
    }
}

/// The four words that SipHash stirs.
private struct SipState {
    var v0: UInt64
    var v1: UInt64
    var v2: UInt64
    var v3: UInt64

    init(_ secret: KeyHash.Secret) {
        v0 = secret.k0 ^ 0x736F_6D65_7073_6575
        v1 = secret.k1 ^ 0x646F_7261_6E64_6F6D ^ 0xEE
        v2 = secret.k0 ^ 0x6C79_6765_6E65_7261
        v3 = secret.k1 ^ 0x7465_6462_7974_6573
    }

    mutating func absorb(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    mutating func finish() -> (UInt64, UInt64) {
        v2 ^= 0xEE
        for _ in 0..<4 { round() }
        let first = v0 ^ v1 ^ v2 ^ v3
        v1 ^= 0xDD
        for _ in 0..<4 { round() }
        return (first, v0 ^ v1 ^ v2 ^ v3)
    }

    private mutating func round() {
        v0 = v0 &+ v1
        v1 = Self.rotate(v1, 13) ^ v0
        v0 = Self.rotate(v0, 32)
        v2 = v2 &+ v3
        v3 = Self.rotate(v3, 16) ^ v2
        v0 = v0 &+ v3
        v3 = Self.rotate(v3, 21) ^ v0
        v2 = v2 &+ v1
        v1 = Self.rotate(v1, 17) ^ v2
        v2 = Self.rotate(v2, 32)
    }

    private static func rotate(_ word: UInt64, _ count: UInt64) -> UInt64 {
        word << count | word >> (64 - count)
    }
}
