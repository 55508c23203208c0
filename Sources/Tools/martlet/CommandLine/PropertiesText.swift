/// Reads `.properties` text by Java's rules: comments, escapes, lines that go on.
enum PropertiesText {
    /// Keys with their values; the last of equal keys counts. `name` is for errors.
    static func parse(_ text: String, _ name: String) throws(Failure) -> [String: String] {
        var properties: [String: String] = [:]
        for (number, line) in logicalLines(text) {
            let (key, value) = split(line)
            guard let key = unescape(key), let value = unescape(value) else {
                throw Failure(
                    "\(name), line \(number): a \\u escape wants four hexadecimal digits.")
            }
            properties[key] = value
        }
        return properties
    }

    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
        scalar == " " || scalar == "\t" || scalar == "\u{c}"
    }

    /// Lines with their numbers, comments left out and continued lines joined.
    private static func logicalLines(_ text: String) -> [(Int, [Unicode.Scalar])] {
        var lines: [(Int, [Unicode.Scalar])] = []
        var isContinued = false
        let all = text.unicodeScalars.split(omittingEmptySubsequences: false) { $0 == "\n" }
        for (index, raw) in all.enumerated() {
            var line = Array(raw.drop(while: isBlank))
            if line.last == "\r" { line.removeLast() }
            if !isContinued, line.isEmpty || line.first == "#" || line.first == "!" { continue }
            let slashes = line.reversed().prefix { $0 == "\\" }.count
            let goesOn = slashes % 2 == 1
            if goesOn { line.removeLast() }
            if isContinued {
                lines[lines.count - 1].1 += line
            } else {
                lines.append((index + 1, line))
            }
            isContinued = goesOn
        }
        return lines
    }

    /// The key ends at the first `=`, `:` or blank that no backslash stands before.
    private static func split(_ line: [Unicode.Scalar]) -> ([Unicode.Scalar], [Unicode.Scalar]) {
        var end = 0
        while end < line.count, line[end] != "=", line[end] != ":", !isBlank(line[end]) {
            end += line[end] == "\\" ? 2 : 1
        }
        end = min(end, line.count)
        var rest = line[end...].drop(while: isBlank)
        if rest.first == "=" || rest.first == ":" {
            rest = rest.dropFirst().drop(while: isBlank)
        }
        return (Array(line[..<end]), Array(rest))
    }

    private static func unescape(_ scalars: [Unicode.Scalar]) -> String? {
        var text = String.UnicodeScalarView()
        var rest = scalars[...]
        while let scalar = rest.popFirst() {
            guard scalar == "\\", let escaped = rest.popFirst() else {
                text.append(scalar)
                continue
            }
            switch escaped {
            case "t": text.append("\t")
            case "n": text.append("\n")
            case "r": text.append("\r")
            case "f": text.append("\u{c}")
            case "u":
                let digits = String(String.UnicodeScalarView(rest.prefix(4)))
                guard digits.utf8.count == 4, let code = UInt32(digits, radix: 16),
                    let decoded = Unicode.Scalar(code)
                else { return nil }
                text.append(decoded)
                rest = rest.dropFirst(4)
            default: text.append(escaped)
            }
        }
        return String(text)
    }
}
