import KafkaProtocol
import KafkaWire

/// Groups of the consumer protocol (KIP-848).
extension BrokerLoop {
    static let consumerGroupAPIs: [APIKey] = [.consumerGroupHeartbeat, .consumerGroupDescribe]

    func dispatchConsumerGroups(
        _ frame: RawSpan, _ start: Int, _ context: RequestContext
    ) throws(RequestError) -> Bool {
        switch context.apiKey {
        case .consumerGroupHeartbeat:
            consumerGroupHeartbeat(
                try decode(ConsumerGroupHeartbeatRequest.self, frame, from: start, context),
                context)
        case .consumerGroupDescribe:
            consumerGroupDescribe(
                try decode(ConsumerGroupDescribeRequest.self, frame, from: start, context), context)
        default: return false
        }
        return true
    }
}
