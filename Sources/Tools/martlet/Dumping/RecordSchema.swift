/// The fields of one record type as `Schemas/` describes them, for decoders that print any record.
struct RecordSchema: Sendable {
    /// What stands before the name: `record 3 of MetadataRecord`, `key 1`, `value 1`, `data`.
    enum Kind: Equatable, Sendable {
        case record(Int, union: String)
        case key(Int)
        case value(Int)
        case data
    }

    /// Versions in which something is so, both ends included.
    struct Versions: Equatable, Sendable {
        var low: Int
        var high: Int

        /// Reads `3`, `3-5` or `3+`.
        init?(_ text: Substring) {
            if text.hasSuffix("+") {
                guard let low = Int(text.dropLast()) else { return nil }
                self.init(low, .max)
            } else {
                let ends = text.split(separator: "-")
                guard let first = ends.first, let low = Int(first), let last = ends.last,
                    let high = Int(last)
                else { return nil }
                self.init(low, high)
            }
        }
        init(_ low: Int, _ high: Int) {
            self.low = low
            self.high = high
        }
        func contains(_ version: Int) -> Bool { version >= low && version <= high }
    }

    /// The type of a field.
    indirect enum FieldType: Equatable, Sendable {
        case scalar(String)
        case structure(String)
        case array(FieldType)
    }

    struct Field: Sendable {
        var name: String
        var type: FieldType
        var versions: Versions
        var nullable: Versions?
        var tag: Int?
        var defaultText: String?

        /// The name in Kafka's JSON: `topicId` where ours is `topicID`.
        var jsonName: String { RecordSchema.kafkaName(name) }
    }

    var kind: Kind
    var name: String
    var versions: Versions
    var flexible: Versions?
    var fields: [Field]
    /// Fields of the structs within, by name.
    var structs: [String: [Field]]
}

extension RecordSchema {
    static let scalars: Set = [
        "bool", "int8", "int16", "uint16", "int32", "uint32", "int64", "float64", "string", "uuid",
        "bytes",
    ]

    /// A name as Kafka spells it: `topicId` where ours is `topicID`.
    static func kafkaName(_ name: String) -> String {
        var text = ""
        var rest = name[...]
        while let first = rest.first {
            let isID = rest.hasPrefix("ID")
            text += isID ? "Id" : String(first)
            rest = rest.dropFirst(isID ? 2 : 1)
        }
        return text
    }

    /// All types in a text of the notation of `Schemas/`. Traps on a text that is not in it: the
    /// texts are ours, and a test parses them all.
    static func parse(_ text: String) -> [RecordSchema] {
        var parser = Parser(text)
        var schemas: [RecordSchema] = []
        while let schema = parser.schema() { schemas.append(schema) }
        return schemas
    }

    private struct Parser {
        private var lines: ArraySlice<[Substring]>

        init(_ text: String) {
            lines =
                text.split(separator: "\n").map { line in
                    line.prefix(upTo: line.firstRange(of: "//")?.lowerBound ?? line.endIndex)
                        .split(separator: " ")
                }.filter { !$0.isEmpty }[...]
        }

        mutating func schema() -> RecordSchema? {
            guard var words = lines.popFirst()?[...] else { return nil }
            let kind = Self.kind(&words)
            let name = String(words.removeFirst())
            var versions = Versions(0, 0)
            var flexible: Versions?
            while let word = words.popFirst(), word != "{" {
                guard let range = words.popFirst().flatMap(Versions.init) else { break }
                if word == "versions" { versions = range } else { flexible = range }
            }
            var structs: [String: [Field]] = [:]
            let fields = self.fields(&structs)
            return RecordSchema(
                kind: kind, name: name, versions: versions, flexible: flexible, fields: fields,
                structs: structs)
        }

        private static func kind(_ words: inout ArraySlice<Substring>) -> Kind {
            let word = words.removeFirst()
            guard word != "data" else { return .data }
            guard let number = words.popFirst().flatMap({ Int($0) }) else { return .data }
            if word == "key" { return .key(number) }
            if word == "value" { return .value(number) }
            words.removeFirst()
            return .record(number, union: String(words.removeFirst()))
        }

        private mutating func fields(_ structs: inout [String: [Field]]) -> [Field] {
            var fields: [Field] = []
            while let words = lines.popFirst(), words != ["}"] {
                if words[0] == "struct" {
                    structs[String(words[1])] = self.fields(&structs)
                    continue
                }
                let field = Self.field(words)
                fields.append(field)
                if words.last == "{", let name = field.type.structName {
                    structs[name] = self.fields(&structs)
                }
            }
            return fields
        }

        private static func field(_ words: [Substring]) -> Field {
            let isNullable = words[1].hasSuffix("?")
            var rest = words[2...]
            let versions = rest.first.flatMap(Versions.init)
            if versions != nil { rest.removeFirst() }
            var field = Field(
                name: String(words[0].dropLast()),
                type: FieldType(isNullable ? words[1].dropLast() : words[1]),
                versions: versions ?? Versions(0, .max), nullable: nil)
            field.nullable = isNullable ? field.versions : nil
            while let word = rest.popFirst() {
                switch word {
                case "tag": field.tag = rest.popFirst().flatMap { Int($0) }
                case "default": field.defaultText = rest.popFirst().map(String.init)
                case "nullable": field.nullable = rest.popFirst().flatMap(Versions.init)
                default: break
                }
            }
            return field
        }
    }
}

extension RecordSchema.FieldType {
    init(_ text: Substring) {
        if text.hasPrefix("[]") {
            self = .array(Self(text.dropFirst(2)))
        } else {
            let name = String(text)
            self = RecordSchema.scalars.contains(name) ? .scalar(name) : .structure(name)
        }
    }

    /// The struct that this is, or is an array of.
    var structName: String? {
        switch self {
        case .scalar: nil
        case .structure(let name): name
        case .array(let element): element.structName
        }
    }
}
