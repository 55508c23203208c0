import Testing

@testable import Coordinators

/// Patterns of topic names: RE2's syntax, matched as a whole.
@Suite struct TopicPatternTests {
    private func matches(_ pattern: String, _ names: [String]) throws -> [String] {
        var matcher = try TopicPattern(pattern).matcher()
        return names.filter { matcher.matches($0) }
    }

    @Test(
        arguments: [
            ("orders", ["orders"]),
            ("order", []),
            (".*", ["", "a", "A1", "orders", "orders-1", "orders.eu", "ordes", "__x"]),
            ("^orders.*$", ["orders", "orders-1", "orders.eu"]),
            ("orders(-[0-9]+|\\.[a-z]{2})?", ["orders", "orders-1", "orders.eu"]),
            ("(?i)ORDERS", ["orders"]),
            ("(?i:O)rde(?:r)?s", ["orders", "ordes"]),
            ("[^o].*", ["a", "A1", "__x"]),
            ("[[:upper:]][[:digit:]]", ["A1"]),
            ("[[:^alpha:]]+x", ["__x"]),
            ("\\w+", ["a", "A1", "orders", "ordes", "__x"]),
            ("\\pL+", ["a", "orders", "ordes"]),
            ("\\p{Lu}\\p{^L}", ["A1"]),
            ("\\P{L}*x", ["__x"]),
            ("\\Qorders.eu\\E", ["orders.eu"]),
            ("orders\\.eu|a|", ["", "a", "orders.eu"]),
            ("(?P<n>o)rders\\b.*", ["orders", "orders-1", "orders.eu"]),
            ("orders\\B.*", []),
            ("ord(e|r)+s", ["orders", "ordes"]),
            ("orders{1,2}", ["orders"]),
            ("ord.{2,3}s", ["orders"]),
            ("a{0}b{0,3}a{1}", ["a"]),
            ("\\x61|\\x{41}\\061", ["a", "A1"]),
            ("_{2}x", ["__x"]),
            ("(a*)*|A1", ["", "a", "A1"]),
            ("[\\d\\pL]+", ["a", "A1", "orders", "ordes"]),
            ("\\p{Mn}*a", ["a"]),
        ] as [(String, [String])])
    func matchesWholeNames(_ pattern: String, _ expected: [String]) throws {
        let names = ["", "a", "A1", "orders", "orders-1", "orders.eu", "ordes", "__x"]
        #expect(try matches(pattern, names) == expected)
    }

    @Test func bracesAndBracketsThatMeanNothingStandForThemselves() throws {
        #expect(try matches("a{,2}", ["a", "aa", "a{,2}"]) == ["a{,2}"])
        #expect(try matches("a{1,b}", ["a", "a{1,b}"]) == ["a{1,b}"])
        #expect(try matches("[[:]+", ["[:[", ":", "]"]) == ["[:[", ":"])
        #expect(try matches("[]a]+[^]]", ["]ab", "]]"]) == ["]ab"])
    }

    @Test(arguments: [
        "(", ")", "a)", "(a", "[", "[a", "[z-a]", "*", "+a", "a**", "a{2}{3}", "a{1001}",
        "a{3,2}", "\\", "\\1", "\\y", "(?=a)", "(?<=a)", "(?!a)", "a++", "(?P<a>b)(?P<a>c)",
        "(?<>a)", "\\p{Nope}", "[[:nope:]]", "(?x)a", "(?i-)a", "(?i", "\\p{L",
        "\\x{110000}", "\\x{-1}",
        "((a{1000}){1000})", "(((){1000}){1000}){1000}",
    ])
    func refusesWhatIsNoPattern(_ pattern: String) {
        #expect(throws: TopicPatternError.self) { try TopicPattern(pattern) }
    }

    @Test func nestingHasALimit() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "(", count: depth) + "a" + String(repeating: ")", count: depth)
        }
        #expect(try matches(nested(TopicPattern.maxNesting - 1), ["a", "b"]) == ["a"])
        #expect(throws: TopicPatternError("expression nests too deeply")) {
            try TopicPattern(nested(TopicPattern.maxNesting))
        }
    }

    @Test func theAutomatonIsBounded() throws {
        // 2^12 states if they were all kept.
        let pattern = "(a|b)*a(a|b){11}"
        let names = (0..<4096).map { number in
            String((0..<12).map { number >> $0 & 1 == 1 ? "a" : "b" })
        }
        #expect(try matches(pattern, names).count == 2048)
    }
}
