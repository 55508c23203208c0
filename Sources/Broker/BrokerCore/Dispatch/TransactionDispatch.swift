import KafkaProtocol
import KafkaWire

/// Transactions.
extension BrokerLoop {
    static let transactionAPIs: [APIKey] = []

    func dispatchTransactions(
        _ frame: RawSpan, _ start: Int, _ context: RequestContext
    ) throws(RequestError) -> Bool {
        false
    }
}
