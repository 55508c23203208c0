/// A hash function that takes its input in blocks, as HMAC needs it: what it is after a first block
/// can be kept and gone on from.
protocol BlockHash: Sendable {
    /// Bytes in a block.
    static var blockSize: Int { get }
    /// Bytes in which the length of the input is written after its end.
    static var lengthSize: Int { get }

    /// Before any input.
    init()
    /// Takes the block that begins at `start`.
    mutating func compress(_ bytes: [UInt8], at start: Int)
    /// What has come out so far; without `finish` no hash of anything.
    var words: [UInt8] { get }
}

extension BlockHash {
    /// The hash of the blocks that were compressed, `before` bytes of them, and of `message`.
    func finish(_ message: [UInt8], after before: Int = 0) -> [UInt8] {
        var padded = message
        padded.append(0x80)
        let used = (padded.count + Self.lengthSize) % Self.blockSize
        let zeros = (used == 0 ? 0 : Self.blockSize - used) + Self.lengthSize - 8
        padded.append(contentsOf: repeatElement(0, count: zeros))
        padded.append(contentsOf: bigEndian(UInt64(before + message.count) * 8))
        var hash = self
        for start in stride(from: 0, to: padded.count, by: Self.blockSize) {
            hash.compress(padded, at: start)
        }
        return hash.words
    }
}

/// SHA-256 (FIPS 180-4, section 6.2). Takes as long for any input of a length.
struct SHA256: BlockHash {
    static let blockSize = 64
    static let lengthSize = 8
    private var state = SHA512.beginning.map { UInt32(truncatingIfNeeded: $0 >> 32) }
    private static let constants = SHA512.constants.prefix(64).map {
        UInt32(truncatingIfNeeded: $0 >> 32)
    }

    var words: [UInt8] { state.flatMap { bigEndian($0) } }

    mutating func compress(_ bytes: [UInt8], at start: Int) {
        var schedule = [UInt32](repeating: 0, count: 64)
        for index in 0..<16 {
            let place = start + 4 * index
            schedule[index] =
                UInt32(bytes[place]) &<< 24 | UInt32(bytes[place + 1]) &<< 16
                | UInt32(bytes[place + 2]) &<< 8 | UInt32(bytes[place + 3])
        }
        for index in 16..<64 {
            let (x, y) = (schedule[index - 15], schedule[index - 2])
            let small = (x &>> 7 | x &<< 25) ^ (x &>> 18 | x &<< 14) ^ x &>> 3
            let large = (y &>> 17 | y &<< 15) ^ (y &>> 19 | y &<< 13) ^ y &>> 10
            schedule[index] = schedule[index - 16] &+ small &+ schedule[index - 7] &+ large
        }
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for index in 0..<64 {
            let rotatedE = (e &>> 6 | e &<< 26) ^ (e &>> 11 | e &<< 21) ^ (e &>> 25 | e &<< 7)
            let choice = e & f ^ ~e & g
            let first = h &+ rotatedE &+ choice &+ Self.constants[index] &+ schedule[index]
            let rotatedA = (a &>> 2 | a &<< 30) ^ (a &>> 13 | a &<< 19) ^ (a &>> 22 | a &<< 10)
            let majority = a & b ^ a & c ^ b & c
            (h, g, f, e) = (g, f, e, d &+ first)
            (d, c, b, a) = (c, b, a, first &+ rotatedA &+ majority)
        }
        for (index, word) in [a, b, c, d, e, f, g, h].enumerated() {
            state[index] = state[index] &+ word
        }
    }
}

/// SHA-512 (FIPS 180-4, section 6.4). Takes as long for any input of a length.
struct SHA512: BlockHash {
    static let blockSize = 128
    static let lengthSize = 16
    private var state = SHA512.beginning

    var words: [UInt8] { state.flatMap { bigEndian($0) } }

    mutating func compress(_ bytes: [UInt8], at start: Int) {
        var schedule = [UInt64](repeating: 0, count: 80)
        for index in 0..<16 {
            var word: UInt64 = 0
            for place in start + 8 * index..<start + 8 * index + 8 {
                word = word &<< 8 | UInt64(bytes[place])
            }
            schedule[index] = word
        }
        for index in 16..<80 {
            let (x, y) = (schedule[index - 15], schedule[index - 2])
            let small = (x &>> 1 | x &<< 63) ^ (x &>> 8 | x &<< 56) ^ x &>> 7
            let large = (y &>> 19 | y &<< 45) ^ (y &>> 61 | y &<< 3) ^ y &>> 6
            schedule[index] = schedule[index - 16] &+ small &+ schedule[index - 7] &+ large
        }
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for index in 0..<80 {
            let rotatedE = (e &>> 14 | e &<< 50) ^ (e &>> 18 | e &<< 46) ^ (e &>> 41 | e &<< 23)
            let choice = e & f ^ ~e & g
            let first = h &+ rotatedE &+ choice &+ Self.constants[index] &+ schedule[index]
            let rotatedA = (a &>> 28 | a &<< 36) ^ (a &>> 34 | a &<< 30) ^ (a &>> 39 | a &<< 25)
            let majority = a & b ^ a & c ^ b & c
            (h, g, f, e) = (g, f, e, d &+ first)
            (d, c, b, a) = (c, b, a, first &+ rotatedA &+ majority)
        }
        for (index, word) in [a, b, c, d, e, f, g, h].enumerated() {
            state[index] = state[index] &+ word
        }
    }

    /// Fractions of the square roots of the first eight primes. SHA-256 has their upper halves.
    fileprivate static let beginning: [UInt64] = [
        0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
        0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
    ]

    /// Fractions of the cube roots of the first eighty primes. SHA-256 has the upper halves of the
    /// first sixty-four.
    fileprivate static let constants: [UInt64] = [
        0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
        0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
        0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
        0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
        0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
        0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
        0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
        0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
        0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
        0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
        0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
        0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
        0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
        0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
        0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
        0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
        0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
        0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
        0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
        0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
    ]
}

/// The bytes of a number, the highest first.
private func bigEndian<Word: FixedWidthInteger & UnsignedInteger>(_ word: Word) -> [UInt8] {
    stride(from: Word.bitWidth - 8, through: 0, by: -8).map {
        UInt8(truncatingIfNeeded: word >> Word($0))
    }
}
