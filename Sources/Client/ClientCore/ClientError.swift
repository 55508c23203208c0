public import KafkaProtocol

/// Why an operation of a client failed.
///
/// The client retries by itself what can be retried, within its timeouts; an error that it throws
/// is the last word on that operation. `isRetriable` then says whether the same call may succeed
/// later, `isFatal` that this client instance is of no more use.
public enum ClientError: Error, Equatable, Sendable {
    /// A broker's answer.
    case broker(KafkaError, message: String?)
    /// No connection to the broker, or it ended before the answer; the text says which and why.
    case disconnected(String)
    /// What the text names did not end within its time.
    case timedOut(String)
    /// The broker has no version of this request that this client knows.
    case unsupportedRequest(APIKey, broker: String)
    /// An answer that makes no sense; the text names request and reason.
    case malformedResponse(String)
    /// A setting is missing, out of range or contradicts another.
    case invalidSetting(key: String, value: String, reason: String)
    /// A record is larger than the settings allow.
    case recordTooLarge(bytes: Int, limit: Int)
    /// A record cannot be sent as it is: the text says why.
    case invalidRecord(String)
    /// The records of a batch could not be compressed or read.
    case corruptRecords(String)
    /// The record's transaction was aborted before it was sent.
    case transactionAborted
    /// The client was closed before the operation ended.
    case closed
    /// Another producer with the same transactional id has taken over (KIP-98), or another member
    /// with the same `group.instance.id` (KIP-345).
    case fenced(String)
    /// The call does not fit the state that the client is in.
    case invalidState(String)
    /// An offset is out of range and `auto.offset.reset` is `none`, or there is no offset at all.
    case offsetOutOfRange(String)
    /// A connection cannot be made, or used, as safely as the settings ask.
    case security(SecurityFailure)
    /// Records up to a known offset were lost: an unclean leader election cut the log short
    /// (KIP-320).
    case logTruncated(String)

    /// Whether the same call may succeed later.
    public var isRetriable: Bool {
        switch self {
        case .broker(let error, _): error.isRetriable
        case .disconnected, .timedOut: true
        default: false
        }
    }

    /// Whether this client can do no more.
    public var isFatal: Bool {
        switch self {
        case .fenced, .closed: true
        case .broker(let error, _):
            switch error {
            case .transactionalIDAuthorizationFailed, .unsupportedVersion, .producerFenced,
                .fencedInstanceID:
                true
            default: false
            }
        default: false
        }
    }

    /// The broker's code, if it was a broker that refused.
    public var kafkaError: KafkaError? {
        if case .broker(let error, _) = self { error } else { nil }
    }

    /// Throws unless `code` is 0.
    static func check(_ code: Int16, _ message: String? = nil) throws(ClientError) {
        if code != 0 { throw .broker(KafkaError(code: code), message: message) }
    }
}

extension ClientError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .broker(let error, let message): "\(error.name): \(message ?? error.message)"
        case .disconnected(let reason): "disconnected: \(reason)"
        case .timedOut(let what): "timed out: \(what)"
        case .unsupportedRequest(let key, let broker):
            "\(broker) has no version of \(key.name) that this client knows"
        case .malformedResponse(let reason): "malformed response: \(reason)"
        case .invalidSetting(let key, let value, let reason): "\(key)=\(value): \(reason)"
        case .recordTooLarge(let bytes, let limit):
            "a record of \(bytes) bytes is larger than the limit of \(limit)"
        case .invalidRecord(let reason): "invalid record: \(reason)"
        case .corruptRecords(let reason): "corrupt records: \(reason)"
        case .transactionAborted: "the transaction was aborted"
        case .closed: "the client is closed"
        case .fenced(let reason): "fenced: \(reason)"
        case .invalidState(let reason): "not now: \(reason)"
        case .offsetOutOfRange(let reason): "offset out of range: \(reason)"
        case .security(let failure): "\(failure)"
        case .logTruncated(let reason): "log truncated: \(reason)"
        }
    }
}
