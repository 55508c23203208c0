/// A regular expression that whole topic names are matched against (KIP-848), in the syntax of RE2.
///
/// Matching takes time linear in the length of the name, whatever the pattern. Topic names are
/// ASCII, so only the ASCII part of each class counts. What RE2 refuses (backreferences,
/// lookaround, possessive repetition) is refused here, as are patterns beyond the limits below.
public struct TopicPattern: Sendable {
    /// Most groups within groups.
    public static let maxNesting = 200
    /// Most repetitions that a `{n,m}` may ask for.
    public static let maxRepeat = 1000
    /// Most instructions that a pattern may come to once repetitions are written out.
    public static let maxInstructions = 10_000

    let program: PatternProgram

    /// - Throws: `TopicPatternError` for what is not a pattern, or beyond a limit.
    public init(_ text: String) throws(TopicPatternError) {
        var parser = PatternParser(text)
        program = try PatternProgram(try parser.parse())
    }

    /// Matches many names; keeps what it learns on the way.
    public func matcher() -> TopicMatcher { TopicMatcher(program) }
}

/// Why a text is not a pattern of topic names.
public struct TopicPatternError: Error, Equatable, Sendable {
    /// What is wrong, as RE2 words it.
    public var reason: String
    init(_ reason: String) { self.reason = reason }
}

/// A set of ASCII characters.
struct CharacterSet: Hashable, Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    static let word = CharacterSet(
        ranges: ("0", "9"), ("A", "Z"), ("a", "z"), ("_", "_"))
    static let digit = CharacterSet(ranges: ("0", "9"))
    static let space = CharacterSet(of: "\t\n\u{c}\r ".unicodeScalars)
    static let all = CharacterSet().inverted
    /// What `.` stands for.
    static let allButNewline = CharacterSet(of: "\n".unicodeScalars).inverted

    init() {}

    init(ranges: (Unicode.Scalar, Unicode.Scalar)...) {
        for (first, last) in ranges { insert(first.value...last.value) }
    }

    init(of scalars: some Sequence<Unicode.Scalar>) {
        for scalar in scalars { insert(scalar.value...scalar.value) }
    }

    /// The ASCII characters for which `isMember` holds.
    init(where isMember: (Unicode.Scalar) -> Bool) {
        for byte in 0..<UInt8(128) where isMember(Unicode.Scalar(byte)) {
            insert(UInt32(byte)...UInt32(byte))
        }
    }

    func contains(_ byte: UInt8) -> Bool {
        (byte < 64 ? low >> UInt64(byte) : high >> UInt64(byte - 64)) & 1 == 1
    }

    /// Adds the ASCII part of a range.
    mutating func insert(_ range: ClosedRange<UInt32>) {
        guard range.lowerBound < 128 else { return }
        for value in range.lowerBound...min(range.upperBound, 127) {
            if value < 64 { low |= 1 << UInt64(value) } else { high |= 1 << UInt64(value - 64) }
        }
    }

    mutating func formUnion(_ other: CharacterSet) {
        low |= other.low
        high |= other.high
    }

    var inverted: CharacterSet {
        var result = self
        result.low = ~low
        result.high = ~high
        return result
    }

    /// With each letter also the letter of the other case.
    var foldingCase: CharacterSet {
        var result = self
        for byte in UInt8(ascii: "A")...UInt8(ascii: "Z") {
            let pair = CharacterSet(
                ranges: (.init(byte), .init(byte)), (.init(byte | 32), .init(byte | 32)))
            if contains(byte) || contains(byte | 32) { result.formUnion(pair) }
        }
        return result
    }
}
