/// Takes frames out of a connection's bytes, however these were split.
struct FrameSplitter {
    private var bytes: [UInt8] = []

    /// The frames that are whole now, without their length prefix.
    mutating func add(_ more: [UInt8]) -> [[UInt8]] {
        bytes += more
        var frames: [[UInt8]] = []
        var position = 0
        while bytes.count - position >= 4 {
            let length = bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
            guard bytes.count - position - 4 >= length else { break }
            frames.append(Array(bytes[position + 4..<position + 4 + length]))
            position += 4 + length
        }
        bytes.removeFirst(position)
        return frames
    }

    /// A frame with its length prefix.
    static func framed(_ frame: [UInt8]) -> [UInt8] {
        let count = UInt32(frame.count)
        return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) } + frame
    }
}
