import Foundation
import KafkaProtocol
import KafkaSecurity

/// `SCRAM-SHA-256=[name=alice,password=secret]` of `storage format --add-scram` (KIP-900).
///
/// Between the brackets, parted by commas: `name`; `password`, or `salt` and `saltedpassword` in
/// base64; `iterations`, `salt`. A value may stand in double quotes.
struct ScramArgument {
    private let hash: ScramHash
    private let name: String
    private let salt: [UInt8]
    private let iterations: Int
    private let secret: Password

    private enum Password {
        case plain(String)
        case salted([UInt8])
    }

    init(_ argument: String) throws(Failure) {
        var (mechanism, parts) = try Self.parts(argument.trimmed)
        guard let hash = ScramHash(mechanism: mechanism) else {
            throw Failure("The add-scram mechanism \(mechanism) is not supported.")
        }
        guard let name = parts.removeValue(forKey: "name") else {
            throw Failure("You must supply 'name' to add-scram")
        }
        let salt = try Self.bytes(parts.removeValue(forKey: "salt"), "salt")
        let iterations = try Self.iterations(parts.removeValue(forKey: "iterations"), mechanism)
        let password = parts.removeValue(forKey: "password")
        let salted = try Self.bytes(parts.removeValue(forKey: "saltedpassword"), "saltedPassword")
        guard parts.isEmpty else {
            throw Failure(
                "Unknown SCRAM configurations: \(parts.keys.sorted().joined(separator: ", "))")
        }
        if let password {
            secret = .plain(password)
        } else if let salted {
            guard salt != nil else {
                throw Failure("You must supply 'salt' with 'saltedpassword' to add-scram")
            }
            secret = .salted(salted)
        } else {
            throw Failure("You must supply one of 'password' or 'saltedpassword' to add-scram")
        }
        self.hash = hash
        self.name = name
        self.salt = salt ?? Self.randomSalt()
        self.iterations = iterations
    }

    /// The record that brings the credential.
    var record: UserScramCredentialRecord {
        let kept =
            switch secret {
            case .plain(let password):
                hash.credential(
                    password: Array(password.utf8), salt: salt, iterations: iterations)
            case .salted(let password):
                hash.credential(saltedPassword: password, salt: salt, iterations: iterations)
            }
        return UserScramCredentialRecord(
            name: name, mechanism: hash == .sha256 ? 1 : 2, salt: kept.salt,
            storedKey: kept.storedKey, serverKey: kept.serverKey,
            iterations: Int32(kept.iterations))
    }

    private static func randomSalt() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<20).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    /// The mechanism, and what the brackets hold.
    private static func parts(
        _ argument: String
    ) throws(Failure) -> (mechanism: String, parts: [String: String]) {
        guard let equals = argument.firstIndex(of: "=") else {
            throw Failure("Failed to find equals sign in SCRAM argument '\(argument)'")
        }
        let list = argument[argument.index(after: equals)...]
        guard list.hasPrefix("[") else {
            throw Failure("Expected configuration string to start with [")
        }
        guard list.hasSuffix("]") else {
            throw Failure("Expected configuration string to end with ]")
        }
        var parts: [String: String] = [:]
        for part in list.dropFirst().dropLast().split(separator: ",") {
            guard let equals = part.firstIndex(of: "=") else {
                throw Failure("No equals sign found in SCRAM component: \(part)")
            }
            var value = part[part.index(after: equals)...]
            if value.count >= 2, value.hasPrefix("\""), value.hasSuffix("\"") {
                value = value.dropFirst().dropLast()
            }
            parts[String(part[..<equals])] = String(value)
        }
        return (String(argument[..<equals]), parts)
    }

    private static func bytes(_ text: String?, _ what: String) throws(Failure) -> [UInt8]? {
        guard let text else { return nil }
        guard let data = Data(base64Encoded: text) else {
            throw Failure("Failed to decode given \(what): \(text)")
        }
        return Array(data)
    }

    private static func iterations(
        _ text: String?, _ mechanism: String
    ) throws(Failure) -> Int {
        let (least, most) = (ScramHash.iterations.lowerBound, ScramHash.iterations.upperBound)
        guard let text else { return least }
        guard let count = Int32(text).map({ Int($0) }) else {
            throw Failure("Failed to parse iterations count: \(text)")
        }
        guard count >= least else {
            throw Failure(
                "The 'iterations' value must be >= \(least) for add-scram using \(mechanism)")
        }
        guard count <= most else {
            throw Failure(
                "The 'iterations' value must be <= \(most) for add-scram using \(mechanism)")
        }
        return count
    }
}
