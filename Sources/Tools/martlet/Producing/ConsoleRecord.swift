import KafkaRecords

/// One record that a console tool sends or prints.
struct ConsoleRecord: Equatable {
    var key: [UInt8]?
    var value: [UInt8]?
    var headers: [RecordHeader] = []

    /// About the bytes that the record takes in a batch.
    var estimatedBytes: Int {
        21 + (key?.count ?? 0) + (value?.count ?? 0)
            + headers.reduce(0) { $0 + 10 + $1.key.utf8.count + ($1.value?.count ?? 0) }
    }
}
