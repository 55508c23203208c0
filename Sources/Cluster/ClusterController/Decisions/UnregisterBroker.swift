import KafkaProtocol
import KafkaWire

extension Controller {
    /// Decides to forget a broker: it leaves every ISR and the eligible leaders.
    ///
    /// - Returns: an answer with BROKER_ID_NOT_REGISTERED for an unknown one.
    public func unregisterBroker(
        _ request: UnregisterBrokerRequest
    ) -> Decision<UnregisterBrokerResponse> {
        var decision = Decision(UnregisterBrokerResponse(), isAtomic: false)
        guard let broker = image.brokers[request.brokerID] else {
            decision.response.errorCode = KafkaError.brokerIDNotRegistered.rawValue
            decision.response.errorMessage =
                "Broker ID \(request.brokerID) is not currently registered"
            return decision
        }
        decision.response.errorMessage = nil
        decision.records = partitionChanges(after: .lostUnflushedData(broker.id))
        decision.records.append(
            .unregisterBrokerRecord(
                UnregisterBrokerRecord(brokerID: broker.id, brokerEpoch: broker.epoch)))
        return decision
    }
}
