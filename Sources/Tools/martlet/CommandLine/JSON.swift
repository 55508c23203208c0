/// A JSON value whose objects keep the order of their members, written as Kafka's tools write it.
indirect enum JSON: Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([(name: String, value: JSON)])

    /// The compact text, without spaces.
    var text: String {
        switch self {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .integer(let value): return "\(value)"
        case .number(let value): return Self.digits(value)
        case .string(let value): return Self.quote(value)
        case .array(let values): return "[" + values.map(\.text).joined(separator: ",") + "]"
        case .object(let members):
            let parts = members.map { Self.quote($0.name) + ":" + $0.value.text }
            return "{" + parts.joined(separator: ",") + "}"
        }
    }

    /// The member of an object; `nil` for anything else.
    subscript(_ name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }
    /// The elements of an array.
    var elements: [JSON]? {
        if case .array(let values) = self { return values }
        return nil
    }
    /// The text of a string.
    var stringValue: String? {
        if case .string(let value) = self { return value }
        return nil
    }
    /// A whole number.
    var integerValue: Int64? {
        if case .integer(let value) = self { return value }
        return nil
    }

    static func == (a: JSON, b: JSON) -> Bool { a.text == b.text }

    /// As Java writes a double: an exponent from ten million on and below a thousandth.
    private static func digits(_ value: Double) -> String {
        let size = value.magnitude
        guard value.isFinite, size != 0, size >= 1e7 || size < 1e-3 else { return "\(value)" }
        let text = "\(size)"
        let halves = text.split(separator: "e")
        var exponent = halves.count > 1 ? Int(halves[1]) ?? 0 : 0
        let parts = halves[0].split(separator: ".")
        var whole = String(parts[0])
        var fraction = parts.count > 1 ? String(parts[1]) : ""
        // Move the point behind the first digit that is not zero.
        if whole == "0" {
            let zeros = fraction.prefix { $0 == "0" }.count
            exponent -= zeros + 1
            fraction = String(fraction.dropFirst(zeros))
            whole = String(fraction.removeFirst())
        } else {
            exponent += whole.count - 1
            fraction = whole.dropFirst() + fraction
            whole = String(whole.prefix(1))
        }
        while fraction.last == "0" { fraction.removeLast() }
        return "\(value < 0 ? "-" : "")\(whole).\(fraction.isEmpty ? "0" : fraction)E\(exponent)"
    }

    private static func quote(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case "\u{8}": out += "\\b"
            case "\u{c}": out += "\\f"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16, uppercase: true)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
