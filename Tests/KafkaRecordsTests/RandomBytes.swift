import KafkaWire

extension SplitMix64 {
    mutating func bytes(count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }

    /// Bytes that compress: words of a small vocabulary.
    mutating func text(count: Int) -> [UInt8] {
        let words = ["martlet ", "swift ", "offset ", "broker ", "epoch ", "0123456789 "]
        var out: [UInt8] = []
        while out.count < count { out += Array(words[Int(next() % UInt64(words.count))].utf8) }
        return Array(out.prefix(count))
    }
}
