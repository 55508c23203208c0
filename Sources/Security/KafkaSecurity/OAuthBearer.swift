/// A bearer token, as an identity provider gives it out.
public struct OAuthToken: Sendable, Equatable {
    /// Usually a JSON web token in its compact form.
    public var token: Secret
    /// Extensions that brokers may ask for (KIP-342), by name.
    public var extensions: [String: String]

    public init(_ token: String, extensions: [String: String] = [:]) {
        self.token = Secret(token)
        self.extensions = extensions
    }
}

/// OAUTHBEARER (RFC 7628): the token goes with the first message; a server that refuses it says
/// why, and has the client acknowledge that before it ends the authentication.
struct OAuthBearerClient: Sendable {
    let token: OAuthToken
    private var refusal: String?

    init(_ token: OAuthToken) { self.token = token }

    func first() throws(SaslError) -> [UInt8] {
        guard !token.token.text.isEmpty, Self.isPrintable(token.token.text) else {
            throw .unusableCredentials("the token is empty or has characters that none has")
        }
        var message = "n,,\u{1}auth=Bearer \(token.token.text)\u{1}"
        for (name, value) in token.extensions.sorted(by: { $0.key < $1.key }) {
            let isName = !name.isEmpty && name.utf8.allSatisfy { Self.isLetter($0) }
            guard isName, name != "auth", Self.isPrintable(value) else {
                throw .unusableCredentials("the extension \(name) cannot be sent")
            }
            message += "\(name)=\(value)\u{1}"
        }
        return Array((message + "\u{1}").utf8)
    }

    mutating func take(_ challenge: [UInt8]) throws(SaslError) -> SaslClient.Step {
        if let refusal { throw .refused(refusal) }
        guard !challenge.isEmpty else { return .done }
        refusal = String(decoding: challenge.prefix(500), as: UTF8.self)
        return .send([1])
    }

    private static func isPrintable(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }
    private static func isLetter(_ character: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(character | 0x20)
    }
}
