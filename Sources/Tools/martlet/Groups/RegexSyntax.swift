/// Whether a text is a regular expression in the syntax of RE2, which brokers match the topics of
/// consumer groups by (KIP-848): no look-around, no back-references, no possessive repeats.
struct RegexSyntax {
    /// What is wrong with an expression, in RE2's words.
    enum Fault: String, Error {
        case missingParenthesis = "missing closing )"
        case unexpectedParenthesis = "unexpected )"
        case missingBracket = "missing closing ]"
        case missingArgument = "missing argument to repetition operator"
        case nestedRepeat = "invalid nested repetition operator"
        case repeatCount = "invalid repeat count"
        case escape = "invalid escape sequence"
        case trailingBackslash = "trailing backslash at end of expression"
        case range = "invalid character class range"
        case group = "invalid or unsupported Perl syntax"
        case name = "invalid named capture"
        case duplicateName = "duplicate capture group name"
    }

    /// Most repeats that `{n,m}` may ask for.
    private static let repeatLimit = 1000
    private static let posixClasses: Set = [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
        "space", "upper", "word", "xdigit",
    ]
    private static let categories: Set = [
        "Any", "C", "Cc", "Cf", "Co", "Cs", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me",
        "Mn", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc",
        "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs",
    ]

    private var rest: Substring.UnicodeScalarView
    private var names: Set<String> = []
    private var openGroups = 0
    /// What a repetition operator would repeat.
    private var operand = Operand.none

    private enum Operand {
        case none
        case one
        case repeated
    }

    private init(_ text: String) { rest = text[...].unicodeScalars }

    /// The first fault of `text`, `nil` when it is well-formed.
    static func fault(in text: String) -> Fault? {
        var syntax = RegexSyntax(text)
        do throws(Fault) {
            while let next = syntax.rest.popFirst() { try syntax.take(next) }
            return syntax.openGroups == 0 ? nil : .missingParenthesis
        } catch { return error }
    }

    private mutating func take(_ next: Unicode.Scalar) throws(Fault) {
        switch next {
        case "(":
            openGroups += 1
            // `(?i)` is no group but a change of flags, closed by itself.
            if try takeGroupHead() { openGroups -= 1 }
            operand = .none
        case ")":
            guard openGroups > 0 else { throw .unexpectedParenthesis }
            openGroups -= 1
            operand = .one
        case "|": operand = .none
        case "*", "+", "?": try takeRepeat()
        case "{":
            guard let counts = counts() else {
                operand = .one
                return
            }
            guard counts.least <= Self.repeatLimit, counts.most ?? 0 <= Self.repeatLimit,
                counts.most.map({ $0 >= counts.least }) ?? true
            else { throw .repeatCount }
            try takeRepeat()
        case "[":
            try takeClass()
            operand = .one
        case "\\":
            if !takeQuoted() { try takeEscape(inClass: false) }
            operand = .one
        default: operand = .one
        }
    }

    private mutating func takeRepeat() throws(Fault) {
        switch operand {
        case .none: throw .missingArgument
        case .repeated: throw .nestedRepeat
        case .one: operand = .repeated
        }
        if rest.first == "?" { rest.removeFirst() }
    }

    /// Takes `n}`, `n,}` or `n,m}`; nothing when a brace is only a brace.
    private mutating func counts() -> (least: Int, most: Int?)? {
        var ahead = rest
        func number() -> Int? {
            let digits = ahead.prefix { ("0"..."9").contains($0) }
            ahead = ahead.dropFirst(digits.count)
            // More digits than a count can have are too many in any case.
            return digits.isEmpty ? nil : Int(String(String.UnicodeScalarView(digits))) ?? .max
        }
        guard let least = number() else { return nil }
        var most: Int? = least
        if ahead.first == "," {
            ahead.removeFirst()
            most = number()
        }
        guard ahead.popFirst() == "}" else { return nil }
        rest = ahead
        return (least, most)
    }

    /// Takes what follows an opening parenthesis; true when that was the whole of `(?flags)`.
    private mutating func takeGroupHead() throws(Fault) -> Bool {
        guard rest.first == "?" else { return false }
        rest.removeFirst()
        for opening in ["P<", "<"] where rest.starts(with: opening.unicodeScalars) {
            rest.removeFirst(opening.unicodeScalars.count)
            let name = String(String.UnicodeScalarView(rest.prefix { $0 != ">" }))
            rest = rest.dropFirst(name.unicodeScalars.count)
            let isWord = name.unicodeScalars.allSatisfy { Self.isAlphanumeric($0) || $0 == "_" }
            guard rest.popFirst() == ">", !name.isEmpty, isWord else { throw .name }
            guard names.insert(name).inserted else { throw .duplicateName }
            return false
        }
        var isNegated = false
        var hasFlag = false
        while let flag = rest.popFirst() {
            switch flag {
            case "i", "m", "s", "U": hasFlag = true
            case "-" where !isNegated:
                isNegated = true
                hasFlag = false
            case ":" where hasFlag || !isNegated: return false
            case ")" where hasFlag: return true
            default: throw .group
            }
        }
        throw .missingParenthesis
    }

    /// Takes `\Q...\E`, whose end may be left out.
    private mutating func takeQuoted() -> Bool {
        guard rest.first == "Q" else { return false }
        rest.removeFirst()
        while !rest.isEmpty, !rest.starts(with: "\\E".unicodeScalars) { rest.removeFirst() }
        rest = rest.dropFirst(2)
        return true
    }

    /// Takes what follows a backslash; its value where it stands for one character.
    @discardableResult
    private mutating func takeEscape(inClass: Bool) throws(Fault) -> UInt32? {
        guard let next = rest.popFirst() else { throw .trailingBackslash }
        switch next {
        case "d", "D", "s", "S", "w", "W": return nil
        case "A", "b", "B", "z":
            guard !inClass else { throw .escape }
            return nil
        case "p", "P":
            try takeUnicodeClass()
            return nil
        case "x": return try takeHexadecimal()
        case "0"..."7":
            // A single digit would be a back-reference.
            guard next == "0" || rest.first.map({ ("0"..."7").contains($0) }) == true else {
                throw .escape
            }
            let more = rest.prefix(2).prefix { ("0"..."7").contains($0) }
            rest = rest.dropFirst(more.count)
            return more.reduce(next.value - 48) { $0 * 8 + $1.value - 48 }
        case "a": return 7
        case "f": return 12
        case "n": return 10
        case "r": return 13
        case "t": return 9
        case "v": return 11
        default:
            guard next.isASCII, !Self.isAlphanumeric(next) else { throw .escape }
            return next.value
        }
    }

    private mutating func takeHexadecimal() throws(Fault) -> UInt32 {
        var digits = rest.prefix(2)
        if rest.first == "{" {
            rest.removeFirst()
            digits = rest.prefix { $0 != "}" }
            guard digits.endIndex != rest.endIndex else { throw .escape }
            rest = rest.dropFirst(digits.count + 1)
        } else {
            guard digits.count == 2 else { throw .escape }
            rest = rest.dropFirst(2)
        }
        let text = String(String.UnicodeScalarView(digits))
        guard text.utf8.allSatisfy({ $0 != 0x2B && $0 != 0x2D }),
            let value = UInt32(text, radix: 16), value <= 0x10FFFF
        else { throw .escape }
        return value
    }

    /// Takes `L`, `{Lu}`, `{^Lu}` or `{Greek}`.
    private mutating func takeUnicodeClass() throws(Fault) {
        guard let next = rest.popFirst() else { throw .range }
        var name = String(Character(next))
        if next == "{" {
            name = String(String.UnicodeScalarView(rest.prefix { $0 != "}" }))
            rest = rest.dropFirst(name.unicodeScalars.count)
            guard rest.popFirst() == "}" else { throw .range }
            if name.hasPrefix("^") { name.removeFirst() }
        }
        if Self.categories.contains(name) { return }
        let isName = name.unicodeScalars.allSatisfy { Self.isAlphanumeric($0) || $0 == "_" }
        guard isName, name.count > 2, (try? Regex("\\p{Script=\(name)}")) != nil else {
            throw .range
        }
    }

    private mutating func takeClass() throws(Fault) {
        if rest.first == "^" { rest.removeFirst() }
        var isFirst = true
        while isFirst || rest.first != "]" {
            guard let next = rest.popFirst() else { throw .missingBracket }
            isFirst = false
            if next == "[", try takePosixClass() { continue }
            guard let low = try classMember(next), rest.first == "-",
                let beyond = rest.dropFirst().first, beyond != "]"
            else { continue }
            rest = rest.dropFirst(2)
            guard let high = try classMember(beyond), high >= low else { throw .range }
        }
        rest.removeFirst()
    }

    private mutating func classMember(_ next: Unicode.Scalar) throws(Fault) -> UInt32? {
        next == "\\" ? try takeEscape(inClass: true) : next.value
    }

    /// Takes `:alpha:]` or `:^alpha:]` behind a bracket in a class.
    private mutating func takePosixClass() throws(Fault) -> Bool {
        guard rest.first == ":" else { return false }
        let name = rest.dropFirst().prefix { $0 != ":" && $0 != "]" }
        guard rest.dropFirst(1 + name.count).starts(with: ":]".unicodeScalars) else { return false }
        rest = rest.dropFirst(3 + name.count)
        let text = String(String.UnicodeScalarView(name))
        guard Self.posixClasses.contains(text.hasPrefix("^") ? String(text.dropFirst()) : text)
        else { throw .range }
        return true
    }

    private static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
    }
}
