import KafkaWire

/// Decodes bytes by a `RecordSchema` to the JSON that Kafka prints for them.
struct RecordDecoder {
    private let schema: RecordSchema
    private let version: Int
    private let isFlexible: Bool

    /// Decodes the fields of `schema` in `version`; bytes that are left over are not looked at.
    static func decode(
        _ schema: RecordSchema, _ version: Int, from reader: inout WireReader
    ) throws(WireError) -> JSON {
        guard schema.versions.contains(version) else {
            throw .unsupportedVersion(Int16(clamping: version))
        }
        let decoder = RecordDecoder(
            schema: schema, version: version,
            isFlexible: schema.flexible?.contains(version) ?? false)
        return try decoder.object(schema.fields, &reader)
    }

    private func object(
        _ fields: [RecordSchema.Field], _ reader: inout WireReader
    ) throws(WireError) -> JSON {
        let present = fields.filter { $0.versions.contains(version) }
        var values: [Int: JSON] = [:]
        for (index, field) in present.enumerated() where field.tag == nil {
            values[index] = try value(field, &reader)
        }
        if isFlexible { try tagged(present, &values, &reader) }
        var members: [(name: String, value: JSON)] = []
        for (index, field) in present.enumerated() {
            guard let value = values[index] else { continue }
            if field.tag != nil, value == defaultValue(field) { continue }
            members.append((field.jsonName, value))
        }
        return .object(members)
    }

    private func tagged(
        _ fields: [RecordSchema.Field], _ values: inout [Int: JSON], _ reader: inout WireReader
    ) throws(WireError) {
        var previous = -1
        for _ in 0..<(try reader.readTaggedFieldCount()) {
            let (tag, size) = try reader.readTag(after: previous)
            previous = tag
            let start = reader.offset
            if let index = fields.firstIndex(where: { $0.tag == tag }) {
                values[index] = try value(fields[index], &reader)
            }
            let used = reader.offset - start
            guard used <= size else { throw .badTaggedFields }
            _ = try reader.take(size - used)
        }
    }

    private func value(
        _ field: RecordSchema.Field, _ reader: inout WireReader
    ) throws(WireError) -> JSON {
        let isNullable = field.nullable?.contains(version) ?? false
        switch field.type {
        case .array(let element):
            guard
                let count = try reader.readArrayCount(compact: isFlexible, minimumElementSize: 1)
            else { return .null }
            var elements: [JSON] = []
            for _ in 0..<count { elements.append(try single(element, &reader)) }
            return .array(elements)
        case .structure:
            if isNullable {
                // A byte below zero is null; within a tagged field it is a zero.
                if field.tag == nil, try reader.readInt8() < 0 { return .null }
                if field.tag != nil, try reader.readUnsignedVarint() == 0 { return .null }
            }
            return try single(field.type, &reader)
        case .scalar: return try single(field.type, &reader)
        }
    }

    private func single(
        _ type: RecordSchema.FieldType, _ reader: inout WireReader
    ) throws(WireError) -> JSON {
        switch type {
        case .array: throw .badValue("an array of arrays")
        case .structure(let name): return try object(schema.structs[name] ?? [], &reader)
        case .scalar(let name):
            switch name {
            case "bool": return .bool(try reader.readBool())
            case "int8": return .integer(Int64(try reader.readInt8()))
            case "int16": return .integer(Int64(try reader.readInt16()))
            case "uint16": return .integer(Int64(try reader.readUInt16()))
            case "int32": return .integer(Int64(try reader.readInt32()))
            case "uint32": return .integer(Int64(try reader.readUInt32()))
            case "int64": return .integer(try reader.readInt64())
            case "float64": return .number(try reader.readFloat64())
            case "uuid": return .string(try reader.readUUID().description)
            case "bytes":
                let bytes = try reader.readNullableBytes(compact: isFlexible)
                return bytes.map { .string(Base64.encode($0)) } ?? .null
            default:
                return try reader.readNullableString(compact: isFlexible).map(JSON.string) ?? .null
            }
        }
    }

    /// The value that a tagged field has when it is not written.
    private func defaultValue(_ field: RecordSchema.Field) -> JSON? {
        if field.defaultText == "null" { return .null }
        switch field.type {
        case .array: return .array([])
        case .structure: return nil
        case .scalar("bool"): return .bool(field.defaultText == "true")
        case .scalar("string"), .scalar("bytes"): return .string(field.defaultText ?? "")
        case .scalar("uuid"): return .string(KafkaUUID.zero.description)
        case .scalar("float64"): return .number(Double(field.defaultText ?? "0") ?? 0)
        case .scalar: return .integer(Int64(field.defaultText ?? "0") ?? 0)
        }
    }
}

/// Base64 with padding (RFC 4648).
enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let word = group.reduce(0) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for place in 0..<4 {
                let isThere = place <= group.count
                out.append(
                    isThere ? alphabet[Int(word >> UInt32(18 - 6 * place)) & 63] : UInt8(ascii: "=")
                )
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// The bytes of padded base64; `nil` for anything else.
    static func decode(_ text: String) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard characters.count % 4 == 0 else { return nil }
        var out: [UInt8] = []
        for start in stride(from: 0, to: characters.count, by: 4) {
            var word: UInt32 = 0
            var padding = 0
            for character in characters[start..<start + 4] {
                word <<= 6
                if character == UInt8(ascii: "=") {
                    padding += 1
                } else if let value = alphabet.firstIndex(of: character), padding == 0 {
                    word |= UInt32(value)
                } else {
                    return nil
                }
            }
            guard padding <= 2 else { return nil }
            for place in 0..<(3 - padding) {
                out.append(UInt8(truncatingIfNeeded: word >> UInt32(16 - 8 * place)))
            }
        }
        return out
    }
}
