import KafkaRecords
import KafkaWire

/// How `dump-log` prints keys and values.
enum RecordText {
    /// What is printed of a record: `nil` where nothing is.
    typealias Parts = (key: String?, value: String?)
    /// Turns a record's key and value to text.
    typealias Parser = (Record) throws(Failure) -> Parts

    /// Every record type that Kafka keeps in its own topics.
    static let schemas = RecordSchema.parse(RecordSchemas.text)
    private static func schema(_ name: String) -> RecordSchema? {
        schemas.first { $0.name == name }
    }

    /// Bytes as UTF-8 text, what is not UTF-8 replaced.
    static func plain(_ record: Record) -> Parts {
        (
            record.key.map { String(decoding: $0, as: UTF8.self) },
            record.value.map { String(decoding: $0, as: UTF8.self) }
        )
    }

    /// Records of `__cluster_metadata`: frame version, type, version, fields (KIP-746).
    static func clusterMetadata(_ record: Record) -> Parts {
        (nil, framed(record, union: "MetadataRecord", hasFrameVersion: true, "at"))
    }

    /// Records of `__remote_log_metadata` (KIP-405), as JSON where Kafka prints Java objects.
    static func remoteLogMetadata(_ record: Record) -> Parts {
        let union = schemas.lazy.compactMap { schema -> String? in
            guard case .record(_, let union) = schema.kind, union != "MetadataRecord" else {
                return nil
            }
            return union
        }.first
        return (nil, framed(record, union: union ?? "", hasFrameVersion: false, "at offset"))
    }

    private static func framed(
        _ record: Record, union: String, hasFrameVersion: Bool, _ preposition: String
    ) -> String {
        let bytes = record.value ?? []
        do {
            var reader = WireReader(bytes.span.bytes)
            if hasFrameVersion, try reader.readUnsignedVarint() != 1 {
                throw WireError.badValue("an unknown frame version")
            }
            let type = Int(try reader.readUnsignedVarint())
            let version = Int(try reader.readUnsignedVarint())
            guard
                let schema = schemas.first(where: { $0.kind == .record(type, union: union) })
            else { throw WireError.badValue("unknown record type \(type)") }
            let data = try RecordDecoder.decode(schema, version, from: &reader)
            return JSON.object([
                ("type", .string(constantName(schema.name))), ("version", .integer(Int64(version))),
                ("data", data),
            ]).text
        } catch {
            return "Error \(preposition) \(record.offset), skipping. \(error)"
        }
    }

    /// `PartitionChangeRecord` as `PARTITION_CHANGE_RECORD`.
    static func constantName(_ name: String) -> String {
        var text = ""
        for character in RecordSchema.kafkaName(name) {
            if character.isUppercase, !text.isEmpty { text += "_" }
            text += character.uppercased()
        }
        return text
    }

    /// Records of `__consumer_offsets`, `__transaction_state` and `__share_group_state`.
    ///
    /// `keys` picks the coordinator by the name of one of its keys: type numbers overlap.
    static func coordinator(
        _ names: [String], _ adjust: @escaping (inout JSON, RecordSchema) -> Void = { _, _ in }
    ) -> Parser {
        let known = schemas.filter { names.contains($0.name) }
        return { record throws(Failure) in
            guard let key = record.key else {
                throw Failure(
                    "Failed to decode message at offset \(record.offset) using the specified "
                        + "decoder (message had a missing key)")
            }
            return coordinatorParts(key, record, known, adjust)
        }
    }

    private static func coordinatorParts(
        _ key: [UInt8], _ record: Record, _ known: [RecordSchema],
        _ adjust: (inout JSON, RecordSchema) -> Void
    ) -> Parts {
        do {
            var reader = WireReader(key.span.bytes)
            let type = Int(try reader.readInt16())
            guard let schema = known.first(where: { $0.kind == .key(type) }) else {
                return ("Unknown record type \(type) at offset \(record.offset), skipping.", nil)
            }
            let data = try RecordDecoder.decode(schema, 0, from: &reader)
            let keyText = JSON.object([("type", .string("\(type)")), ("data", data)]).text
            guard let value = record.value else { return (keyText, "<DELETE>") }
            var valueReader = WireReader(value.span.bytes)
            let version = Int(try valueReader.readInt16())
            guard let valueSchema = known.first(where: { $0.kind == .value(type) }) else {
                throw WireError.badValue("no value of type \(type)")
            }
            var content = try RecordDecoder.decode(valueSchema, version, from: &valueReader)
            adjust(&content, valueSchema)
            let json = JSON.object([("version", .string("\(version)")), ("data", content)])
            return (keyText, json.text)
        } catch {
            return ("Error at offset \(record.offset), skipping. \(error)", nil)
        }
    }
}

extension RecordText {
    /// Records of `__consumer_offsets`; members of consumer groups with what their bytes mean.
    static var offsets: Parser {
        let apart = ["TransactionLog", "ShareSnapshot", "ShareUpdate"]
        let names = schemas.map(\.name).filter { name in !apart.contains { name.hasPrefix($0) } }
        return coordinator(names) { value, schema in
            guard schema.name == "GroupMetadataValue",
                value["protocolType"]?.stringValue == "consumer"
            else { return }
            value = value.replacing("members") { members in
                .array(
                    (members.elements ?? []).map { member in
                        member.replacing("subscription") {
                            protocolData($0, "ConsumerProtocolSubscription")
                        }.replacing("assignment") { protocolData($0, "ConsumerProtocolAssignment") }
                    })
            }
        }
    }

    /// Records of `__transaction_state`, with the status by name.
    static var transactions: Parser {
        coordinator(["TransactionLogKey", "TransactionLogValue"]) { value, _ in
            value = namingStatus(value)
        }
    }

    /// A transaction's value with its status by name; any other value as it is.
    static func namingStatus(_ value: JSON) -> JSON {
        let states = [
            "Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort",
            "Dead", "PrepareEpochFence",
        ]
        return value.replacing("transactionStatus") { status in
            guard let id = status.integerValue else { return status }
            let isKnown = states.indices.contains(Int(id))
            return .string(isKnown ? states[Int(id)] : "\(id)")
        }
    }

    /// Records of `__share_group_state`.
    static var shareState: Parser {
        coordinator([
            "ShareSnapshotKey", "ShareSnapshotValue", "ShareUpdateKey", "ShareUpdateValue",
        ])
    }

    /// The content of a member's bytes; the bytes themselves when they are not what they should be.
    private static func protocolData(_ value: JSON, _ name: String) -> JSON {
        guard let bytes = value.stringValue.flatMap(Base64.decode), let schema = schema(name) else {
            return value
        }
        do {
            var reader = WireReader(bytes.span.bytes)
            let version = Int(try reader.readInt16())
            return try RecordDecoder.decode(schema, version, from: &reader)
        } catch {
            return value
        }
    }

    /// A control record's content behind its metadata, as Kafka words it.
    static func control(_ record: Record) -> String {
        do {
            let key = record.key ?? []
            var keyReader = WireReader(key.span.bytes)
            _ = try keyReader.readInt16()
            let type = try keyReader.readInt16()
            let value = record.value ?? []
            var reader = WireReader(value.span.bytes)
            switch type {
            case 0, 1:
                _ = try reader.readInt16()
                let epoch = try reader.readInt32()
                return " endTxnMarker: \(type == 0 ? "ABORT" : "COMMIT") coordinatorEpoch: \(epoch)"
            case 2...6:
                let names = [
                    ("LeaderChange:", "LeaderChangeMessage"),
                    ("SnapshotHeader", "SnapshotHeaderRecord"),
                    ("SnapshotFooter", "SnapshotFooterRecord"),
                    ("KRaftVersion", "KRaftVersionRecord"), ("KRaftVoters", "VotersRecord"),
                ]
                let (title, name) = names[Int(type) - 2]
                guard let schema = schema(name) else { return " \(title)" }
                var peek = WireReader(value.span.bytes)
                let version = Int(try peek.readInt16())
                return " \(title) \(try RecordDecoder.decode(schema, version, from: &reader).text)"
            default: return " controlType: UNKNOWN(\(type))"
            }
        } catch {
            return " control record that cannot be read: \(error)"
        }
    }
}

extension JSON {
    /// The object with one member's value changed; anything else as it is.
    func replacing(_ name: String, _ change: (JSON) -> JSON) -> JSON {
        guard case .object(var members) = self,
            let index = members.firstIndex(where: { $0.name == name })
        else { return self }
        members[index].value = change(members[index].value)
        return .object(members)
    }
}
