import KafkaProtocol
import KafkaWire

extension Controller {
    /// How many producer ids one block holds.
    public static let producerIDBlockSize: Int32 = 1000

    /// Decides over a block of producer ids for a broker, never handed out before (KIP-730).
    ///
    /// - Returns: an answer with STALE_BROKER_EPOCH, or UNKNOWN_SERVER_ERROR once none is left.
    public func allocateProducerIDs(
        _ request: AllocateProducerIDsRequest
    ) -> Decision<AllocateProducerIDsResponse> {
        var decision = Decision(AllocateProducerIDsResponse())
        guard let broker = image.brokers[request.brokerID], broker.epoch == request.brokerEpoch
        else {
            decision.response.errorCode = KafkaError.staleBrokerEpoch.rawValue
            return decision
        }
        let first = max(image.nextProducerID, 0)
        let (next, overflows) = first.addingReportingOverflow(Int64(Self.producerIDBlockSize))
        if overflows {
            decision.response.errorCode = KafkaError.unknownServerError.rawValue
            return decision
        }
        decision.records = [
            .producerIDsRecord(
                ProducerIDsRecord(
                    brokerID: request.brokerID, brokerEpoch: request.brokerEpoch,
                    nextProducerID: next))
        ]
        decision.response.producerIDStart = first
        decision.response.producerIDLen = Self.producerIDBlockSize
        return decision
    }
}
