/// A pattern for one part of a path: `?`, `*`, `{a,b}`, `[a-z]`, `[!a-z]`, and `\` before a sign
/// that stands for itself.
///
/// What makes no sense as a pattern stands for itself as a whole.
struct Glob: Equatable {
    private enum Token: Equatable {
        case literal(Character)
        /// `?`
        case one
        /// `*`
        case many
        case set([ClosedRange<Character>], isNegated: Bool)
    }

    /// The only name that matches, where there is but one.
    let literal: String?
    /// Each of them is a match; empty for a literal.
    private let alternatives: [[Token]]

    init(_ text: String) {
        let parsed = Self.expand(Array(text))?.map(Self.parse)
        guard let parsed, parsed.allSatisfy({ $0 != nil }) else {
            literal = text
            alternatives = []
            return
        }
        let tokens = parsed.compactMap { $0 }
        let signs = tokens.count == 1 ? Self.signs(tokens[0]) : nil
        literal = signs.map { String($0) }
        alternatives = signs == nil ? tokens : []
    }

    /// The signs of tokens that are all literals.
    private static func signs(_ tokens: [Token]) -> [Character]? {
        var signs: [Character] = []
        for token in tokens {
            guard case .literal(let sign) = token else { return nil }
            signs.append(sign)
        }
        return signs
    }

    /// Whether the name matches as a whole.
    func matches(_ name: String) -> Bool {
        if let literal { return name == literal }
        let name = Array(name)
        return alternatives.contains { Self.matches($0[...], name[...]) }
    }

    /// The texts that `{a,b}` stands for; `nil` when braces do not fit together.
    private static func expand(_ text: [Character]) -> [[Character]]? {
        var whole: [[Character]] = [[]]
        var group: [[Character]]?
        var index = 0
        while index < text.count {
            let sign = text[index]
            index += 1
            switch (sign, group) {
            case ("\\", _) where index < text.count:
                append([sign, text[index]], &whole, &group)
                index += 1
            case ("{", nil): group = [[]]
            case ("{", _): return nil
            case (",", .some(let parts)): group = parts + [[]]
            case ("}", .some(let parts)):
                whole = whole.flatMap { head in parts.map { head + $0 } }
                group = nil
            default: append([sign], &whole, &group)
            }
        }
        return group == nil ? whole : nil
    }

    private static func append(
        _ signs: [Character], _ whole: inout [[Character]], _ group: inout [[Character]]?
    ) {
        guard var parts = group, let last = parts.popLast() else {
            for index in whole.indices { whole[index] += signs }
            return
        }
        group = parts + [last + signs]
    }

    private static func parse(_ text: [Character]) -> [Token]? {
        var tokens: [Token] = []
        var rest = text[...]
        while let sign = rest.popFirst() {
            switch sign {
            case "?": tokens.append(.one)
            case "*": tokens.append(.many)
            case "\\": tokens.append(.literal(rest.popFirst() ?? sign))
            case "[":
                guard let set = set(&rest) else { return nil }
                tokens.append(set)
            default: tokens.append(.literal(sign))
            }
        }
        return tokens
    }

    /// What follows a `[`, up to its `]`.
    private static func set(_ rest: inout ArraySlice<Character>) -> Token? {
        var ranges: [ClosedRange<Character>] = []
        let isNegated = rest.first == "!" || rest.first == "^"
        if isNegated { rest.removeFirst() }
        var isFirst = true
        while let sign = rest.popFirst() {
            if sign == "]", !isFirst { return .set(ranges, isNegated: isNegated) }
            isFirst = false
            guard let low = sign == "\\" ? rest.popFirst() : sign else { return nil }
            var high = low
            if rest.first == "-", let end = rest.dropFirst().first, end != "]" {
                rest.removeFirst(2)
                high = end
            }
            guard low <= high else { return nil }
            ranges.append(low...high)
        }
        return nil
    }

    private static func matches(
        _ tokens: ArraySlice<Token>, _ name: ArraySlice<Character>
    ) -> Bool {
        var tokens = tokens
        var name = name
        while let token = tokens.popFirst() {
            if token == .many {
                return name.indices.contains { matches(tokens, name[$0...]) }
                    || matches(tokens, [])
            }
            guard let sign = name.popFirst() else { return false }
            switch token {
            case .literal(let wanted): guard sign == wanted else { return false }
            case .set(let ranges, let isNegated):
                guard ranges.contains(where: { $0.contains(sign) }) != isNegated else {
                    return false
                }
            case .one, .many: break
            }
        }
        return name.isEmpty
    }
}
