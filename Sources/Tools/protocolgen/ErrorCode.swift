/// One error code of the protocol.
struct ErrorCode {
    var code: Int
    /// As Kafka writes it, `OFFSET_OUT_OF_RANGE`.
    var name: String
    var isRetriable: Bool
    var message: String

    /// `offsetOutOfRange`.
    var caseName: String {
        let words = name.split(separator: "_").map(String.init)
        return words.enumerated().map { index, word in
            if index > 0 && word == "ID" { return word }
            return index == 0 ? word.lowercased() : word.prefix(1) + word.dropFirst().lowercased()
        }.joined()
    }
}

extension SchemaParser {
    /// Reads `Schemas/errors.schema`: lines of `error CODE NAME [retriable]  // message`.
    static func parseErrors(_ text: String, path: String) throws(SchemaError) -> [ErrorCode] {
        var codes: [ErrorCode] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        where line.hasPrefix("error ") {
            let halves = line.split(separator: " // ", maxSplits: 1)
            let words = halves[0].split(separator: " ")
            guard halves.count == 2, (3...4).contains(words.count), let code = Int(words[1]),
                words.count == 3 || words[3] == "retriable"
            else {
                throw SchemaError(
                    file: path, line: index + 1,
                    message: "expected: error CODE NAME [retriable]  // message")
            }
            codes.append(
                ErrorCode(
                    code: code, name: String(words[2]), isRetriable: words.count == 4,
                    message: String(halves[1])))
        }
        return codes.sorted { $0.code < $1.code }
    }
}

/// `KafkaError.swift`.
func errorCodes(_ errors: [ErrorCode]) -> String {
    var code = CodeWriter()
    code.header(source: "errors.schema", importing: [])
    code.documentation([
        "An error code of the protocol. One that is not here is read as `unknownServerError`."
    ])
    code.block("public enum KafkaError: Int16, Error, CaseIterable, Sendable") { code in
        for error in errors {
            code.documentation([error.message])
            code.line("case \(declared(error.caseName)) = \(error.code)")
        }
        code.line()
        code.documentation(["The name as Kafka writes it, `OFFSET_OUT_OF_RANGE`."])
        code.block("public var name: String") { code in
            code.line("switch self {")
            for error in errors { code.line("case .\(error.caseName): \"\(error.name)\"") }
            code.line("}")
        }
        code.line()
        code.documentation(["Whether the same request may succeed when it is sent again."])
        code.block("public var isRetriable: Bool") { code in
            let names = errors.filter(\.isRetriable).map { ".\($0.caseName)" }
            code.line("switch self {")
            code.line("case \(names.joined(separator: ",\n            ")): true")
            code.line("default: false")
            code.line("}")
        }
        code.line()
        code.documentation(["What the code says, in a sentence."])
        code.block("public var message: String") { code in
            code.line("switch self {")
            for error in errors { code.line("case .\(error.caseName): \"\(error.message)\"") }
            code.line("}")
        }
    }
    return code.text
}
