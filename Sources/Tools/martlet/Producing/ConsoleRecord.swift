import KafkaRecords

/// One record that a console tool sends or prints.
struct ConsoleRecord: Equatable {
    var key: [UInt8]?
    var value: [UInt8]?
    var headers: [RecordHeader] = []
}
