/// The hash function of a SCRAM mechanism.
public enum ScramHash: Sendable, Equatable {
    case sha256
    case sha512

    /// What client and server show each other.
    struct Proof: Equatable {
        /// `ClientProof`
        var client: [UInt8]
        /// `ServerSignature`
        var serverSignature: [UInt8]
    }

    /// RFC 5802, section 3; `message` is its `AuthMessage`.
    func prove(password: [UInt8], salt: [UInt8], iterations: Int, message: [UInt8]) -> Proof {
        switch self {
        case .sha256: Self.prove(SHA256.self, password, salt, iterations, message)
        case .sha512: Self.prove(SHA512.self, password, salt, iterations, message)
        }
    }

    private static func prove<Hash: BlockHash>(
        _: Hash.Type, _ password: [UInt8], _ salt: [UInt8], _ iterations: Int, _ message: [UInt8]
    ) -> Proof {
        let salted = stretch(Hash.self, password, salt, iterations)
        let (clientKey, serverKey) = keys(Hash.self, salted)
        let signature = KeyedHash<Hash>(key: Hash().finish(clientKey)).code(of: message)
        return Proof(
            client: zip(clientKey, signature).map { $0 ^ $1 },
            serverSignature: KeyedHash<Hash>(key: serverKey).code(of: message))
    }

    /// `SaltedPassword`, which stands for the password without telling it.
    public func saltedPassword(_ password: [UInt8], _ salt: [UInt8], _ iterations: Int) -> [UInt8] {
        switch self {
        case .sha256: Self.stretch(SHA256.self, password, salt, iterations)
        case .sha512: Self.stretch(SHA512.self, password, salt, iterations)
        }
    }

    /// `ClientKey` and `ServerKey`
    func keys(_ saltedPassword: [UInt8]) -> (client: [UInt8], server: [UInt8]) {
        switch self {
        case .sha256: Self.keys(SHA256.self, saltedPassword)
        case .sha512: Self.keys(SHA512.self, saltedPassword)
        }
    }

    /// The plain hash.
    func digest(_ bytes: [UInt8]) -> [UInt8] {
        switch self {
        case .sha256: SHA256().finish(bytes)
        case .sha512: SHA512().finish(bytes)
        }
    }

    private static func keys<Hash: BlockHash>(
        _: Hash.Type, _ saltedPassword: [UInt8]
    ) -> (client: [UInt8], server: [UInt8]) {
        let salted = KeyedHash<Hash>(key: saltedPassword)
        return (
            salted.code(of: Array("Client Key".utf8)), salted.code(of: Array("Server Key".utf8))
        )
    }

    /// `Hi`: PBKDF2 with one block of output.
    private static func stretch<Hash: BlockHash>(
        _: Hash.Type, _ password: [UInt8], _ salt: [UInt8], _ iterations: Int
    ) -> [UInt8] {
        let keyed = KeyedHash<Hash>(key: password)
        var block = keyed.code(of: salt + [0, 0, 0, 1])
        var result = block
        for _ in 1..<iterations {
            block = keyed.code(of: block)
            for index in result.indices { result[index] ^= block[index] }
        }
        return result
    }
}
