/// A regular expression that whole topic names are matched against, as Kafka's tools take it: a
/// comma means "or", spaces and quotes around it do not count.
struct TopicPattern {
    private let regex: Regex<AnyRegexOutput>

    /// Throws `Failure` when the text is no regular expression.
    init(_ text: String) throws(Failure) {
        var pattern = text.filter { $0 != " " }
        pattern = String(pattern.map { $0 == "," ? "|" : $0 })
        while let first = pattern.first, first == "\"" || first == "'" { pattern.removeFirst() }
        while let last = pattern.last, last == "\"" || last == "'" { pattern.removeLast() }
        do { regex = try Regex("(?:\(pattern))") } catch {
            throw Failure("'\(text)' is an invalid regular expression: \(error).")
        }
    }

    /// Whether the whole name matches.
    func matches(_ name: String) -> Bool { (try? regex.wholeMatch(in: name)) != nil }
}

/// Topics that belong to Kafka itself.
enum InternalTopics {
    static let names: Set = ["__consumer_offsets", "__transaction_state", "__share_group_state"]
}
