import KafkaRecords
import KafkaWire

/// A record as the console consumer prints it.
struct ConsumedRecord {
    var topic: String
    var partition: Int32
    var offset: Offset
    /// Milliseconds since 1970, -1 for none.
    var timestamp: Int64
    var timestampType: TimestampType
    var leaderEpoch: LeaderEpoch
    var content: ConsoleRecord
}

/// Prints records by the properties of Kafka's own formatter (`--formatter-property`).
struct MessageFormatter: RecordFormatter {
    private var printsTimestamp = false
    private var printsPartition = false
    private var printsOffset = false
    private var printsDelivery = false
    private var printsEpoch = false
    private var printsHeaders = false
    private var printsKey = false
    private var printsValue = true
    private var keySeparator = Array("\t".utf8)
    private var lineSeparator = Array("\n".utf8)
    private var headersSeparator = Array(",".utf8)
    private var nullLiteral = Array("null".utf8)

    /// Takes `print.timestamp`, `print.key`, `print.offset`, `print.partition`, `print.headers`,
    /// `print.epoch`, `print.delivery`, `print.value`, `key.separator`, `line.separator`,
    /// `headers.separator` and `null.literal`. Deserializers are Java classes: an error.
    init(_ properties: [String: String]) throws(Failure) {
        for name in ["key.deserializer", "value.deserializer", "headers.deserializer"] {
            guard let value = properties[name], !value.hasSuffix("StringDeserializer") else {
                continue
            }
            throw Failure(
                "\(name)=\(value) names a Java class, which this tool cannot load.",
                remedy: "Keys and values are printed as the bytes they are.")
        }
        func flag(_ name: String, _ value: inout Bool) {
            if let text = properties[name] { value = text.trimmed.lowercased() == "true" }
        }
        func bytes(_ name: String, _ value: inout [UInt8]) {
            if let text = properties[name] { value = Array(text.utf8) }
        }
        flag("print.timestamp", &printsTimestamp)
        flag("print.partition", &printsPartition)
        flag("print.offset", &printsOffset)
        flag("print.delivery", &printsDelivery)
        flag("print.epoch", &printsEpoch)
        flag("print.headers", &printsHeaders)
        flag("print.key", &printsKey)
        flag("print.value", &printsValue)
        bytes("key.separator", &keySeparator)
        bytes("line.separator", &lineSeparator)
        bytes("headers.separator", &headersSeparator)
        bytes("null.literal", &nullLiteral)
    }

    /// Appends the record's line to `out`.
    ///
    /// Kafka ends each column but the last with the key separator, and the last with the line's.
    func write(_ record: ConsumedRecord, to out: inout [UInt8]) {
        var columns: [[UInt8]] = []
        if printsTimestamp {
            columns.append(
                Array(
                    (record.timestamp < 0
                        ? "NO_TIMESTAMP" : "\(record.timestampType.name):\(record.timestamp)").utf8)
            )
        }
        if printsPartition { columns.append(Array("Partition:\(record.partition)".utf8)) }
        if printsOffset { columns.append(Array("Offset:\(record.offset)".utf8)) }
        if printsDelivery { columns.append(Array("Delivery:NOT_PRESENT".utf8)) }
        if printsEpoch {
            let epoch = record.leaderEpoch
            columns.append(Array("Epoch:\(epoch == .none ? "NOT_PRESENT" : "\(epoch)")".utf8))
        }
        if printsHeaders { columns.append(headers(record.content.headers)) }
        if printsKey { columns.append(record.content.key ?? nullLiteral) }
        if !printsValue && columns.isEmpty { return }
        for (index, column) in columns.enumerated() {
            out += column
            out += printsValue || index < columns.count - 1 ? keySeparator : lineSeparator
        }
        guard printsValue else { return }
        out += record.content.value ?? nullLiteral
        out += lineSeparator
    }

    private func headers(_ headers: [RecordHeader]) -> [UInt8] {
        guard !headers.isEmpty else { return Array("NO_HEADERS".utf8) }
        var out: [UInt8] = []
        for (index, header) in headers.enumerated() {
            if index > 0 { out += headersSeparator }
            out += Array("\(header.key):".utf8)
            out += header.value ?? nullLiteral
        }
        return out
    }
}
