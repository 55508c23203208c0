import KafkaWire

/// Writes records as the console consumer prints them.
protocol RecordFormatter {
    /// Appends the record's text to `out`; throws when the record is not what it should be.
    func write(_ record: ConsumedRecord, to out: inout [UInt8]) throws(Failure)
}

/// Prints nothing.
struct NoFormatter: RecordFormatter {
    func write(_ record: ConsumedRecord, to out: inout [UInt8]) {}
}

/// Prints records of the coordinators' topics as JSON, one a line: those of some types, of which
/// the value may be missing (a tombstone).
struct CoordinatorRecordFormatter: RecordFormatter {
    private let schemas: [RecordSchema]

    /// Prints records whose key is one of the named types.
    private init(keys: [String]) {
        let known = RecordText.schemas.filter { schema in
            keys.contains { schema.name == $0 + "Key" || schema.name == $0 + "Value" }
        }
        schemas = known
    }

    /// Kafka's formatter of this class name; `nil` for others.
    init?(className: some StringProtocol) {
        switch className {
        case "OffsetsMessageFormatter": self.init(keys: ["LegacyOffsetCommit", "OffsetCommit"])
        case "GroupMetadataMessageFormatter": self.init(keys: ["GroupMetadata"])
        case "TransactionLogMessageFormatter": self.init(keys: ["TransactionLog"])
        case "ShareGroupMessageFormatter":
            self.init(keys: [
                "ShareGroupMemberMetadata", "ShareGroupMetadata",
                "ShareGroupTargetAssignmentMetadata", "ShareGroupTargetAssignmentMember",
                "ShareGroupCurrentMemberAssignment", "ShareGroupStatePartitionMetadata",
            ])
        default: return nil
        }
    }

    func write(_ record: ConsumedRecord, to out: inout [UInt8]) throws(Failure) {
        guard let key = record.content.key else { return }
        do throws(WireError) {
            var reader = WireReader(key.span.bytes)
            let type = Int(try reader.readInt16())
            guard let schema = schemas.first(where: { $0.kind == .key(type) }) else { return }
            let keyJSON = JSON.object([
                ("type", .integer(Int64(type))),
                ("data", try RecordDecoder.decode(schema, 0, from: &reader)),
            ])
            let valueJSON = try record.content.value.map { bytes throws(WireError) in
                try value(bytes, type)
            }
            let json = JSON.object([("key", keyJSON), ("value", valueJSON ?? .null)])
            out += Array(json.text.utf8) + [0x0A]
        } catch {
            throw Failure("Could not read record at offset \(record.offset) due to: \(error)")
        }
    }

    private func value(_ bytes: [UInt8], _ type: Int) throws(WireError) -> JSON {
        guard let schema = schemas.first(where: { $0.kind == .value(type) }) else {
            throw .badValue("no value of type \(type)")
        }
        var reader = WireReader(bytes.span.bytes)
        let version = Int(try reader.readInt16())
        let data = try RecordDecoder.decode(schema, version, from: &reader)
        return .object([
            ("version", .integer(Int64(version))), ("data", RecordText.namingStatus(data)),
        ])
    }
}
