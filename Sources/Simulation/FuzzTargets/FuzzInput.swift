/// The bytes of an input, taken from the front: numbers that choose, and pieces.
///
/// Never fails: past the end all numbers are 0 and all pieces empty, so that every input means
/// something.
struct FuzzInput {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: RawSpan) { self.bytes = bytes.toArray() }

    var isAtEnd: Bool { position >= bytes.count }

    mutating func byte() -> UInt8 {
        guard position < bytes.count else { return 0 }
        defer { position += 1 }
        return bytes[position]
    }

    /// 0 to 65535.
    mutating func short() -> Int {
        let high = Int(byte())
        return high << 8 | Int(byte())
    }

    /// An integer of all magnitudes: a byte says how many bytes it has and its sign.
    mutating func number() -> Int64 {
        let shape = byte()
        var value: Int64 = 0
        for _ in 0..<(shape & 0x0F) % 9 { value = value << 8 | Int64(byte()) }
        return shape & 0x10 == 0 ? value : ~value
    }

    mutating func pick<T>(_ choices: [T]) -> T { choices[Int(byte()) % choices.count] }

    /// A piece with its length, two bytes, before it.
    mutating func piece() -> [UInt8] {
        let count = short()
        return take(count)
    }

    mutating func rest() -> [UInt8] { take(bytes.count) }

    private mutating func take(_ count: Int) -> [UInt8] {
        let end = min(bytes.count, position + count)
        defer { position = end }
        return Array(bytes[position..<end])
    }
}
