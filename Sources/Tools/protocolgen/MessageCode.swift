/// Writes the Swift file of one message.
struct MessageCode {
    let message: Message
    let schema: SchemaFile

    func text() -> String {
        var code = CodeWriter()
        code.header(source: schema.path + ".schema", importing: ["KafkaWire"])
        code.documentation(documentation)
        code.block("public struct \(message.name): \(conformance), Sendable") { code in
            writeStatics(&code)
            writeBody(message.fields, message.versions, owner: message.name, isTop: true, &code)
            for nested in message.structs {
                code.line()
                let known =
                    nested.comments.isEmpty
                    ? ["`\(nested.name)` of `\(message.name)`."]
                    : nested.comments
                code.documentation(known)
                code.block("public struct \(nested.name): WireStruct, Sendable") { code in
                    writeBody(
                        nested.fields, nested.versions, owner: nested.name, isTop: false, &code)
                }
            }
        }
        return code.text
    }

    private var conformance: String {
        switch message.kind {
        case .request: "KafkaRequest"
        case .response: "KafkaResponse"
        case .header, .data: "KafkaMessage"
        case .key: "CoordinatorRecordKey"
        case .value: "CoordinatorRecordValue"
        case .record: "KafkaRecordBody"
        }
    }

    private var documentation: [String] {
        let flexible = message.flexible.map { ", flexible from \($0.low)" } ?? ""
        let versions = "versions \(message.versions.text)\(flexible)"
        var lines: [String]
        switch message.kind {
        case .request: lines = ["Request of \(schema.api?.name ?? "") (key \(key)): \(versions)."]
        case .response: lines = ["Response of \(schema.api?.name ?? "") (key \(key)): \(versions)."]
        case .header:
            lines = ["What goes before every \(message.name.prefix { $0 != "H" }): \(versions)."]
        case .data: lines = ["`\(message.name)`: \(versions)."]
        case .key(let type): lines = ["Key of a coordinator record of type \(type): \(versions)."]
        case .value(let type):
            lines = ["Value of a coordinator record of type \(type): \(versions)."]
        case .record(let type, let union): lines = ["Record \(type) of `\(union)`: \(versions)."]
        }
        if message.isLatestUnstable {
            lines.append("Version \(message.versions.high) is not final.")
        }
        if !message.comments.isEmpty { lines += [""] + message.comments }
        return lines
    }

    private var key: Int { schema.api?.key ?? -1 }

    private func writeStatics(_ code: inout CodeWriter) {
        let range = "\(message.versions.low)...\(message.versions.high)"
        code.line("public static var validVersions: ClosedRange<Int16> { \(range) }")
        switch message.kind {
        case .request, .response:
            let api = lowerFirst(schema.api?.name ?? "")
            code.line("public static var apiKey: APIKey { .\(api) }")
            if message.kind == .request {
                let response = schema.messages.first { $0.kind == .response }
                code.line("public typealias Response = \(response?.name ?? "")")
            }
        case .key(let type), .value(let type), .record(let type, _):
            code.line("public static var recordType: Int16 { \(type) }")
        case .header, .data: break
        }
        code.line()
    }

    /// Properties, initializers, decoder and encoder.
    private func writeBody(
        _ fields: [Field], _ possible: VersionRange, owner: String, isTop: Bool,
        _ code: inout CodeWriter
    ) {
        let fields = fields.map { FieldCode(field: $0, message: message, possible: possible) }
        for field in fields {
            code.documentation(propertyDocumentation(field))
            code.line(
                "public var \(declared(field.field.name)): \(field.type) = \(field.defaultValue)")
        }
        if !fields.isEmpty { code.line() }
        code.line("public init() {}")
        if !fields.isEmpty { writeMemberwise(fields, &code) }
        code.line()
        writeDecoder(fields, possible, isTop, &code)
        code.line()
        writeEncoder(fields, possible, isTop, &code)
    }

    private func propertyDocumentation(_ field: FieldCode) -> [String] {
        var lines = field.field.comments
        if field.condition != nil {
            let range = field.field.versions
            let open = range.high >= message.versions.high
            lines.append("Versions \(open ? "\(range.low)+" : range.text).")
        }
        return lines
    }

    private func writeMemberwise(_ fields: [FieldCode], _ code: inout CodeWriter) {
        let parameters = fields.map { "\($0.field.name): \($0.type) = \($0.defaultValue)" }
        code.block("public init(\(parameters.joined(separator: ", ")))") { code in
            for field in fields {
                code.line("self.\(field.field.name) = \(declared(field.field.name))")
            }
        }
    }

    private func writeFlexible(_ possible: VersionRange, _ body: String, _ code: inout CodeWriter) {
        guard let flexible = message.flexible, body.contains("flexible") else { return }
        let condition = flexible.condition(within: message.versions) ?? "true"
        code.line("let flexible = \(condition)")
    }

    /// Runs `body` when the struct's version has tagged fields.
    private func whenFlexible(
        _ possible: VersionRange, _ code: inout CodeWriter, _ body: (inout CodeWriter) -> Void
    ) {
        switch compactness(of: message, within: possible) {
        case "false": break
        case "true": body(&code)
        default: code.block("if flexible", body)
        }
    }

    // MARK: Decoder

    private func writeDecoder(
        _ fields: [FieldCode], _ possible: VersionRange, _ isTop: Bool, _ code: inout CodeWriter
    ) {
        var body = CodeWriter(like: code)
        for field in fields where field.field.tag == nil {
            let statement = "\(field.name) = try \(field.read)"
            body.line(field.condition.map { "if \($0) { \(statement) }" } ?? statement)
        }
        let tagged = fields.filter { $0.field.tag != nil }
        whenFlexible(possible, &body) { code in
            guard !tagged.isEmpty else { return code.line("try reader.skipTaggedFields()") }
            writeTagReader(tagged, &code)
        }
        code.block(
            "public init(from reader: inout WireReader, version: Int16) throws(WireError)"
        ) { code in
            if isTop { code.line("try Self.check(version)") }
            writeFlexible(possible, body.text, &code)
            code.append(body)
        }
    }

    private func writeTagReader(_ tagged: [FieldCode], _ code: inout CodeWriter) {
        code.line("var previous = -1")
        code.block("for _ in 0..<(try reader.readTaggedFieldCount())") { code in
            code.line("let (tag, size) = try reader.readTag(after: previous)")
            code.line("previous = tag")
            code.line("let end = reader.offset + size")
            code.line("switch tag {")
            for field in tagged {
                let condition = field.condition.map { " where \($0)" } ?? ""
                code.line(
                    "case \(field.field.tag ?? 0)\(condition): \(field.name) = try \(field.read)")
            }
            code.line("default: _ = try reader.take(size)")
            code.line("}")
            code.line("guard reader.offset == end else { throw .badTaggedFields }")
        }
    }

    // MARK: Encoder

    private func writeEncoder(
        _ fields: [FieldCode], _ possible: VersionRange, _ isTop: Bool, _ code: inout CodeWriter
    ) {
        var body = CodeWriter(like: code)
        for field in fields { writeField(field, &body) }
        let tagged = fields.filter { $0.field.tag != nil }
            .sorted { ($0.field.tag ?? 0) < ($1.field.tag ?? 0) }
        whenFlexible(possible, &body) { code in
            guard !tagged.isEmpty else { return code.line("writer.writeUnsignedVarint(0)") }
            writeTags(tagged, &code)
        }
        code.block(
            "public func encode(to writer: inout WireWriter, version: Int16) throws(WireError)"
        ) { code in
            if isTop { code.line("try Self.check(version)") }
            writeFlexible(possible, body.text, &code)
            code.append(body)
        }
    }

    /// Writes one field, or refuses a value that the version cannot carry.
    private func writeField(_ field: FieldCode, _ code: inout CodeWriter) {
        let refusal = "\(field.differs) { throw unsupportedField(\"\(field.label)\", version) }"
        let isTagged = field.field.tag != nil
        guard let condition = field.condition else {
            if !isTagged { for line in field.writes { code.line(line) } }
            return
        }
        if isTagged {
            if !field.field.isIgnorable { code.line("if !(\(condition)), \(refusal)") }
            return
        }
        let statement = field.writes.joined(separator: "; ")
        let otherwise = field.field.isIgnorable ? "" : " else if \(refusal)"
        code.line("if \(condition) { \(statement) }\(otherwise)")
    }

    private func writeTags(_ tagged: [FieldCode], _ code: inout CodeWriter) {
        code.line("var tags: UInt32 = 0")
        for field in tagged {
            let condition = field.condition.map { "\($0) && " } ?? ""
            code.line("let hasTag\(field.field.tag ?? 0) = \(condition)\(field.differs)")
            code.line("if hasTag\(field.field.tag ?? 0) { tags += 1 }")
        }
        code.line("writer.writeUnsignedVarint(tags)")
        for field in tagged {
            code.block("if hasTag\(field.field.tag ?? 0)") { code in
                code.line("let start = writer.beginTagged(\(field.field.tag ?? 0))")
                for line in field.writes { code.line(line) }
                code.line("writer.endTagged(from: start)")
            }
        }
    }
}
