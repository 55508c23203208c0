import KafkaProtocol

/// What the controller decided: records to append, and the answer for when they are committed.
///
/// A decision changes nothing by itself: replay of the appended records does.
public struct Decision<Response: Sendable>: Sendable {
    /// To be appended in this order; empty when nothing changes.
    public var records: [MetadataRecord]
    public var response: Response
    /// Whether all records must be appended as one batch, so that none is ever seen without the
    /// others. Only a broker's registration and its fencing may be split.
    public var isAtomic: Bool

    /// A decision with these records.
    public init(_ response: Response, records: [MetadataRecord] = [], isAtomic: Bool = true) {
        self.response = response
        self.records = records
        self.isAtomic = isAtomic
    }
}

/// Why something was refused: the error code and what a client prints beside it.
public struct DecisionFailure: Error, Equatable, Sendable {
    public var error: KafkaError
    /// `nil` when the code says it all.
    public var message: String?

    /// A refusal with `error`, explained by `message`.
    public init(_ error: KafkaError, _ message: String? = nil) {
        self.error = error
        self.message = message
    }
}

/// What a decision depends on besides the image and the request.
public struct DecisionContext: Sendable {
    /// Milliseconds since the epoch.
    public var now: Int64
    /// Who asks, as `User:name`.
    public var principal: String
    /// The version of the request: some answers depend on it.
    public var requestVersion: Int16
    /// Whether the principal may see the configs of a topic that it creates.
    public var mayDescribeConfigs: @Sendable (_ topic: String) -> Bool

    /// A request of version `requestVersion` that `principal` sent at `now`.
    public init(
        now: Int64, principal: String = "User:ANONYMOUS", requestVersion: Int16,
        mayDescribeConfigs: @escaping @Sendable (String) -> Bool = { _ in true }
    ) {
        self.now = now
        self.principal = principal
        self.requestVersion = requestVersion
        self.mayDescribeConfigs = mayDescribeConfigs
    }
}
