/// A config value once read.
public enum ConfigValue: Sendable, Equatable {
    case boolean(Bool)
    /// Of type int, short or long.
    case number(Int64)
    /// Of type double.
    case real(Double)
    /// Of type string, class or password.
    case text(String)
    case list([String])

    /// The value as DescribeConfigs shows it: lists with bare commas, numbers without blanks or
    /// sign.
    public var description: String {
        switch self {
        case .boolean(let value): value ? "true" : "false"
        case .number(let value): String(value)
        case .real(let value): javaText(value)
        case .text(let value): value
        case .list(let entries): entries.joined(separator: ",")
        }
    }
}

extension ConfigDefinition {
    /// Reads a value and checks it: Apache Kafka's rules, KIP-1161 included (repeated list entries
    /// are dropped, empty ones refused).
    ///
    /// - Throws: `ConfigError` naming the key, the value and what is allowed. The value of a
    ///   sensitive key is not named.
    public func parse(_ text: String) throws(ConfigError) -> ConfigValue {
        try parse(text, as: name)
    }

    /// As `parse(_:)`, with the name that was given where it differs: a listener prefix.
    func parse(_ text: String, as given: String) throws(ConfigError) -> ConfigValue {
        let value = try read(text, as: given)
        try validValues.check(value, of: given)
        return value
    }

    private func read(_ text: String, as given: String) throws(ConfigError) -> ConfigValue {
        let trimmed = text.javaTrimmed
        switch type {
        case .boolean:
            switch trimmed.lowercased() {
            case "true": return .boolean(true)
            case "false": return .boolean(false)
            default:
                throw .invalidValue(
                    name: given, value: text,
                    reason: "Expected value to be either true or false")
            }
        case .int: return .number(Int64(try whole(trimmed, Int32.self, given)))
        case .short: return .number(Int64(try whole(trimmed, Int16.self, given)))
        case .long: return .number(try whole(trimmed, Int64.self, given))
        case .double:
            guard let number = javaDouble(trimmed) else { throw notANumber(text, given) }
            return .real(number)
        case .string, .class, .password: return .text(trimmed)
        case .list:
            let entries = trimmed.commaSeparated
            if case .list = validValues { return .list(entries.withoutDuplicates) }
            return .list(entries)
        }
    }

    private func whole<Number: FixedWidthInteger>(
        _ text: String, _: Number.Type, _ given: String
    ) throws(ConfigError) -> Number {
        guard let number = Number(text) else { throw notANumber(text, given) }
        return number
    }

    private func notANumber(_ text: String, _ given: String) -> ConfigError {
        .invalidValue(name: given, value: text, reason: "Not a number of type \(type.name)")
    }
}

/// Reads a number as Java does: no blanks, a closing `d` or `f` allowed.
private func javaDouble(_ text: String) -> Double? {
    switch text {
    case "NaN": return .nan
    case "Infinity", "+Infinity": return .infinity
    case "-Infinity": return -.infinity
    default: break
    }
    guard let first = text.utf8.first, let last = text.utf8.last else { return nil }
    // Swift also takes `nan`, `inf` and the like; Java does not.
    guard first < UInt8(ascii: "A") else { return nil }
    let digits = "dDfF".utf8.contains(last) ? String(text.dropLast()) : text
    guard digits.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }) else { return nil }
    return Double(digits)
}

/// A number as Java prints it, `1.0E10` where Swift has `1e+10`.
func javaText(_ number: Double) -> String {
    let text = String(number)
    guard let mark = text.firstIndex(of: "e") else { return text }
    let mantissa = String(text[..<mark])
    let exponent = text[text.index(after: mark)...].drop { $0 == "+" }
    let point = mantissa.contains(".") ? "" : ".0"
    return mantissa + point + "E" + exponent
}
