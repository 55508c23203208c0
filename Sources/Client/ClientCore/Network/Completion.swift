import KafkaProtocol
import KafkaWire

/// The end of one request: the answer's frame, or why there is none.
struct Completion<Tag> {
    /// What the sender gave to know it by.
    var tag: Tag
    /// Whom it was sent to.
    var node: NodeKey
    var apiKey: APIKey
    /// The version of request and answer.
    var version: Int16
    var result: Result<[UInt8], ClientError>

    /// The answer. Ranges of records in it are those of `frame`.
    func decode<R: KafkaRequest>(_: R.Type) throws(ClientError) -> R.Response {
        let frame = try result.get()
        do throws(WireError) {
            // Bytes have no padding.
            var reader = unsafe WireReader(frame.span.bytes)
            _ = try ResponseHeader(
                from: &reader, version: R.apiKey.responseHeaderVersion(for: version))
            return try R.Response(from: &reader, version: version)
        } catch {
            throw .malformedResponse("\(R.apiKey.name) v\(version) of \(node): \(error)")
        }
    }
}

/// A broker by its number, or one of the bootstrap addresses whose number is not known.
enum NodeKey: Hashable, Comparable, CustomStringConvertible {
    case bootstrap(Int)
    case broker(BrokerID)
    /// A connection of its own to the broker that coordinates a group or a transactional id: there,
    /// answers may take long, and others would wait behind them.
    case coordinator(BrokerID)

    static func < (a: NodeKey, b: NodeKey) -> Bool {
        a.rank < b.rank
    }
    private var rank: (Int, Int) {
        switch self {
        case .bootstrap(let index): (0, index)
        case .broker(let id): (1, Int(id.rawValue))
        case .coordinator(let id): (2, Int(id.rawValue))
        }
    }

    /// The broker's number, where it is known.
    var broker: BrokerID? {
        switch self {
        case .bootstrap: nil
        case .broker(let id), .coordinator(let id): id
        }
    }

    var description: String {
        switch self {
        case .bootstrap(let index): "bootstrap server \(index + 1)"
        case .broker(let id), .coordinator(let id): "broker \(id)"
        }
    }
}
