/// What happened, as a rolling hash: two runs of one seed must agree in it, in debug and release
/// and whatever the process's hash seed.
struct Trace {
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    /// The last lines, when they are wanted.
    private(set) var lines: [String] = []
    /// Called with each line.
    var print: ((String) -> Void)?

    mutating func mix(_ value: UInt64) {
        hash = (hash ^ value) &* 0x0000_0100_0000_01B3
        hash ^= hash >> 29
    }

    mutating func mix(_ bytes: [UInt8]) {
        var word: UInt64 = 0
        var filled = 0
        for byte in bytes {
            word = word << 8 | UInt64(byte)
            filled += 1
            if filled == 8 {
                mix(word)
                word = 0
                filled = 0
            }
        }
        mix(word ^ UInt64(bytes.count) << 32)
    }

    /// Notes an event that a reader of the trace wants to see.
    mutating func note(_ instant: Int64, _ text: @autoclosure () -> String) {
        mix(UInt64(bitPattern: instant))
        tell(instant, text())
    }

    /// Prints a line that is no part of the hash: what follows from events that were noted.
    func tell(_ instant: Int64, _ text: @autoclosure () -> String) {
        guard let print else { return }
        let ms = instant / 1_000_000
        print("\(ms / 1000).\(String(ms % 1000 + 1000).dropFirst()) \(text())")
    }
}
