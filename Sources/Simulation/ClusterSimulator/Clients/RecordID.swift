/// The value of every simulated record: who wrote it, and as which of his records for the
/// partition.
struct RecordID: Hashable, CustomStringConvertible {
    var producer: UInt16
    var number: UInt32

    init(producer: UInt16, number: UInt32) {
        self.producer = producer
        self.number = number
    }

    init?(_ bytes: [UInt8]?) {
        guard let bytes, bytes.count >= 6 else { return nil }
        producer = UInt16(bytes[0]) << 8 | UInt16(bytes[1])
        number = bytes[2..<6].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The value's bytes, with `padding` more behind.
    func bytes(padding: Int) -> [UInt8] {
        var bytes: [UInt8] = [UInt8(producer >> 8), UInt8(truncatingIfNeeded: producer)]
        for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
        for index in 0..<padding { bytes.append(UInt8(truncatingIfNeeded: Int(number) + index)) }
        return bytes
    }

    var description: String { "\(producer)/\(number)" }
}

struct PartitionKey: Hashable, Comparable, CustomStringConvertible {
    var topic: String
    var partition: Int32
    static func < (a: PartitionKey, b: PartitionKey) -> Bool {
        (a.topic, a.partition) < (b.topic, b.partition)
    }
    var description: String { "\(topic)-\(partition)" }
}
