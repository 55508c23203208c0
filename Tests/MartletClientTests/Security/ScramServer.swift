import Foundation

@testable import KafkaSecurity

/// The server's side of one SCRAM-SHA-256 or -512 exchange.
struct ScramServer {
    private let user: String
    private let password: String
    private let is512: Bool
    var iterations = 4096
    /// A server that poses as one: it does not know the password.
    var isImpostor = false
    private var clientFirst = ""
    private var serverFirst = ""

    init(user: String, password: String, is512: Bool) {
        self.user = user
        self.password = password
        self.is512 = is512
    }

    struct Refusal: Error {}

    mutating func first(_ message: String) throws -> String {
        guard message.hasPrefix("n,,n=\(user),r=") else { throw Refusal() }
        clientFirst = String(message.dropFirst(3))
        let nonce = message.dropFirst("n,,n=\(user),r=".count) + "theServersPart"
        let salt = Data((0..<16).map { _ in UInt8.random(in: .min ... .max) })
        serverFirst = "r=\(nonce),s=\(salt.base64EncodedString()),i=\(iterations)"
        // An impostor has better to do than to hash.
        salted = isImpostor || !(4096...16_384).contains(iterations) ? Data() : hashed(salt)
        return serverFirst
    }

    private var salted = Data()

    mutating func final(_ message: String) throws -> String {
        guard let place = message.range(of: ",p=", options: .backwards),
            let proof = Data(base64Encoded: String(message[place.upperBound...]))
        else { throw Refusal() }
        let all = Data("\(clientFirst),\(serverFirst),\(message[..<place.lowerBound])".utf8)
        let clientKey = code(Data("Client Key".utf8), salted)
        let storedKey = Data(
            is512
                ? SHA512().finish(Array(clientKey)) : SHA256().finish(Array(clientKey)))
        let signature = code(all, storedKey)
        guard Data(zip(clientKey, signature).map { $0 ^ $1 }) == proof || isImpostor else {
            throw Refusal()
        }
        let serverKey = code(Data("Server Key".utf8), isImpostor ? Data([1]) : salted)
        return "v=\(code(all, serverKey).base64EncodedString())"
    }

    private func hashed(_ salt: Data) -> Data {
        is512 ? hashed(salt, SHA512.self) : hashed(salt, SHA256.self)
    }

    private func hashed<Hash: BlockHash>(_ salt: Data, _: Hash.Type) -> Data {
        let keyed = KeyedHash<Hash>(key: Array(password.utf8))
        var block = keyed.code(of: salt + [0, 0, 0, 1])
        var sum = block
        for _ in 1..<iterations {
            block = keyed.code(of: block)
            for (index, byte) in block.enumerated() { sum[index] ^= byte }
        }
        return Data(sum)
    }

    private func code(_ text: Data, _ key: Data) -> Data {
        Data(
            is512
                ? KeyedHash<SHA512>(key: Array(key)).code(of: Array(text))
                : KeyedHash<SHA256>(key: Array(key)).code(of: Array(text)))
    }
}
