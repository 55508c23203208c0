/// A pattern as a tree.
indirect enum PatternNode {
    case empty
    case characters(CharacterSet)
    case assertion(PatternAssertion)
    case sequence([PatternNode])
    case choice([PatternNode])
    case repeated(PatternNode, min: Int, max: Int?)
}

/// A place in the name.
enum PatternAssertion: Hashable, Sendable {
    case start, end, wordBoundary, noWordBoundary
}

/// Reads RE2's syntax.
struct PatternParser {
    /// What `(?…)` switches on and off, as far as it decides whether a name matches. Names have
    /// no line breaks, and what a repetition prefers is nothing to a match of the whole.
    private struct Flags {
        var ignoresCase = false
        var dotIsAll = false
    }

    private var scanner: PatternScanner
    private var flags = Flags()
    private var nesting = 0
    private var groupNames: Set<String> = []

    init(_ text: String) { scanner = PatternScanner(text) }

    mutating func parse() throws(TopicPatternError) -> PatternNode {
        let node = try choice()
        guard scanner.isAtEnd else { throw TopicPatternError("unexpected )") }
        return node
    }

    private mutating func choice() throws(TopicPatternError) -> PatternNode {
        nesting += 1
        defer { nesting -= 1 }
        guard nesting <= TopicPattern.maxNesting else {
            throw TopicPatternError("expression nests too deeply")
        }
        var branches = [try sequence()]
        while scanner.skip("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence() throws(TopicPatternError) -> PatternNode {
        var nodes: [PatternNode] = []
        var isAfterRepetition = false
        while let next = scanner.peek, next != "|", next != ")" {
            if let bounds = try repetition() {
                guard let last = nodes.popLast() else {
                    throw TopicPatternError("missing argument to repetition operator")
                }
                guard !isAfterRepetition else {
                    throw TopicPatternError("invalid nested repetition operator")
                }
                scanner.skip("?")
                isAfterRepetition = true
                nodes.append(.repeated(last, min: bounds.min, max: bounds.max))
            } else if scanner.skip("\\Q") {
                isAfterRepetition = false
                nodes += scanner.takeLiteral().map { .characters(literal($0)) }
            } else if let node = try atom() {
                isAfterRepetition = false
                nodes.append(node)
            }
        }
        return nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    private mutating func repetition() throws(TopicPatternError) -> (min: Int, max: Int?)? {
        if scanner.skip("*") { return (0, nil) }
        if scanner.skip("+") { return (1, nil) }
        if scanner.skip("?") { return (0, 1) }
        guard let bounds = scanner.takeBounds() else { return nil }
        guard bounds.min <= TopicPattern.maxRepeat,
            bounds.max.map({ $0 <= TopicPattern.maxRepeat && $0 >= bounds.min }) ?? true
        else { throw TopicPatternError("invalid repeat count") }
        return bounds
    }

    /// One thing that can be repeated; `nil` for a switch of flags, which is none.
    private mutating func atom() throws(TopicPatternError) -> PatternNode? {
        if scanner.skip("(") { return try group() }
        if scanner.skip("[") { return .characters(try bracketed()) }
        if scanner.skip(".") { return .characters(flags.dotIsAll ? .all : .allButNewline) }
        if scanner.skip("^") || scanner.skip("\\A") { return .assertion(.start) }
        if scanner.skip("$") || scanner.skip("\\z") { return .assertion(.end) }
        if scanner.skip("\\b") { return .assertion(.wordBoundary) }
        if scanner.skip("\\B") { return .assertion(.noWordBoundary) }
        if let named = try namedClass() { return .characters(named) }
        return .characters(literal(try scanner.takeCharacter()))
    }

    private func literal(_ scalar: Unicode.Scalar) -> CharacterSet {
        let set = CharacterSet(of: [scalar])
        guard flags.ignoresCase else { return set }
        // The two characters beyond ASCII that equal an ASCII letter but for their case.
        switch scalar {
        case "\u{212A}": return CharacterSet(of: "kK".unicodeScalars)
        case "\u{17F}": return CharacterSet(of: "sS".unicodeScalars)
        default: return set.foldingCase
        }
    }

    // MARK: Groups

    private mutating func group() throws(TopicPatternError) -> PatternNode? {
        let outer = flags
        if scanner.skip("?") {
            if let name = try scanner.takeGroupName() {
                guard groupNames.insert(name).inserted else {
                    throw TopicPatternError("duplicate capture group name")
                }
            } else if try !switchFlags() {
                return nil
            }
        }
        let node = try choice()
        guard scanner.skip(")") else { throw TopicPatternError("missing closing )") }
        flags = outer
        return node
    }

    /// Reads flags up to `:` or `)`; whether a group follows.
    private mutating func switchFlags() throws(TopicPatternError) -> Bool {
        var isOn = true
        var isComplete = true
        while let next = scanner.next() {
            switch next {
            case "i": flags.ignoresCase = isOn
            case "s": flags.dotIsAll = isOn
            case "m", "U": break
            case "-" where isOn: isOn = false
            case ":" where isComplete: return true
            case ")" where isComplete: return false
            default: throw TopicPatternError("invalid or unsupported Perl syntax")
            }
            isComplete = next != "-"
        }
        throw TopicPatternError("missing closing )")
    }

    // MARK: Classes

    private mutating func bracketed() throws(TopicPatternError) -> CharacterSet {
        let isInverted = scanner.skip("^")
        var set = CharacterSet()
        var isFirst = true
        while isFirst || !scanner.skip("]") {
            isFirst = false
            if let named = try bracketName() {
                set.formUnion(named)
                continue
            }
            if let named = try namedClass() {
                set.formUnion(named)
                continue
            }
            let first = try classCharacter()
            var last = first
            if scanner.isAtRange {
                _ = scanner.next()
                last = try classCharacter()
                guard last >= first else {
                    throw TopicPatternError("invalid character class range")
                }
            }
            set.insert(first.value...last.value)
            if flags.ignoresCase, first == last { set.formUnion(literal(first)) }
        }
        if flags.ignoresCase { set = set.foldingCase }
        return isInverted ? set.inverted : set
    }

    private mutating func classCharacter() throws(TopicPatternError) -> Unicode.Scalar {
        guard !scanner.isAtEnd else { throw TopicPatternError("missing closing ]") }
        return try scanner.takeCharacter()
    }

    /// A class by a backslash: `\d`, `\pL`, …
    private mutating func namedClass() throws(TopicPatternError) -> CharacterSet? {
        for (name, set) in Self.perlClasses where scanner.skip(name) { return set }
        let isInverted: Bool
        if scanner.skip("\\p") {
            isInverted = false
        } else if scanner.skip("\\P") {
            isInverted = true
        } else {
            return nil
        }
        var name = try scanner.takeClassName()
        let isNegated = name.hasPrefix("^")
        if isNegated { name.removeFirst() }
        guard let set = UnicodeClasses.named(name) else {
            throw TopicPatternError("invalid character class range")
        }
        return isInverted != isNegated ? set.inverted : set
    }

    /// A class by a name in brackets: `[:alpha:]`, `[:^alpha:]`.
    private mutating func bracketName() throws(TopicPatternError) -> CharacterSet? {
        guard var name = scanner.takeBracketName() else { return nil }
        let isInverted = name.hasPrefix("^")
        if isInverted { name.removeFirst() }
        guard let set = UnicodeClasses.posix(name) else {
            throw TopicPatternError("invalid character class range")
        }
        return isInverted ? set.inverted : set
    }

    private static let perlClasses: [(String, CharacterSet)] = [
        ("\\d", .digit), ("\\D", CharacterSet.digit.inverted),
        ("\\s", .space), ("\\S", CharacterSet.space.inverted),
        ("\\w", .word), ("\\W", CharacterSet.word.inverted),
    ]
}

/// Classes by name.
enum UnicodeClasses {
    /// A general category of Unicode, a letter for all that begin with it, or `Any`.
    static func named(_ name: String) -> CharacterSet? {
        switch name {
        case "Any": .all
        case "Latin": CharacterSet(ranges: ("A", "Z"), ("a", "z"))
        case "L": letters("Lu", "Ll")
        case "N": letters("Nd")
        case "P": letters("Pc", "Pd", "Ps", "Pe", "Po")
        case "S": letters("Sm", "Sc", "Sk")
        case "Z": letters("Zs")
        case "C": letters("Cc")
        case "M", "Mn", "Mc", "Me", "Lt", "Lm", "Lo", "Nl", "No", "Pi", "Pf", "So", "Zl", "Zp",
            "Cf", "Cs", "Co":
            CharacterSet()
        default:
            categories[name].map { category in
                CharacterSet { $0.properties.generalCategory == category }
            }
        }
    }

    /// A class of POSIX, and `word`.
    static func posix(_ name: String) -> CharacterSet? {
        switch name {
        case "alnum": CharacterSet(ranges: ("0", "9"), ("A", "Z"), ("a", "z"))
        case "alpha": CharacterSet(ranges: ("A", "Z"), ("a", "z"))
        case "ascii": .all
        case "blank": CharacterSet(of: "\t ".unicodeScalars)
        case "cntrl": CharacterSet(ranges: ("\u{0}", "\u{1f}"), ("\u{7f}", "\u{7f}"))
        case "digit": .digit
        case "graph": CharacterSet(ranges: ("!", "~"))
        case "lower": CharacterSet(ranges: ("a", "z"))
        case "print": CharacterSet(ranges: (" ", "~"))
        case "punct": CharacterSet(ranges: ("!", "/"), (":", "@"), ("[", "`"), ("{", "~"))
        case "space": CharacterSet(of: "\t\n\u{b}\u{c}\r ".unicodeScalars)
        case "upper": CharacterSet(ranges: ("A", "Z"))
        case "word": .word
        case "xdigit": CharacterSet(ranges: ("0", "9"), ("A", "F"), ("a", "f"))
        default: nil
        }
    }

    private static func letters(_ names: String...) -> CharacterSet {
        var result = CharacterSet()
        for name in names { if let set = named(name) { result.formUnion(set) } }
        return result
    }

    /// Those that have ASCII characters.
    private static let categories: [String: Unicode.GeneralCategory] = [
        "Lu": .uppercaseLetter, "Ll": .lowercaseLetter, "Nd": .decimalNumber,
        "Pc": .connectorPunctuation, "Pd": .dashPunctuation, "Ps": .openPunctuation,
        "Pe": .closePunctuation, "Po": .otherPunctuation, "Sm": .mathSymbol,
        "Sc": .currencySymbol, "Sk": .modifierSymbol, "Zs": .spaceSeparator, "Cc": .control,
    ]
}
