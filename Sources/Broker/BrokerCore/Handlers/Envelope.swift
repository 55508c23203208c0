import KafkaProtocol
import KafkaWire

/// Envelope (key 58): a client's request that a broker passes on to the active controller
/// (KIP-590).
extension BrokerLoop {
    /// What clients may ask of the controller through a broker.
    static let forwarded: Set<APIKey> = [
        .createTopics, .deleteTopics, .createPartitions, .alterConfigs, .incrementalAlterConfigs,
        .electLeaders, .alterPartitionReassignments, .listPartitionReassignments,
        .alterClientQuotas, .updateFeatures, .unregisterBroker, .unregisterController,
        .describeQuorum, .addRaftVoter, .removeRaftVoter,
    ]

    /// Runs the request in an envelope; its answer goes back in one.
    func open(_ request: EnvelopeRequest, _ context: RequestContext) throws(RequestError) {
        guard view.activeController == .here else {
            return answer(
                EnvelopeResponse(errorCode: KafkaError.notController.rawValue), to: context)
        }
        // Bytes have no padding that could be read.
        let frame = unsafe request.requestData.span.bytes
        let inner: RequestContext
        let start: Int
        do throws(WireError) {
            (inner, start) = try unwrap(frame, context)
        } catch {
            return answer(
                EnvelopeResponse(errorCode: KafkaError.invalidRequest.rawValue), to: context)
        }
        if try dispatchController(frame, start, inner) { return }
        if try dispatchAdmin(frame, start, inner) { return }
        preconditionFailure("\(inner.apiKey.name) is forwarded and has no handler")
    }

    private func unwrap(
        _ frame: RawSpan, _ context: RequestContext
    ) throws(WireError) -> (RequestContext, Int) {
        var peek = WireReader(frame)
        let rawKey = try peek.readInt16()
        let version = try peek.readInt16()
        guard let key = APIKey(rawValue: rawKey), Self.forwarded.contains(key),
            key.validVersions.contains(version)
        else { throw .badValue("API key \(rawKey) version \(version) is not forwarded") }
        var reader = WireReader(frame)
        let header = try RequestHeader(
            from: &reader, version: key.requestHeaderVersion(for: version))
        return (context.unwrapped(key, version, header), reader.offset)
    }
}

extension OutgoingResponse {
    /// Encodes the answer of a request that came in an envelope.
    convenience init(
        _ message: any KafkaMessage, to context: RequestContext, in envelope: EnvelopeHeader
    ) throws(WireError) {
        let outer = context.wrapped(envelope)
        if let refusal = message as? EnvelopeResponse {
            try self.init(refusal, to: outer)
            return
        }
        let inner = try OutgoingResponse(message, to: context.withoutEnvelope)
        var bytes: [UInt8] = []
        unsafe inner.withUnsafeBytes { unsafe bytes.append(contentsOf: $0.dropFirst(4)) }
        try self.init(EnvelopeResponse(responseData: bytes), to: outer)
    }
}
