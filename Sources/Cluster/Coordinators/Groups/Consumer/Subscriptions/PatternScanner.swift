/// Reads a pattern's characters, and what several of them stand for together.
struct PatternScanner {
    private let scalars: [Unicode.Scalar]
    private var position = 0

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    var isAtEnd: Bool { position == scalars.count }
    var peek: Unicode.Scalar? { isAtEnd ? nil : scalars[position] }

    mutating func next() -> Unicode.Scalar? {
        guard let scalar = peek else { return nil }
        position += 1
        return scalar
    }

    /// Passes over `text` if it comes next.
    @discardableResult
    mutating func skip(_ text: String) -> Bool {
        guard scalars[position...].starts(with: text.unicodeScalars) else { return false }
        position += text.unicodeScalars.count
        return true
    }

    /// Whether `-` and the end of a range come next in a class.
    var isAtRange: Bool {
        position + 1 < scalars.count && scalars[position] == "-" && scalars[position + 1] != "]"
    }

    // MARK: Characters

    /// A character, written plainly or with a backslash.
    mutating func takeCharacter() throws(TopicPatternError) -> Unicode.Scalar {
        guard let first = next() else { throw TopicPatternError("missing argument") }
        guard first == "\\" else { return first }
        guard let escaped = next() else {
            throw TopicPatternError("trailing backslash at end of expression")
        }
        switch escaped {
        case "a": return "\u{7}"
        case "f": return "\u{c}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "v": return "\u{b}"
        case "x": return try takeHexadecimal()
        case "0"..."7": return try takeOctal(from: escaped)
        default:
            // Punctuation stands for itself; letters and digits are kept for meanings to come.
            guard escaped.isASCII, !CharacterSet.word.contains(UInt8(ascii: escaped)) else {
                throw TopicPatternError("invalid escape sequence")
            }
            return escaped
        }
    }

    /// `\0` to `\377`; `\1` to `\7` alone would be references to groups.
    private mutating func takeOctal(
        from first: Unicode.Scalar
    ) throws(TopicPatternError) -> Unicode.Scalar {
        var digits = [first]
        while digits.count < 3, let digit = peek, ("0"..."7").contains(digit) {
            digits.append(digit)
            position += 1
        }
        guard first == "0" || digits.count > 1,
            let scalar = scalar(digits, radix: 8)
        else { throw TopicPatternError("invalid escape sequence") }
        return scalar
    }

    /// `7F` or `{10FFFF}`.
    private mutating func takeHexadecimal() throws(TopicPatternError) -> Unicode.Scalar {
        var digits: [Unicode.Scalar] = []
        if skip("{") {
            while let digit = next(), digit != "}" { digits.append(digit) }
        } else {
            while digits.count < 2, let digit = next() { digits.append(digit) }
            guard digits.count == 2 else { throw TopicPatternError("invalid escape sequence") }
        }
        guard let scalar = scalar(digits, radix: 16) else {
            throw TopicPatternError("invalid escape sequence")
        }
        return scalar
    }

    private func scalar(_ digits: [Unicode.Scalar], radix: Int) -> Unicode.Scalar? {
        guard let first = digits.first, first.properties.isASCIIHexDigit else { return nil }
        return UInt32(String(String.UnicodeScalarView(digits)), radix: radix)
            .flatMap(Unicode.Scalar.init)
    }

    /// Everything up to `\E` or the end, taken as it stands.
    mutating func takeLiteral() -> [Unicode.Scalar] {
        var literal: [Unicode.Scalar] = []
        while !skip("\\E"), let scalar = next() { literal.append(scalar) }
        return literal
    }

    // MARK: Repetitions and names

    /// `{n}`, `{n,}` or `{n,m}`; anything else that begins with a brace is no repetition.
    mutating func takeBounds() -> (min: Int, max: Int?)? {
        let start = position
        guard skip("{"), let min = takeNumber() else {
            position = start
            return nil
        }
        if skip("}") { return (min, min) }
        if skip(",}") { return (min, nil) }
        if skip(","), let max = takeNumber(), skip("}") { return (min, max) }
        position = start
        return nil
    }

    /// A number; a longer one than any limit reads as one that is over all of them.
    private mutating func takeNumber() -> Int? {
        var value: Int?
        while let digit = peek, ("0"..."9").contains(digit) {
            value = min((value ?? 0) * 10 + Int(digit.value - 48), 1_000_000)
            position += 1
        }
        return value
    }

    /// `P<name>` or `<name>`, which opens a group like any other.
    mutating func takeGroupName() throws(TopicPatternError) -> String? {
        guard skip("P<") || skip("<") else { return nil }
        var name = String.UnicodeScalarView()
        while let scalar = next(), scalar != ">" {
            guard scalar.isASCII, CharacterSet.word.contains(UInt8(ascii: scalar)) else {
                throw TopicPatternError("invalid named capture")
            }
            name.append(scalar)
        }
        guard !name.isEmpty, scalars[position - 1] == ">" else {
            throw TopicPatternError("invalid named capture")
        }
        return String(name)
    }

    /// The name in `\p{name}` or `\pN`.
    mutating func takeClassName() throws(TopicPatternError) -> String {
        guard let first = next() else { throw TopicPatternError("invalid character class range") }
        guard first == "{" else { return String(first) }
        var name = String.UnicodeScalarView()
        while let scalar = next() {
            if scalar == "}" { return String(name) }
            name.append(scalar)
        }
        throw TopicPatternError("invalid character class range")
    }

    /// The name in `[:name:]`, inside of brackets.
    mutating func takeBracketName() -> String? {
        let start = position
        guard skip("[:") else { return nil }
        var name = String.UnicodeScalarView()
        while let scalar = peek, scalar == "^" || ("a"..."z").contains(scalar) {
            name.append(scalar)
            position += 1
        }
        if skip(":]") { return String(name) }
        position = start
        return nil
    }
}
