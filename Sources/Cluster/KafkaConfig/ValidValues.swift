/// What a key allows beyond its type.
public enum ValidValues: Sendable, Equatable {
    /// Everything.
    case any
    /// Whole numbers not below the bound.
    case atLeast(Int64)
    /// Whole numbers within both bounds, inclusive.
    case between(Int64, Int64)
    /// Numbers within both bounds, inclusive.
    case realBetween(Double, Double)
    /// One of the words.
    case oneOf([String])
    /// One of the words in any case.
    case oneOfIgnoringCase([String])
    /// A list without empty entries (repeated ones are dropped, KIP-1161); of the words when any
    /// are given.
    case list(of: [String], allowsEmpty: Bool)
    /// Text that is not empty.
    case nonEmptyString
    /// Gzip levels: 1...9, or -1 for the library's default.
    case gzipLevel
    /// `*` or partition:broker pairs.
    case throttledReplicas
    /// id@host:port entries.
    case quorumVoters
    /// host:port entries.
    case bootstrapServers
    /// `earliest`, `latest` or `by_duration:` with an ISO 8601 duration (KIP-932).
    case shareOffsetReset

    /// The range as documentation prints it, such as `[1,...]`; empty when everything is allowed.
    public var description: String {
        switch self {
        case .any: ""
        case .atLeast(let low): "[\(low),...]"
        case .between(let low, let high): "[\(low),...,\(high)]"
        case .realBetween(let low, let high): "[\(shortest(low)),...,\(shortest(high))]"
        case .oneOf(let words): "[\(words.joined(separator: ", "))]"
        case .oneOfIgnoringCase(let words):
            "(case insensitive) [\(words.joined(separator: ", "))]"
        case .list(let words, _): words.isEmpty ? "" : "[\(words.joined(separator: ", "))]"
        case .nonEmptyString: "non-empty string"
        case .gzipLevel: "[1,...,9] or -1"
        case .throttledReplicas: "[partitionId]:[brokerId],[partitionId]:[brokerId],..."
        case .quorumVoters, .bootstrapServers: "non-empty list"
        case .shareOffsetReset: "[latest, earliest, by_duration:PnDTnHnMn.nS]"
        }
    }

    /// Checks a parsed value.
    ///
    /// - Throws: `ConfigError` naming the key, the value and the range.
    func check(_ value: ConfigValue, of name: String) throws(ConfigError) {
        switch (self, value) {
        case (.atLeast, .number(let number)), (.between, .number(let number)),
            (.gzipLevel, .number(let number)):
            try checkNumber(number, of: name)
        case (.realBetween(let low, let high), .real(let number)):
            try checkReal(number, low, high, of: name)
        case (.list(let words, let allowsEmpty), .list(let entries)):
            try checkList(entries, words, allowsEmpty, of: name)
        case (.throttledReplicas, .list(let entries)):
            try checkThrottledReplicas(entries, of: name)
        case (.quorumVoters, .list(let entries)):
            _ = try QuorumVoter.parse(entries)
        case (.bootstrapServers, .list(let entries)):
            for entry in entries { _ = try HostPort(bootstrapServer: entry) }
        case (_, .text(let text)):
            try checkText(text, of: name)
        default:
            break
        }
    }

    private func checkNumber(_ number: Int64, of name: String) throws(ConfigError) {
        let reason: String? =
            switch self {
            case .atLeast(let low) where number < low: "Value must be at least \(low)"
            case .between(let low, _) where number < low: "Value must be at least \(low)"
            case .between(_, let high) where number > high: "Value must be no more than \(high)"
            case .gzipLevel where number != -1 && !(1...9).contains(number):
                "Value must be between 1 and 9 or equal to -1"
            default: nil
            }
        if let reason {
            throw .invalidValue(name: name, value: String(number), reason: reason)
        }
    }

    private func checkReal(
        _ number: Double, _ low: Double, _ high: Double, of name: String
    ) throws(ConfigError) {
        // Written so that NaN fails.
        guard number >= low else {
            throw .invalidValue(
                name: name, value: javaText(number),
                reason: "Value must be at least \(shortest(low))")
        }
        guard number <= high else {
            throw .invalidValue(
                name: name, value: javaText(number),
                reason: "Value must be no more than \(shortest(high))")
        }
    }

    private func checkList(
        _ entries: [String], _ words: [String], _ allowsEmpty: Bool, of name: String
    ) throws(ConfigError) {
        if entries.isEmpty, !allowsEmpty {
            let allowed = words.isEmpty ? "any non-empty value" : description
            throw .invalidList(
                name: name, reason: "must not be empty. Valid values include: \(allowed)")
        }
        for entry in entries {
            if entry.isEmpty {
                throw .invalidList(name: name, reason: "values must not be empty.")
            }
            if !words.isEmpty, !words.contains(entry) {
                throw .invalidValue(
                    name: name, value: entry,
                    reason: "String must be one of: \(words.joined(separator: ", "))")
            }
        }
    }

    private func checkText(_ text: String, of name: String) throws(ConfigError) {
        let reason: String? =
            switch self {
            case .oneOf(let words) where !words.contains(text):
                "String must be one of: \(words.joined(separator: ", "))"
            case .oneOfIgnoringCase(let words) where !words.contains(text.uppercased()):
                "String must be one of (case insensitive): \(words.joined(separator: ", "))"
            case .nonEmptyString where text.isEmpty:
                "String must be non-empty"
            case .shareOffsetReset where !isShareOffsetReset(text):
                "Value must be `earliest`, `latest` or `by_duration:` followed by an ISO 8601 "
                    + "duration that is not negative, such as by_duration:PT1H"
            default: nil
            }
        if let reason { throw .invalidValue(name: name, value: text, reason: reason) }
    }

    private func checkThrottledReplicas(
        _ entries: [String], of name: String
    ) throws(ConfigError) {
        if entries.joined() == "*" { return }
        for entry in entries where !entry.isEmpty {
            let parts = entry.split(separator: ":", omittingEmptySubsequences: false)
            let digits = parts.allSatisfy { part in
                !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
            }
            guard parts.count == 2, digits else {
                throw .invalidValue(
                    name: name, value: "[\(entries.joined(separator: ", "))]",
                    reason: "\(name) must be the literal '*' or a list of replicas in the "
                        + "following format: "
                        + "[partitionId]:[brokerId],[partitionId]:[brokerId],...")
            }
        }
    }
}

/// A whole number without its fraction, others as they are: how Kafka prints the bounds of a range.
private func shortest(_ number: Double) -> String {
    if let whole = Int64(exactly: number) { return String(whole) }
    return String(number)
}

/// `earliest`, `latest`, or `by_duration:` with a duration.
private func isShareOffsetReset(_ text: String) -> Bool {
    if text == "earliest" || text == "latest" { return true }
    let prefix = "by_duration:"
    guard text.hasPrefix(prefix) else { return false }
    return isoDurationMilliseconds(String(text.dropFirst(prefix.count))) != nil
}
