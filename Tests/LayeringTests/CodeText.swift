/// Blanks out comments and string contents, so that the checks look at code only.
///
/// Knows line comments, nested block comments, plain, multi-line and raw strings, and
/// interpolations (which are code). Line breaks stay where they are.
struct CodeText {
    private let input: [UInt8]
    private var output: [UInt8] = []
    private var index = 0

    static func strip(_ text: String) -> String {
        var stripper = CodeText(input: Array(text.utf8))
        stripper.output.reserveCapacity(stripper.input.count)
        stripper.copyCode(untilClosingParenthesis: false)
        return String(decoding: stripper.output, as: UTF8.self)
    }

    private init(input: [UInt8]) { self.input = input }

    private func byte(_ ahead: Int = 0) -> UInt8? {
        index + ahead < input.count ? input[index + ahead] : nil
    }

    private func starts(with token: StaticString, ahead: Int = 0) -> Bool {
        for offset in 0..<token.utf8CodeUnitCount {
            guard byte(ahead + offset) == token.withUTF8Buffer({ $0[offset] }) else { return false }
        }
        return true
    }

    private mutating func copy(_ count: Int = 1) {
        for _ in 0..<count where index < input.count {
            output.append(input[index])
            index += 1
        }
    }

    private mutating func blank(_ count: Int = 1) {
        for _ in 0..<count where index < input.count {
            output.append(input[index] == UInt8(ascii: "\n") ? input[index] : UInt8(ascii: " "))
            index += 1
        }
    }

    private mutating func copyCode(untilClosingParenthesis: Bool) {
        var depth = 0
        while let next = byte() {
            if starts(with: "//") {
                while let byte = byte(), byte != UInt8(ascii: "\n") { blank() }
            } else if starts(with: "/*") {
                blankBlockComment()
            } else if let pounds = stringStart() {
                copyString(pounds: pounds)
            } else {
                if next == UInt8(ascii: "(") { depth += 1 }
                if next == UInt8(ascii: ")") { depth -= 1 }
                copy()
                if untilClosingParenthesis && depth == 0 { return }
            }
        }
    }

    private mutating func blankBlockComment() {
        var depth = 0
        repeat {
            if starts(with: "/*") {
                depth += 1
                blank(2)
            } else if starts(with: "*/") {
                depth -= 1
                blank(2)
            } else {
                blank()
            }
        } while depth > 0 && index < input.count
    }

    /// The number of `#` before a quote that starts here, nil if no string starts here.
    private func stringStart() -> Int? {
        var pounds = 0
        while byte(pounds) == UInt8(ascii: "#") { pounds += 1 }
        return byte(pounds) == UInt8(ascii: "\"") ? pounds : nil
    }

    private mutating func copyString(pounds: Int) {
        copy(pounds)
        let quotes = starts(with: "\"\"\"") ? 3 : 1
        copy(quotes)
        while let next = byte() {
            if next == UInt8(ascii: "\\"), escapes(pounds) {
                blank(1 + pounds)
                if byte() == UInt8(ascii: "(") {
                    copyCode(untilClosingParenthesis: true)
                } else {
                    blank()
                }
            } else if closes(quotes: quotes, pounds: pounds) {
                copy(quotes + pounds)
                return
            } else {
                blank()
            }
        }
    }

    private func escapes(_ pounds: Int) -> Bool {
        (0..<pounds).allSatisfy { byte(1 + $0) == UInt8(ascii: "#") }
    }

    private func closes(quotes: Int, pounds: Int) -> Bool {
        (0..<quotes).allSatisfy { byte($0) == UInt8(ascii: "\"") }
            && (0..<pounds).allSatisfy { byte(quotes + $0) == UInt8(ascii: "#") }
    }
}
