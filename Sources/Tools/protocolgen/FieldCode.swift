/// Swift expressions for one field of a struct.
struct FieldCode {
    let field: Field
    let message: Message
    /// Versions in which the struct that holds the field occurs.
    let possible: VersionRange

    /// The property as the generated code refers to it, whatever locals there are.
    var name: String { locals.contains(field.name) ? "self.\(field.name)" : declared(field.name) }
    var type: String { field.type.swiftName + (isOptional ? "?" : "") }
    /// Records have a null of their own.
    var isOptional: Bool { field.nullable != nil && field.type != .records }
    /// Versions in which the field can really occur.
    var present: VersionRange { field.versions.intersection(possible) ?? field.versions }
    /// What tells the field's presence; `nil` when it is always there.
    var condition: String? { field.versions.condition(within: possible) }

    /// Whether lengths are compact: a literal, or the local constant `flexible`.
    var compact: String {
        if field.isNonflexible { return "false" }
        return compactness(of: message, within: present)
    }

    var defaultValue: String {
        if let text = field.defaultText {
            if text == "null" { return "nil" }
            return text
        }
        switch field.type {
        case .bool: return "false"
        case .int8, .int16, .uint16, .int32, .uint32, .int64, .float64: return "0"
        case .string: return "\"\""
        case .uuid: return ".zero"
        case .bytes, .array: return "[]"
        case .records: return ".null"
        case .structure(let name): return "\(name)()"
        }
    }

    /// Whether the field differs from its default.
    var differs: String {
        if defaultValue == "nil" { return "\(name) != nil" }
        switch field.type {
        case .bool: return defaultValue == "true" ? "!\(name)" : name
        case .array, .bytes: return isOptional ? "\(name)?.isEmpty != true" : "!\(name).isEmpty"
        case .string where defaultValue == "\"\"" && !isOptional: return "!\(name).isEmpty"
        default: return "\(name) != \(defaultValue)"
        }
    }

    /// An expression that reads the field, with what may throw unmarked.
    var read: String {
        guard let nullable = field.nullable?.intersection(present), field.type != .records else {
            return read(nullable: false)
        }
        guard let when = nullable.condition(within: present) else { return read(nullable: true) }
        return "\(when) ? \(read(nullable: true)) : \(read(nullable: false))"
    }

    private func read(nullable: Bool) -> String {
        let null = nullable ? "Nullable" : ""
        switch field.type {
        case .bool: return "reader.readBool()"
        case .int8: return "reader.readInt8()"
        case .int16: return "reader.readInt16()"
        case .uint16: return "reader.readUInt16()"
        case .int32: return "reader.readInt32()"
        case .uint32: return "reader.readUInt32()"
        case .int64: return "reader.readInt64()"
        case .float64: return "reader.readFloat64()"
        case .uuid: return "reader.readUUID()"
        case .string: return "reader.read\(null)String(compact: \(compact))"
        case .bytes: return "reader.read\(null)Bytes(compact: \(compact))"
        case .records: return "reader.readRecords(compact: \(compact))"
        case .structure(let name):
            let value = "\(name)(from: &reader, version: version)"
            guard nullable else { return value }
            let presence =
                field.tag == nil ? "reader.readPresence()" : "reader.readUnsignedVarint() > 0"
            return "\(presence) ? \(value) : nil"
        case .array(.string): return "reader.read\(null)Strings(compact: \(compact))"
        case .array(.uuid): return "reader.read\(null)UUIDs(compact: \(compact))"
        case .array(.structure(let name)):
            return "reader.read\(null)Array(compact: \(compact), minimum: \(minimum(of: name)),"
                + " version: version)"
        case .array: return "reader.read\(null)Integers(compact: \(compact))"
        }
    }

    /// Statements that write the field.
    var writes: [String] {
        var lines: [String] = []
        if let nullable = field.nullable?.intersection(present), isOptional,
            let when = nullable.condition(within: present)
        {
            lines.append(
                "if \(name) == nil && !(\(when)) { throw nullField(\"\(label)\", version) }")
        }
        return lines + [write]
    }

    /// The field in error messages.
    var label: String { "\(message.name).\(field.name)" }

    private var write: String {
        switch field.type {
        case .bool, .int8, .int16, .uint16, .int32, .uint32, .int64, .float64, .uuid:
            return "writer.write(\(name))"
        case .string: return "try writer.write(\(name), compact: \(compact))"
        case .bytes: return "writer.write(\(name), compact: \(compact))"
        case .records:
            let nullable = field.nullable?.intersection(present) != nil
            return "try writer.write(\(name)\(nullable ? "" : ".orEmpty"), compact: \(compact))"
        case .structure:
            guard isOptional else { return "try \(name).encode(to: &writer, version: version)" }
            let presence =
                field.tag == nil
                ? "writer.writePresence(\(name) != nil)"
                : "writer.writeUnsignedVarint(\(name) != nil ? 1 : 0)"
            return "\(presence); try \(name)?.encode(to: &writer, version: version)"
        case .array(.string): return "try writer.write(strings: \(name), compact: \(compact))"
        case .array(.uuid): return "try writer.write(uuids: \(name), compact: \(compact))"
        case .array(.structure):
            return "try writer.write(\(name), compact: \(compact), version: version)"
        case .array: return "try writer.write(integers: \(name), compact: \(compact))"
        }
    }

    /// The fewest bytes of one element, as Swift.
    private func minimum(of name: String) -> String {
        guard let element = message.structs.first(where: { $0.name == name }) else { return "1" }
        func smallest(_ keep: (Int) -> Bool) -> Int? {
            (present.low...present.high).filter(keep)
                .map { minimumSize(of: element, in: message, version: $0) }.min()
        }
        let flexible = smallest { message.flexible?.contains($0) == true } ?? 1
        let fixed = smallest { message.flexible?.contains($0) != true } ?? 1
        switch compactness(of: message, within: present) {
        case "true": return "\(flexible)"
        case "false": return "\(fixed)"
        default: return flexible == fixed ? "\(fixed)" : "flexible ? \(flexible) : \(fixed)"
        }
    }
}

/// Names that the generated code gives to parameters and local constants.
private let locals: Set<String> = [
    "end", "flexible", "previous", "reader", "size", "start", "tag", "tags", "version", "writer",
]

/// Whether `versions` of `message` are flexible: `true`, `false` or the local constant `flexible`.
func compactness(of message: Message, within versions: VersionRange) -> String {
    guard let flexible = message.flexible, flexible.intersection(versions) != nil else {
        return "false"
    }
    return flexible.condition(within: versions) == nil ? "true" : "flexible"
}

/// The fewest bytes that a struct can take in `version`.
func minimumSize(of element: Struct, in message: Message, version: Int) -> Int {
    let flexible = message.flexible?.contains(version) == true
    var size = flexible ? 1 : 0
    for field in element.fields where field.tag == nil && field.versions.contains(version) {
        if let width = field.type.fixedWidth {
            size += width
        } else if case .structure(let name) = field.type {
            let nested = message.structs.first { $0.name == name }
            let isNullable = field.nullable?.contains(version) == true
            size +=
                isNullable
                ? 1 : nested.map { minimumSize(of: $0, in: message, version: version) } ?? 0
        } else if field.type == .string {
            size += flexible && !field.isNonflexible ? 1 : 2
        } else {
            size += flexible ? 1 : 4
        }
    }
    return max(1, size)
}
