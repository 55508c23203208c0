/// The broker's side of one authentication.
struct SaslServer {
    enum Step {
        case send(String)
        case done(String)

        var bytes: [UInt8] {
            switch self {
            case .send(let text), .done(let text): Array(text.utf8)
            }
        }
    }

    private let mechanism: String
    private let policy: ListenerPolicy
    private var scram: ScramServer?
    private var isRefused = false

    /// `nil` for a mechanism that is not offered.
    init?(_ mechanism: String, _ policy: ListenerPolicy) {
        guard policy.mechanisms.contains(mechanism) else { return nil }
        self.mechanism = mechanism
        self.policy = policy
    }

    mutating func take(_ message: String) throws -> Step {
        switch mechanism {
        case "PLAIN":
            let parts = message.split(separator: "\0").map(String.init)
            guard parts.count == 2, policy.users[parts[0]] == parts[1] else {
                throw ScramServer.Refusal()
            }
            return .done("")
        case "OAUTHBEARER":
            guard !isRefused else { throw ScramServer.Refusal() }
            let tokens = policy.tokens.map { "n,,\u{1}auth=Bearer \($0)\u{1}\u{1}" }
            if tokens.contains(message) { return .done("") }
            isRefused = true
            return .send("{\"status\":\"invalid_token\"}")
        default:
            if var scram {
                defer { self.scram = scram }
                return .done(try scram.final(message))
            }
            let name = message.dropFirst("n,,n=".count).prefix { $0 != "," }
            guard let password = policy.users[String(name)] else { throw ScramServer.Refusal() }
            var server = ScramServer(
                user: String(name), password: password, is512: mechanism == "SCRAM-SHA-512")
            server.iterations = policy.iterations
            server.isImpostor = policy.isImpostor
            let first = try server.first(message)
            scram = server
            return .send(first)
        }
    }
}
