/// What a broker keeps of a password: enough to check it, and not the password (RFC 5802).
public struct ScramCredential: Equatable, Sendable {
    public var salt: [UInt8]
    public var iterations: Int
    public var storedKey: [UInt8]
    public var serverKey: [UInt8]
}

extension ScramHash {
    /// How often brokers let a password be hashed.
    public static let iterations = ScramClient.iterations

    /// The hash of a mechanism (`SCRAM-SHA-256`); `nil` for another's name.
    public init?(mechanism: String) {
        switch mechanism {
        case "SCRAM-SHA-256": self = .sha256
        case "SCRAM-SHA-512": self = .sha512
        default: return nil
        }
    }

    /// What to keep of a password.
    public func credential(
        password: [UInt8], salt: [UInt8], iterations: Int
    ) -> ScramCredential {
        credential(
            saltedPassword: saltedPassword(password, salt, iterations), salt: salt,
            iterations: iterations)
    }

    /// What to keep of a password that was salted and hashed elsewhere.
    public func credential(
        saltedPassword: [UInt8], salt: [UInt8], iterations: Int
    ) -> ScramCredential {
        let (clientKey, serverKey) = keys(saltedPassword)
        return ScramCredential(
            salt: salt, iterations: iterations, storedKey: digest(clientKey), serverKey: serverKey)
    }
}
