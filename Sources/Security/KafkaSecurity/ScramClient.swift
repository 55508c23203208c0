/// SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677) without channel binding: neither side
/// tells the password, both show that they know it.
///
/// States: `begun` (the nonce was sent) → `proven` (so was the proof) → done. Names and passwords
/// are taken as their UTF-8 bytes, as Kafka takes them.
struct ScramClient: Sendable {
    private enum State {
        case begun
        case proven(serverSignature: [UInt8])
        case done
    }

    /// How often a server may have the password hashed. Kafka's brokers refuse to store fewer or
    /// more; fewer make a stolen message cheap to guess from, more let a server burn our time.
    static let iterations = 4096...16_384

    private let hash: ScramHash
    private let username: String
    private let password: Secret
    private let nonce: String
    private var state = State.begun

    init(_ hash: ScramHash, username: String, password: Secret, nonce: String) {
        self.hash = hash
        self.username = username
        self.password = password
        self.nonce = nonce
    }

    private static let bindingHeader = "n,,"

    /// `client-first-message-bare`
    private var firstBare: String {
        var name = ""
        for character in username.unicodeScalars {
            switch character {
            case "=": name += "=3D"
            case ",": name += "=2C"
            default: name.unicodeScalars.append(character)
            }
        }
        return "n=\(name),r=\(nonce)"
    }

    func first() throws(SaslError) -> [UInt8] {
        guard !username.isEmpty, !username.utf8.contains(0) else {
            throw .unusableCredentials("give a username, and no zero bytes")
        }
        return Array((Self.bindingHeader + firstBare).utf8)
    }

    mutating func take(_ message: [UInt8]) throws(SaslError) -> SaslClient.Step {
        guard let text = String(validating: message, as: UTF8.self) else {
            throw .unacceptableChallenge("it is not UTF-8")
        }
        let attributes = ScramAttributes(text)
        switch state {
        case .begun: return .send(try prove(text, attributes))
        case .proven(let serverSignature):
            if let reason = attributes["e"] { throw .refused(String(reason)) }
            guard let verifier = attributes["v"].flatMap({ Base64.decode($0) }) else {
                throw .unacceptableChallenge("the last one has no signature")
            }
            guard areEqual(verifier, serverSignature) else { throw .serverNotProven }
            state = .done
            return .done
        case .done: throw .unacceptableChallenge("there is nothing left to say")
        }
    }

    /// `client-final-message`
    private mutating func prove(
        _ text: String, _ attributes: ScramAttributes
    ) throws(SaslError) -> [UInt8] {
        if let reason = attributes["e"] { throw .refused(String(reason)) }
        if attributes["m"] != nil {
            throw .unacceptableChallenge("it asks for an extension that is not known")
        }
        guard let all = attributes["r"], all.hasPrefix(nonce), all.utf8.count > nonce.utf8.count
        else { throw .unacceptableChallenge("its nonce does not begin with ours") }
        guard let salt = attributes["s"].flatMap({ Base64.decode($0) }), !salt.isEmpty else {
            throw .unacceptableChallenge("it has no salt")
        }
        guard let count = attributes["i"].flatMap({ Int($0) }) else {
            throw .unacceptableChallenge("it has no number of iterations")
        }
        guard Self.iterations.contains(count) else {
            let (low, high) = (Self.iterations.lowerBound, Self.iterations.upperBound)
            throw .unacceptableChallenge("\(count) iterations; \(low) to \(high) are acceptable")
        }
        let binding = Base64.encode(Array(Self.bindingHeader.utf8))
        let withoutProof = "c=\(binding),r=\(all)"
        let proof = hash.prove(
            password: Array(password.text.utf8), salt: salt, iterations: count,
            message: Array("\(firstBare),\(text),\(withoutProof)".utf8))
        state = .proven(serverSignature: proof.serverSignature)
        return Array("\(withoutProof),p=\(Base64.encode(proof.client))".utf8)
    }
}

/// `a=…,b=…` as SCRAM's messages have it; of attributes that come twice the first counts.
struct ScramAttributes {
    private let parts: [Substring]

    init(_ text: String) {
        parts = text.split(separator: ",", omittingEmptySubsequences: false)
    }

    /// The value of a name of one letter.
    subscript(_ name: Character) -> Substring? {
        for part in parts where part.first == name {
            let rest = part.dropFirst()
            if rest.first == "=" { return rest.dropFirst() }
        }
        return nil
    }
}

/// Takes as long for what differs early as for what differs late.
func areEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count else { return false }
    return zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
}
