import KafkaProtocol
import KafkaWire

/// Classic groups and committed offsets.
extension BrokerLoop {
    static let groupAPIs: [APIKey] = []

    func dispatchGroups(
        _ frame: RawSpan, _ start: Int, _ context: RequestContext
    ) throws(RequestError) -> Bool {
        false
    }
}
