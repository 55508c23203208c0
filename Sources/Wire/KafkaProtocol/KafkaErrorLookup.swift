extension KafkaError {
    /// The error for a code from the wire; `unknownServerError` for one that is not known.
    public init(code: Int16) { self = KafkaError(rawValue: code) ?? .unknownServerError }
    /// The code on the wire.
    public var code: Int16 { rawValue }
}
