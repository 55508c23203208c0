/// Writes the Swift files that list messages: the API keys and the unions of records.
struct TableCode {
    let schemas: [SchemaFile]

    private struct Entry {
        var name: String
        var key: Int
        var listeners: [String]
        var request: Message
        var response: Message
        var caseName: String { lowerFirst(name) }
    }

    private var entries: [Entry] {
        schemas.compactMap { schema in
            guard let api = schema.api,
                let request = schema.messages.first(where: { $0.kind == .request }),
                let response = schema.messages.first(where: { $0.kind == .response })
            else { return nil }
            return Entry(
                name: api.name, key: api.key, listeners: api.listeners, request: request,
                response: response)
        }.sorted { $0.key < $1.key }
    }

    /// `APIKey.swift`.
    func apiKeys() -> String {
        var code = CodeWriter()
        code.header(source: "api", importing: [])
        code.line("/// The number of an API, which opens every request.")
        code.block("public enum APIKey: Int16, CaseIterable, Sendable") { code in
            for entry in entries { code.line("case \(entry.caseName) = \(entry.key)") }
            code.line()
            property("name: String", "The API's name as Kafka writes it.", &code) {
                "\"\(kafkaName($0))\""
            }
            property(
                "validVersions: ClosedRange<Int16>",
                "Versions that servers offer: all but one that is not final.", &code
            ) {
                let high = $0.request.versions.high - ($0.request.isLatestUnstable ? 1 : 0)
                return "\($0.request.versions.low)...\(high)"
            }
            property(
                "firstFlexibleVersion: Int16?",
                "The first version with compact lengths and tagged fields (KIP-482).", &code
            ) { $0.request.flexible.map { "\($0.low)" } ?? "nil" }
            property("listeners: APIListeners", "Which kinds of listener serve it.", &code) {
                "[" + $0.listeners.map { ".\($0)" }.joined(separator: ", ") + "]"
            }
            property("requestType: any KafkaRequest.Type", "The request's type.", &code) {
                "\($0.request.name).self"
            }
            property("responseType: any KafkaResponse.Type", "The response's type.", &code) {
                "\($0.response.name).self"
            }
        }
        return code.text
    }

    private func property(
        _ declaration: String, _ documentation: String, _ code: inout CodeWriter,
        _ value: (Entry) -> String
    ) {
        code.documentation([documentation])
        code.block("public var \(declaration)") { code in
            code.line("switch self {")
            for entry in entries { code.line("case .\(entry.caseName): \(value(entry))") }
            code.line("}")
        }
    }

    /// Kafka spells `Id` where Swift has `ID`.
    private func kafkaName(_ entry: Entry) -> String {
        entry.name.replacing("ID", with: "Id")
    }

    /// `MessageCatalog.swift`.
    func catalog() -> String {
        var code = CodeWriter()
        code.header(source: "", importing: [])
        code.line("/// All messages that have a schema, in order of their names.")
        code.block("public enum MessageCatalog") { code in
            code.block("public static var all: [any KafkaMessage.Type]") { code in
                let names = schemas.flatMap(\.messages).map(\.name).sorted()
                code.line("[")
                for name in names { code.line("    \(name).self,") }
                code.line("]")
            }
        }
        return code.text
    }

    /// The names of all unions.
    var unions: [String] {
        var names: Set<String> = []
        for message in schemas.flatMap(\.messages) {
            if case .record(_, let union) = message.kind { names.insert(union) }
        }
        return names.sorted()
    }

    /// One union of records, such as `MetadataRecord`.
    func union(_ name: String) -> String {
        let members: [(type: Int, message: Message)] = schemas.flatMap(\.messages).compactMap {
            guard case .record(let type, let union) = $0.kind, union == name else { return nil }
            return (type, $0)
        }.sorted { $0.0 < $1.0 }
        var code = CodeWriter()
        code.header(source: "", importing: ["KafkaWire"])
        code.line("/// A record of any type that this log may hold.")
        code.block("public enum \(name): KafkaRecordUnion, Sendable") { code in
            for (_, message) in members {
                code.line("case \(lowerFirst(message.name))(\(message.name))")
            }
            code.line()
            code.block("public var body: any KafkaRecordBody") { code in
                code.line("switch self {")
                for (_, message) in members {
                    code.line("case .\(lowerFirst(message.name))(let body): body")
                }
                code.line("}")
            }
            code.line()
            code.block("public static func bodyType(_ type: Int16) -> (any KafkaRecordBody.Type)?")
            {
                code in
                code.line("switch type {")
                for (type, message) in members { code.line("case \(type): \(message.name).self") }
                code.line("default: nil")
                code.line("}")
            }
            code.line()
            writeUnionDecoder(members.map { ($0.type, $0.message.name) }, &code)
        }
        return code.text
    }

    private func writeUnionDecoder(_ members: [(Int, String)], _ code: inout CodeWriter) {
        code.block(
            "public init(type: Int16, version: Int16, from reader: inout WireReader)"
                + " throws(WireError)"
        ) { code in
            code.line("switch type {")
            for (type, name) in members {
                code.line(
                    "case \(type): self = .\(lowerFirst(name))"
                        + "(try \(name)(from: &reader, version: version))")
            }
            code.line("default: throw .badValue(\"unknown record type \\(type)\")")
            code.line("}")
        }
    }
}
