/// Reads JSON text (RFC 8259), at most 64 levels deep.
struct JSONParser {
    private var rest: Substring.UnicodeScalarView
    private static let depthLimit = 64

    private init(_ text: String) { rest = text[...].unicodeScalars }

    /// The value that `text` holds; throws `Failure` when it is not JSON.
    static func parse(_ text: String) throws(Failure) -> JSON {
        var parser = JSONParser(text)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.rest.isEmpty else { throw Failure("The input string is not a valid JSON.") }
        return value
    }

    private func invalid(_ what: String) -> Failure {
        let near = String(String.UnicodeScalarView(rest.prefix(20)))
        return Failure("The input string is not a valid JSON: \(what) near '\(near)'.")
    }

    private mutating func skipSpace() {
        while let next = rest.first, next == " " || next == "\n" || next == "\r" || next == "\t" {
            rest.removeFirst()
        }
    }

    private mutating func take(_ word: String) -> Bool {
        guard rest.starts(with: word.unicodeScalars) else { return false }
        rest.removeFirst(word.unicodeScalars.count)
        return true
    }

    private mutating func value(depth: Int) throws(Failure) -> JSON {
        guard depth < Self.depthLimit else { throw invalid("too deep") }
        skipSpace()
        if take("{") { return try object(depth) }
        if take("[") { return try array(depth) }
        if take("\"") { return .string(try string()) }
        if take("true") { return .bool(true) }
        if take("false") { return .bool(false) }
        if take("null") { return .null }
        return try number()
    }

    private mutating func object(_ depth: Int) throws(Failure) -> JSON {
        var members: [(name: String, value: JSON)] = []
        skipSpace()
        if take("}") { return .object([]) }
        while true {
            skipSpace()
            guard take("\"") else { throw invalid("a member's name is missing") }
            let name = try string()
            skipSpace()
            guard take(":") else { throw invalid("':' is missing") }
            members.append((name, try value(depth: depth + 1)))
            skipSpace()
            if take("}") { return .object(members) }
            guard take(",") else { throw invalid("',' or '}' is missing") }
        }
    }

    private mutating func array(_ depth: Int) throws(Failure) -> JSON {
        var values: [JSON] = []
        skipSpace()
        if take("]") { return .array([]) }
        while true {
            values.append(try value(depth: depth + 1))
            skipSpace()
            if take("]") { return .array(values) }
            guard take(",") else { throw invalid("',' or ']' is missing") }
        }
    }

    private mutating func number() throws(Failure) -> JSON {
        let digits = rest.prefix {
            ("0"..."9").contains($0) || $0 == "-" || $0 == "+" || $0 == "." || $0 == "e"
                || $0 == "E"
        }
        let text = String(String.UnicodeScalarView(digits))
        if let integer = Int64(text), !text.hasPrefix("+") {
            rest.removeFirst(digits.count)
            return .integer(integer)
        }
        guard let number = Double(text), !text.hasPrefix("+") else { throw invalid("no value") }
        rest.removeFirst(digits.count)
        return .number(number)
    }

    private mutating func string() throws(Failure) -> String {
        var out = String.UnicodeScalarView()
        while let next = rest.popFirst() {
            if next == "\"" { return String(out) }
            if next != "\\" {
                out.append(next)
                continue
            }
            guard let escape = rest.popFirst() else { break }
            switch escape {
            case "\"", "\\", "/": out.append(escape)
            case "n": out.append("\n")
            case "r": out.append("\r")
            case "t": out.append("\t")
            case "b": out.append("\u{8}")
            case "f": out.append("\u{c}")
            case "u": out.append(try unicode())
            default: throw invalid("an unknown escape")
            }
        }
        throw invalid("a string does not end")
    }

    private mutating func unicode() throws(Failure) -> Unicode.Scalar {
        let high = try hexadecimal()
        if let scalar = Unicode.Scalar(high) { return scalar }
        guard high < 0xDC00, take("\\u") else { throw invalid("half a surrogate pair") }
        let low = try hexadecimal()
        guard (0xDC00...0xDFFF).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
        else { throw invalid("half a surrogate pair") }
        return scalar
    }

    private mutating func hexadecimal() throws(Failure) -> UInt32 {
        let text = String(String.UnicodeScalarView(rest.prefix(4)))
        guard text.utf8.count == 4, let value = UInt32(text, radix: 16) else {
            throw invalid("a bad \\u escape")
        }
        rest.removeFirst(4)
        return value
    }
}
