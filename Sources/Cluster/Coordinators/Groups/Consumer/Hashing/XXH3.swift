/// XXH3 with 64 bits, no seed and the default secret, as its specification has it
/// (github.com/Cyan4973/xxHash, doc/xxhash_spec.md).
enum XXH3 {
    /// The hash of `bytes`.
    static func hash(_ bytes: [UInt8]) -> UInt64 {
        let input = LittleEndianBytes(bytes)
        switch bytes.count {
        case 0: return strongAvalanche(secret.word(56) ^ secret.word(64))
        case 1...3: return upTo3(input)
        case 4...8: return upTo8(input)
        case 9...16: return upTo16(input)
        case 17...128: return upTo128(input)
        case 129...240: return upTo240(input)
        default: return long(input)
        }
    }

    // MARK: Constants

    private static let prime32 = (
        one: 0x9E37_79B1 as UInt64, two: 0x85EB_CA77 as UInt64, three: 0xC2B2_AE3D as UInt64
    )
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5
    private static let mixPrime1: UInt64 = 0x1656_6791_9E37_79F9
    private static let mixPrime2: UInt64 = 0x9FB2_1C65_1E98_DF25

    private static let secret = LittleEndianBytes([
        0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad,
        0x1c, 0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3,
        0x67, 0x1f, 0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc,
        0xff, 0x72, 0x21, 0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6,
        0x81, 0x3a, 0x26, 0x4c, 0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65,
        0x8b, 0x1b, 0x53, 0x2e, 0xa3, 0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19,
        0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8, 0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9,
        0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d, 0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31,
        0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64, 0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb,
        0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb, 0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0,
        0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e, 0x2b, 0x16, 0xbe, 0x58, 0x7d,
        0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce, 0x45, 0xcb, 0x3a, 0x8f,
        0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
    ])

    // MARK: Short and medium inputs

    private static func upTo3(_ input: LittleEndianBytes) -> UInt64 {
        let count = input.count
        let combined =
            input.byte(count - 1) | UInt64(count) << 8 | input.byte(0) << 16
            | input.byte(count >> 1) << 24
        return strongAvalanche((secret.half(0) ^ secret.half(4)) ^ combined)
    }

    private static func upTo8(_ input: LittleEndianBytes) -> UInt64 {
        let combined = input.half(input.count - 4) | input.half(0) << 32
        var value = (secret.word(8) ^ secret.word(16)) ^ combined
        value ^= rotate(value, 49) ^ rotate(value, 24)
        value = value &* mixPrime2
        value ^= (value >> 35) &+ UInt64(input.count)
        value = value &* mixPrime2
        return value ^ value >> 28
    }

    private static func upTo16(_ input: LittleEndianBytes) -> UInt64 {
        let low = (secret.word(24) ^ secret.word(32)) ^ input.word(0)
        let high = (secret.word(40) ^ secret.word(48)) ^ input.word(input.count - 8)
        return avalanche(
            UInt64(input.count) &+ low.byteSwapped &+ high &+ foldedProduct(low, high))
    }

    private static func upTo128(_ input: LittleEndianBytes) -> UInt64 {
        var sum = UInt64(input.count) &* prime1
        for round in (0...((input.count - 1) >> 5)).reversed() {
            sum = sum &+ mix(input, round * 16, secret: round * 32)
            sum = sum &+ mix(input, input.count - round * 16 - 16, secret: round * 32 + 16)
        }
        return avalanche(sum)
    }

    private static func upTo240(_ input: LittleEndianBytes) -> UInt64 {
        var sum = UInt64(input.count) &* prime1
        for chunk in 0..<8 { sum = sum &+ mix(input, chunk * 16, secret: chunk * 16) }
        sum = avalanche(sum)
        for chunk in 8..<(input.count >> 4) {
            sum = sum &+ mix(input, chunk * 16, secret: (chunk - 8) * 16 + 3)
        }
        return avalanche(sum &+ mix(input, input.count - 16, secret: 119))
    }

    // MARK: Long inputs

    private static let stripe = 64
    private static let stripesPerBlock = 16

    private static func long(_ input: LittleEndianBytes) -> UInt64 {
        var lanes = [
            prime32.three, prime1, prime2, prime3, prime4, prime32.two, prime5, prime32.one,
        ]
        // The last stripe ends where the input does and is not part of these.
        let stripes = (input.count - 1) / stripe
        for number in 0..<stripes {
            let place = number % stripesPerBlock
            accumulate(input, number * stripe, secret: place * 8, into: &lanes)
            if place == stripesPerBlock - 1 { scramble(&lanes) }
        }
        accumulate(input, input.count - stripe, secret: secret.count - 71, into: &lanes)
        var sum = UInt64(input.count) &* prime1
        for pair in 0..<4 {
            sum =
                sum
                &+ foldedProduct(
                    lanes[pair * 2] ^ secret.word(11 + pair * 16),
                    lanes[pair * 2 + 1] ^ secret.word(11 + pair * 16 + 8))
        }
        return avalanche(sum)
    }

    private static func accumulate(
        _ input: LittleEndianBytes, _ offset: Int, secret place: Int, into lanes: inout [UInt64]
    ) {
        for lane in 0..<8 {
            let data = input.word(offset + lane * 8)
            let value = data ^ secret.word(place + lane * 8)
            lanes[lane ^ 1] = lanes[lane ^ 1] &+ data
            lanes[lane] = lanes[lane] &+ (value & 0xFFFF_FFFF) &* (value >> 32)
        }
    }

    private static func scramble(_ lanes: inout [UInt64]) {
        for lane in 0..<8 {
            let value = lanes[lane] ^ lanes[lane] >> 47 ^ secret.word(secret.count - 64 + lane * 8)
            lanes[lane] = value &* prime32.one
        }
    }

    // MARK: Mixing

    private static func mix(_ input: LittleEndianBytes, _ offset: Int, secret place: Int) -> UInt64
    {
        foldedProduct(
            input.word(offset) ^ secret.word(place), input.word(offset + 8) ^ secret.word(place + 8)
        )
    }

    private static func foldedProduct(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.low ^ product.high
    }

    private static func avalanche(_ value: UInt64) -> UInt64 {
        let mixed = (value ^ value >> 37) &* mixPrime1
        return mixed ^ mixed >> 32
    }

    private static func strongAvalanche(_ value: UInt64) -> UInt64 {
        let once = (value ^ value >> 33) &* prime2
        let twice = (once ^ once >> 29) &* prime3
        return twice ^ twice >> 32
    }

    private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
        value << bits | value >> (64 - bits)
    }
}

/// Bytes that are read as little-endian numbers.
private struct LittleEndianBytes {
    private let bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var count: Int { bytes.count }
    func byte(_ offset: Int) -> UInt64 { UInt64(bytes[offset]) }
    /// Four bytes.
    func half(_ offset: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<4 { value |= UInt64(bytes[offset + index]) << UInt64(index * 8) }
        return value
    }
    /// Eight bytes.
    func word(_ offset: Int) -> UInt64 { half(offset) | half(offset + 4) << 32 }
}
