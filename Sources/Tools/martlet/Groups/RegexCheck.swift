import Coordinators

/// `consumer-groups --validate-regex`: what the broker would say of a subscription's pattern.
enum RegexCheck {
    /// The line that is printed.
    static func verdict(on regex: String) -> String {
        let subject = "The regular expression `\(regex)` is"
        do {
            _ = try Coordinators.TopicPattern(regex)
            return "\(subject) valid."
        } catch { return "\(subject) invalid: \(error.reason)." }
    }
}
