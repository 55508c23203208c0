import KafkaProtocol
import KafkaWire

/// Groups of the consumer protocol (KIP-848).
extension BrokerLoop {
    static let consumerGroupAPIs: [APIKey] = []

    func dispatchConsumerGroups(
        _ frame: RawSpan, _ start: Int, _ context: RequestContext
    ) throws(RequestError) -> Bool {
        false
    }
}
