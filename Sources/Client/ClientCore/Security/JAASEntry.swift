import KafkaSecurity

/// One entry of `sasl.jaas.config`, as Kafka's clients take it:
///
///     org.apache.kafka.common.security.plain.PlainLoginModule required
///         username="alice" password="secret";
struct JAASEntry: Equatable {
    /// The login module's class.
    var module: String
    var options: [String: String] = [:]

    /// `nil` where the properties have none.
    /// - Throws: `invalidSetting`; the value is left out of it, for it has the password.
    init?(_ given: ClientProperties) throws(ClientError) {
        guard let text = given.values[Self.key] else { return nil }
        guard let entry = JAASEntry(text) else {
            throw Self.refuse("it is not: module required name=\"value\" …;")
        }
        self = entry
    }

    private static let key = "sasl.jaas.config"
    private static func refuse(_ reason: String) -> ClientError {
        .invalidSetting(key: key, value: "(hidden)", reason: reason)
    }

    /// `nil` for what cannot be read.
    init?(_ text: String) {
        var words = JAASWords(text)
        guard let module = words.next(), let flag = words.next(),
            ["required", "requisite", "sufficient", "optional"].contains(flag.lowercased())
        else { return nil }
        self.module = module
        while let name = words.next() {
            if name == ";" {
                guard words.next() == nil else { return nil }
                return
            }
            guard words.next() == "=", let value = words.next(), options[name] == nil else {
                return nil
            }
            options[name] = value
        }
        return nil
    }

    func userAndPassword(
        _ given: ClientProperties, for mechanism: SaslMechanism
    ) throws(ClientError) -> (String, Secret) {
        let wanted = mechanism == .plain ? "PlainLoginModule" : "ScramLoginModule"
        guard module.hasSuffix("." + wanted) else {
            throw Self.refuse("\(mechanism.rawValue) takes \(wanted), not \(module)")
        }
        guard let username = options["username"], let password = options["password"] else {
            throw Self.refuse("give username and password")
        }
        return (username, Secret(password))
    }
}

/// The words of a JAAS entry; `=` and `;` are words of their own, quotes hold one together.
private struct JAASWords: Sequence, IteratorProtocol {
    private var rest: Substring

    init(_ text: String) { rest = text[...] }

    mutating func next() -> String? {
        rest = rest.drop { $0.isWhitespace }
        guard let first = rest.first else { return nil }
        if first == "=" || first == ";" {
            rest.removeFirst()
            return String(first)
        }
        if first == "\"" || first == "'" { return quoted(first) }
        let word = rest.prefix { !$0.isWhitespace && !"=;\"'".contains($0) }
        rest = rest.dropFirst(word.count)
        return String(word)
    }

    /// What is quoted; a backslash takes the next character as it is. An end that is missing is
    /// the end of all words.
    private mutating func quoted(_ quote: Character) -> String? {
        rest.removeFirst()
        var word = ""
        while let character = rest.popFirst() {
            if character == quote { return word }
            if character == "\\", let next = rest.popFirst() {
                word.append(next)
            } else {
                word.append(character)
            }
        }
        return nil
    }
}
