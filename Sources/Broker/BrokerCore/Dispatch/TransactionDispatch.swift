import KafkaProtocol
import KafkaWire

/// Transactions.
extension BrokerLoop {
    static let transactionAPIs: [APIKey] = [
        .initProducerID, .addPartitionsToTxn, .addOffsetsToTxn, .endTxn, .writeTxnMarkers,
        .describeProducers, .describeTransactions, .listTransactions,
    ]

    func dispatchTransactions(
        _ frame: RawSpan, _ start: Int, _ context: RequestContext
    ) throws(RequestError) -> Bool {
        switch context.apiKey {
        case .initProducerID:
            initProducerID(
                try decode(InitProducerIDRequest.self, frame, from: start, context), context)
        case .addPartitionsToTxn:
            addPartitionsToTxn(
                try decode(AddPartitionsToTxnRequest.self, frame, from: start, context), context)
        case .addOffsetsToTxn:
            addOffsetsToTxn(
                try decode(AddOffsetsToTxnRequest.self, frame, from: start, context), context)
        case .endTxn:
            endTxn(try decode(EndTxnRequest.self, frame, from: start, context), context)
        case .writeTxnMarkers:
            writeTxnMarkers(
                try decode(WriteTxnMarkersRequest.self, frame, from: start, context), context)
        case .describeProducers:
            describeProducers(
                try decode(DescribeProducersRequest.self, frame, from: start, context), context)
        case .describeTransactions:
            describeTransactions(
                try decode(DescribeTransactionsRequest.self, frame, from: start, context), context)
        case .listTransactions:
            listTransactions(
                try decode(ListTransactionsRequest.self, frame, from: start, context), context)
        default: return false
        }
        return true
    }
}
