/// Reads and writes `.properties` text by the rules of Java: comments begin with `#` or `!`, a key
/// ends at `=`, `:` or a blank, a backslash at the end of a line joins the next one to it, and
/// `\uXXXX`, `\t`, `\n`, `\r`, `\f` stand for characters.
public enum PropertiesFile {
    /// A key and its value.
    public struct Entry: Sendable, Equatable {
        public var key: String
        public var value: String

        /// Makes one.
        public init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    /// The entries in the order of the text; of a key given twice the last one counts.
    ///
    /// - Throws: `ConfigError.syntax` for a `\u` without four hexadecimal digits behind it.
    public static func parse(_ text: String) throws(ConfigError) -> [Entry] {
        var entries: [Entry] = []
        for line in logicalLines(Array(text.utf16)) {
            entries.append(try entry(line))
        }
        return entries
    }

    /// Text that `parse` reads back as the entries. Everything outside of printable ASCII is
    /// escaped, as Java does.
    public static func write(_ entries: [Entry]) -> String {
        var text = ""
        for entry in entries {
            text += escape(entry.key, isKey: true) + "=" + escape(entry.value, isKey: false) + "\n"
        }
        return text
    }
}

private let backslash = UInt16(0x5C)

/// A line without what continues it, and where it began, counted from 1.
private struct LogicalLine {
    var units: [UInt16]
    let number: Int
}

private func isBlank(_ unit: UInt16) -> Bool { unit == 0x20 || unit == 0x09 || unit == 0x0C }

/// Joins continued lines, drops comments, empty lines and blanks at the front.
private func logicalLines(_ text: [UInt16]) -> [LogicalLine] {
    var lines: [LogicalLine] = []
    var open: LogicalLine?
    for (index, natural) in naturalLines(text).enumerated() {
        let content = natural.drop(while: isBlank)
        var line = open ?? LogicalLine(units: [], number: index + 1)
        if open == nil {
            guard let first = content.first, first != 0x23, first != 0x21 else { continue }
        }
        let slashes = content.reversed().prefix { $0 == backslash }.count
        let isContinued = slashes % 2 == 1
        line.units += isContinued ? content.dropLast() : content
        open = isContinued ? line : nil
        if !isContinued { lines.append(line) }
    }
    if let open { lines.append(open) }
    return lines
}

/// Splits at LF, CR and CR LF.
private func naturalLines(_ text: [UInt16]) -> [ArraySlice<UInt16>] {
    var lines: [ArraySlice<UInt16>] = []
    var start = 0
    var index = 0
    while index < text.count {
        if text[index] == 0x0A || text[index] == 0x0D {
            lines.append(text[start..<index])
            let isPair =
                text[index] == 0x0D && index + 1 < text.count && text[index + 1] == 0x0A
            index += isPair ? 1 : 0
            start = index + 1
        }
        index += 1
    }
    lines.append(text[start...])
    return lines
}

private func entry(_ line: LogicalLine) throws(ConfigError) -> PropertiesFile.Entry {
    let units = line.units
    var end = 0
    while end < units.count {
        if units[end] == backslash {
            end += 2
            continue
        }
        if units[end] == 0x3D || units[end] == 0x3A || isBlank(units[end]) { break }
        end += 1
    }
    end = min(end, units.count)
    var value = units[end...].drop(while: isBlank)
    if let first = value.first, first == 0x3D || first == 0x3A {
        value = value.dropFirst().drop(while: isBlank)
    }
    return PropertiesFile.Entry(
        key: try unescape(units[..<end], line: line.number),
        value: try unescape(value, line: line.number))
}

private func unescape(_ units: ArraySlice<UInt16>, line: Int) throws(ConfigError) -> String {
    var result: [UInt16] = []
    var rest = units
    while let unit = rest.popFirst() {
        guard unit == backslash else {
            result.append(unit)
            continue
        }
        guard let escaped = rest.popFirst() else { break }
        switch escaped {
        case 0x74: result.append(0x09)
        case 0x6E: result.append(0x0A)
        case 0x72: result.append(0x0D)
        case 0x66: result.append(0x0C)
        case 0x75:
            let digits = String(decoding: rest.prefix(4), as: UTF16.self)
            guard digits.utf8.count == 4, digits.utf8.first != UInt8(ascii: "+"),
                let number = UInt16(digits, radix: 16)
            else {
                throw .syntax(
                    line: line, reason: "\\u has to be followed by four hexadecimal digits")
            }
            rest = rest.dropFirst(4)
            result.append(number)
        default: result.append(escaped)
        }
    }
    return String(decoding: result, as: UTF16.self)
}

private func escape(_ text: String, isKey: Bool) -> String {
    var result = ""
    for (index, unit) in text.utf16.enumerated() {
        switch unit {
        case 0x09: result += "\\t"
        case 0x0A: result += "\\n"
        case 0x0D: result += "\\r"
        case 0x0C: result += "\\f"
        case 0x20: result += isKey || index == 0 ? "\\ " : " "
        case 0x21, 0x23, 0x3A, 0x3D, 0x5C:
            result += "\\" + String(decoding: [unit], as: UTF16.self)
        case 0x21...0x7E:
            result += String(decoding: [unit], as: UTF16.self)
        default:
            let digits = String(unit, radix: 16, uppercase: true)
            result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
    }
    return result
}
