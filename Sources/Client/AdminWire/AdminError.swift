import KafkaProtocol
import KafkaWire

/// Why a request to a node did not succeed. `description` names the node, the cause and, where
/// there is one, what to do about it.
public enum AdminError: Error, Sendable, Equatable {
    /// Not `host:port`.
    case badAddress(String)
    /// The name cannot be resolved; the text is the resolver's.
    case unresolved(HostPort, String)
    /// No connection: refused, unreachable, reset. The text is the system's.
    case connect(HostPort, String)
    /// None of the bootstrap servers answers; the last cause in words.
    case noServer([HostPort], String)
    /// No answer within so many milliseconds.
    case timedOut(HostPort, what: String, milliseconds: Int)
    /// The node closed the connection while `what` was under way.
    case closed(HostPort, what: String)
    /// The node's answer is not what the protocol says.
    case badResponse(HostPort, what: String, reason: String)
    /// The request itself cannot be written in the version that the node wants.
    case badRequest(what: String, reason: String)
    /// The node does not serve this API, or none of the versions that we speak.
    case unsupported(HostPort, api: String)
    /// The node answered with an error code; `context` names the topic, partition or broker.
    case broker(KafkaError, message: String?, context: String?)
    /// A code that is in no table of Kafka 4.4.
    case unknownCode(Int16, context: String?)
    /// A setting of the client that this build does not have (TLS, SASL).
    case unsupportedSetting(key: String, value: String, remedy: String)

    /// The error code that the node answered with, if it did.
    public var kafkaError: KafkaError? {
        if case .broker(let error, _, _) = self { return error }
        return nil
    }
}

extension AdminError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .badAddress(let text):
            "'\(text)' is not a server address. Write host:port, or several separated by commas."
        case .unresolved(let address, let reason):
            "Cannot resolve host '\(address.host)' of \(address): \(reason). Check the name."
        case .connect(let address, let reason):
            "Cannot connect to \(address): \(reason). Is a broker running and listening there?"
        case .noServer(let addresses, let reason):
            addresses.count == 1
                ? reason
                : "None of the servers \(addresses.map(\.description).joined(separator: ", ")) "
                    + "answers. Last error: \(reason)"
        case .timedOut(let address, let what, let milliseconds):
            "\(address) did not answer \(what) within \(milliseconds) ms. "
                + "Is it a Kafka listener (and a plaintext one), and is the broker overloaded?"
        case .closed(let address, let what):
            "\(address) closed the connection during \(what). "
                + "Is this a plaintext Kafka listener? The broker's log says why it hung up."
        default: answer
        }
    }

    private var answer: String {
        switch self {
        case .badResponse(let address, let what, let reason):
            "\(address) sent an answer to \(what) that cannot be read: \(reason)."
        case .badRequest(let what, let reason): "Cannot write \(what): \(reason)."
        case .unsupported(let address, let api):
            "\(address) does not support \(api) in a version that this tool speaks."
        case .broker(let error, let message, let context):
            (context.map { "\($0): " } ?? "") + (message ?? error.message) + " (\(error.name))"
        case .unknownCode(let code, let context):
            (context.map { "\($0): " } ?? "")
                + "the broker answered with unknown error code \(code)"
        case .unsupportedSetting(let key, let value, let remedy):
            "\(key)=\(value) is not supported by this tool. \(remedy)"
        default: "unexpected error"
        }
    }
}

extension AdminError {
    /// Throws `broker` or `unknownCode` unless `code` is 0.
    public static func check(
        _ code: Int16, _ message: String? = nil, context: String? = nil
    ) throws(AdminError) {
        guard code != 0 else { return }
        guard let error = KafkaError(rawValue: code) else {
            throw .unknownCode(code, context: context)
        }
        throw .broker(error, message: message?.isEmpty == true ? nil : message, context: context)
    }
}
