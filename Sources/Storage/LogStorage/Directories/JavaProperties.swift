/// The text format of `java.util.Properties`, as far as files need it that brokers write
/// themselves.
///
/// Keys end at `=`, `:` or white space; `#` and `!` begin comments; a backslash escapes (`\n`,
/// `\u00e9`) or, at the end of a line, continues it. Bytes are Latin-1, as Java's stream reader
/// takes them.
enum JavaProperties {
    /// All pairs in the order of the file; of a key that stands twice, the later one counts.
    static func parse(_ bytes: [UInt8]) -> [(key: String, value: String)] {
        var pairs: [(key: String, value: String)] = []
        for line in logicalLines(bytes) {
            let pair = split(line)
            if let known = pairs.firstIndex(where: { $0.key == pair.key }) {
                pairs[known].value = pair.value
            } else {
                pairs.append(pair)
            }
        }
        return pairs
    }

    /// The pairs as Java reads them back, one a line, sorted by key; everything is plain ASCII.
    static func format(_ pairs: [(key: String, value: String)]) -> [UInt8] {
        var text = "#\n"
        for pair in pairs.sorted(by: { $0.key < $1.key }) {
            text += "\(escaped(pair.key, isKey: true))=\(escaped(pair.value, isKey: false))\n"
        }
        return Array(text.utf8)
    }

    // MARK: Reading

    /// Lines without comments, blank lines and leading blanks, with continuations joined.
    private static func logicalLines(_ bytes: [UInt8]) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var open: [UInt8]? = nil
        for natural in bytes.split(
            omittingEmptySubsequences: false, whereSeparator: { $0 == 10 || $0 == 13 })
        {
            let line = natural.drop(while: isBlank)
            if open == nil, line.isEmpty || line.first == 35 || line.first == 33 { continue }
            var joined = (open ?? []) + line
            let slashes = line.reversed().prefix { $0 == 92 }.count
            if slashes % 2 == 1 {
                joined.removeLast()
                open = joined
            } else {
                lines.append(joined)
                open = nil
            }
        }
        if let open { lines.append(open) }
        return lines
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 12 }

    private static func split(_ line: [UInt8]) -> (key: String, value: String) {
        var end = 0
        while end < line.count {
            if line[end] == 92 {
                end += 2
                continue
            }
            if line[end] == 61 || line[end] == 58 || isBlank(line[end]) { break }
            end += 1
        }
        end = min(end, line.count)
        var start = end
        while start < line.count, isBlank(line[start]) { start += 1 }
        if start < line.count, line[start] == 61 || line[start] == 58 { start += 1 }
        while start < line.count, isBlank(line[start]) { start += 1 }
        return (unescape(line[..<end]), unescape(line[start...]))
    }

    private static func unescape(_ bytes: ArraySlice<UInt8>) -> String {
        var units: [UInt16] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            guard byte == 92, let next = rest.popFirst() else {
                if byte != 92 { units.append(UInt16(byte)) }
                continue
            }
            switch next {
            case UInt8(ascii: "t"): units.append(9)
            case UInt8(ascii: "n"): units.append(10)
            case UInt8(ascii: "r"): units.append(13)
            case UInt8(ascii: "f"): units.append(12)
            case UInt8(ascii: "u"):
                let digits = rest.prefix(4)
                if digits.count == 4,
                    let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
                {
                    units.append(unit)
                    rest = rest.dropFirst(4)
                } else {
                    units.append(UInt16(next))
                }
            default: units.append(UInt16(next))
            }
        }
        return String(decoding: units, as: UTF16.self)
    }

    // MARK: Writing

    private static func escaped(_ text: String, isKey: Bool) -> String {
        var out = ""
        for (index, unit) in text.utf16.enumerated() {
            switch unit {
            case 32 where isKey || index == 0: out += "\\ "
            case 9: out += "\\t"
            case 10: out += "\\n"
            case 13: out += "\\r"
            case 12: out += "\\f"
            case 33, 35, 58, 61, 92:
                out += "\\" + String(decoding: [unit], as: UTF16.self)
            case 32...126: out += String(decoding: [unit], as: UTF16.self)
            default:
                let digits = String(unit, radix: 16, uppercase: true)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return out
    }
}
