/// A line of a schema that cannot be understood.
struct SchemaError: Error, CustomStringConvertible {
    var file: String
    var line: Int
    var message: String
    var description: String { "\(file):\(line): error: \(message)" }
}

/// Reads one schema file; the notation is described in `Schemas/README.md`.
struct SchemaParser {
    private struct Line {
        var number: Int
        var words: [Substring]
        var opens = false
        var comments: [String] = []
    }

    private let file: String
    private var lines: [Line] = []
    private var next = 0

    static func parse(_ text: String, path: String) throws(SchemaError) -> SchemaFile {
        var parser = SchemaParser(file: path)
        parser.split(text)
        return try parser.parseFile()
    }

    private init(file: String) { self.file = file }

    /// Cuts the text in lines of words, with the comments that stand above or behind each.
    private mutating func split(_ text: String) {
        var pending: [String] = []
        let all = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in all.enumerated() {
            var code = line
            var trailing: String?
            if let slashes = line.firstRange(ofComment: "//") {
                trailing = String(line[slashes.upperBound...].drop { $0 == " " })
                code = line[..<slashes.lowerBound]
            }
            var words = code.split(separator: " ")
            guard !words.isEmpty else {
                if let trailing { pending.append(trailing) } else { pending = [] }
                continue
            }
            let opens = words.last == "{"
            if opens { words.removeLast() }
            if let trailing { pending.append(trailing) }
            lines.append(
                Line(number: index + 1, words: words, opens: opens, comments: pending))
            pending = []
        }
    }

    private func fail(_ line: Int, _ message: String) -> SchemaError {
        SchemaError(file: file, line: line, message: message)
    }

    private mutating func parseFile() throws(SchemaError) -> SchemaFile {
        var result = SchemaFile(path: file)
        while next < lines.count {
            let line = lines[next]
            next += 1
            if line.words[0] == "api" {
                guard line.words.count >= 5, let key = Int(line.words[2]), line.words[3] == "on"
                else { throw fail(line.number, "expected: api NAME KEY on LISTENER…") }
                result.api = API(
                    name: String(line.words[1]), key: key,
                    listeners: line.words[4...].map(String.init))
            } else {
                result.messages.append(try parseMessage(line))
            }
        }
        return result
    }

    private mutating func parseMessage(_ line: Line) throws(SchemaError) -> Message {
        var words = line.words[...]
        let kind = try parseKind(&words, line.number)
        guard line.opens, words.count >= 3, words[words.startIndex + 1] == "versions" else {
            throw fail(line.number, "expected: KIND NAME versions RANGE [flexible RANGE] {")
        }
        let name = String(words.removeFirst())
        words.removeFirst()
        guard let versions = VersionRange(words.removeFirst(), top: 0) else {
            throw fail(line.number, "bad versions; expected 3 or 0-3")
        }
        var message = Message(
            kind: kind, name: name, versions: versions, flexible: nil, isLatestUnstable: false,
            comments: line.comments, fields: [])
        while let word = words.popFirst() {
            switch word {
            case "unstable": message.isLatestUnstable = true
            case "flexible":
                let text = words.popFirst() ?? ""
                guard let range = VersionRange(text, top: versions.high) else {
                    throw fail(line.number, "bad flexible versions '\(text)'")
                }
                message.flexible = range
            default: throw fail(line.number, "unexpected '\(word)'")
            }
        }
        message.fields = try parseFields(&message, versions, line.number)
        try resolveStructVersions(&message, line.number)
        return message
    }

    private func parseKind(
        _ words: inout ArraySlice<Substring>, _ line: Int
    ) throws(SchemaError) -> Message.Kind {
        let word = words.removeFirst()
        switch word {
        case "request": return .request
        case "response": return .response
        case "header": return .header
        case "data": return .data
        case "key", "value", "record":
            guard let text = words.popFirst(), let number = Int(text) else {
                throw fail(line, "'\(word)' wants a number")
            }
            if word == "key" { return .key(number) }
            if word == "value" { return .value(number) }
            guard words.popFirst() == "of", let union = words.popFirst() else {
                throw fail(line, "expected: record NUMBER of UNION NAME …")
            }
            return .record(number, union: String(union))
        default: throw fail(line, "unknown kind of message '\(word)'")
        }
    }

    /// Reads fields and `struct` blocks up to the closing brace.
    private mutating func parseFields(
        _ message: inout Message, _ current: VersionRange, _ opened: Int
    ) throws(SchemaError) -> [Field] {
        var fields: [Field] = []
        while next < lines.count {
            let line = lines[next]
            next += 1
            if line.words == ["}"] { return fields }
            if line.words[0] == "struct" {
                guard line.words.count == 2, line.opens else {
                    throw fail(line.number, "expected: struct NAME {")
                }
                try parseStruct(
                    String(line.words[1]), line, &message, message.versions, shared: true)
                continue
            }
            let field = try parseField(line, message, current)
            fields.append(field)
            if line.opens {
                guard let name = field.type.structName else {
                    throw fail(line.number, "'\(field.name)' is no struct and has no fields")
                }
                try parseStruct(name, line, &message, field.versions, shared: false)
            }
        }
        throw fail(opened, "no closing brace")
    }

    private mutating func parseStruct(
        _ name: String, _ line: Line, _ message: inout Message, _ versions: VersionRange,
        shared: Bool
    ) throws(SchemaError) {
        guard !message.structs.contains(where: { $0.name == name }) else {
            throw fail(line.number, "struct '\(name)' is already there")
        }
        let index = message.structs.count
        message.structs.append(
            Struct(
                name: name, comments: shared ? line.comments : [], fields: [],
                versions: versions, isShared: shared))
        message.structs[index].fields = try parseFields(&message, versions, line.number)
    }

    private func parseField(
        _ line: Line, _ message: Message, _ current: VersionRange
    ) throws(SchemaError) -> Field {
        guard line.words.count >= 2, line.words[0].hasSuffix(":") else {
            throw fail(line.number, "expected: NAME: TYPE …")
        }
        var words = line.words[2...]
        let isNullable = line.words[1].hasSuffix("?")
        let typeText = isNullable ? line.words[1].dropLast() : line.words[1]
        var field = Field(
            name: String(line.words[0].dropLast()), type: parseType(typeText), versions: current,
            nullable: nil, tag: nil, defaultText: nil, isIgnorable: false, isKey: false,
            isNonflexible: false, comments: line.comments, line: line.number)
        if let first = words.first, let range = VersionRange(first, top: message.versions.high) {
            words.removeFirst()
            guard range.intersection(current) == range else {
                throw fail(line.number, "versions \(range.text) are not in \(current.text)")
            }
            field.versions = range
        }
        if isNullable { field.nullable = field.versions }
        try parseAttributes(&words, &field, message)
        return field
    }

    private func parseAttributes(
        _ words: inout ArraySlice<Substring>, _ field: inout Field, _ message: Message
    ) throws(SchemaError) {
        while let word = words.popFirst() {
            switch word {
            case "ignorable": field.isIgnorable = true
            case "key": field.isKey = true
            case "nonflexible": field.isNonflexible = true
            case "default":
                guard let text = words.popFirst() else { throw fail(field.line, "no default") }
                field.defaultText = String(text)
            case "tag":
                guard let text = words.popFirst(), let tag = Int(text), tag >= 0 else {
                    throw fail(field.line, "'tag' wants a number")
                }
                guard let flexible = message.flexible,
                    field.versions.intersection(flexible) == field.versions
                else { throw fail(field.line, "a tagged field in versions that have no tags") }
                field.tag = tag
            case "nullable":
                guard let text = words.popFirst(),
                    let range = VersionRange(text, top: message.versions.high),
                    range.intersection(field.versions) == range
                else { throw fail(field.line, "bad nullable versions") }
                field.nullable = range
            default: throw fail(field.line, "unexpected '\(word)'")
            }
        }
    }

    private func parseType(_ text: Substring) -> FieldType {
        if text.hasPrefix("[]") { return .array(parseType(text.dropFirst(2))) }
        return FieldType.named[String(text)] ?? .structure(String(text))
    }

    /// Checks that each struct exists, and gives shared ones the versions of those who use them.
    private func resolveStructVersions(
        _ message: inout Message, _ line: Int
    ) throws(SchemaError) {
        // Shared structs may use each other: twice as many rounds as structs settles any order.
        for _ in 0...message.structs.count {
            var used: [String: VersionRange] = [:]
            let fields =
                message.fields
                + message.structs.flatMap { owner in
                    owner.fields.map { field in
                        var field = field
                        field.versions =
                            field.versions.intersection(owner.versions) ?? field.versions
                        return field
                    }
                }
            for field in fields {
                guard let name = field.type.structName else { continue }
                guard message.structs.contains(where: { $0.name == name }) else {
                    throw fail(field.line, "unknown type '\(name)'")
                }
                used[name] = used[name]?.union(field.versions) ?? field.versions
            }
            for index in message.structs.indices {
                guard let versions = used[message.structs[index].name] else {
                    throw fail(line, "struct '\(message.structs[index].name)' is not used")
                }
                message.structs[index].versions = versions
            }
        }
    }
}

extension Substring {
    /// Where a comment begins: at the start of the line or after a space.
    fileprivate func firstRange(ofComment mark: String) -> Range<Index>? {
        var index = startIndex
        var previous: Character = " "
        while index < endIndex {
            if previous == " ", self[index...].hasPrefix(mark) {
                return index..<self.index(index, offsetBy: mark.count)
            }
            previous = self[index]
            index = self.index(after: index)
        }
        return nil
    }
}
