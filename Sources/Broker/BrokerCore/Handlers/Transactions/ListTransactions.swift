import Coordinators
import KafkaProtocol
import KafkaWire

/// DescribeTransactions (key 65) and ListTransactions (key 66): KIP-664, KIP-994, KIP-1152.
extension BrokerLoop {
    func describeTransactions(_ request: DescribeTransactionsRequest, _ context: RequestContext) {
        let parts = request.transactionalIDs.map { id in
            GatheredPart(
                cell: view.transactionShard(of: id),
                failed: { description(of: id, .failure($0)) },
                operation: { (machine: TransactionMachine, caller, _) in
                    machine.describe(id, Respondent(caller) { description(of: id, $0) })
                })
        }
        gather(context, parts) { answers in
            DescribeTransactionsResponse(
                transactionStates: answers.flatMap {
                    ($0 as? DescribeTransactionsResponse)?.transactionStates ?? []
                })
        }
    }

    func listTransactions(_ request: ListTransactionsRequest, _ context: RequestContext) {
        guard let pattern = TransactionalIDPattern(request.transactionalIDPattern) else {
            return answer(
                ListTransactionsResponse(errorCode: KafkaError.invalidRegularExpression.rawValue),
                to: context)
        }
        var filter = TransactionFilter()
        filter.producerIDs = Set(request.producerIDFilters)
        filter.durationMs = request.durationFilter
        filter.states = request.stateFilters.compactMap { TransactionState(name: $0) }
        filter.admitsNoState = !request.stateFilters.isEmpty && filter.states.isEmpty
        let shards = view.coordinators.transactions.sorted { $0.key < $1.key }.map(\.value)
        let parts = shards.map { [filter] shard in
            GatheredPart(
                cell: shard, failed: { listing(.failure($0)) },
                operation: { (machine: TransactionMachine, caller, now) in
                    machine.list(filter, Respondent(caller) { listing($0) }, now)
                })
        }
        let unknown = request.stateFilters.filter { TransactionState(name: $0) == nil }
        gather(context, parts) { answers in
            let listings = answers.compactMap { $0 as? ListTransactionsResponse }
            var response = ListTransactionsResponse(unknownStateFilters: unknown)
            // A shard that this node does not lead any more has nothing to list.
            let loading = KafkaError.coordinatorLoadInProgress.rawValue
            if listings.contains(where: { $0.errorCode == loading }) {
                response.errorCode = loading
            } else {
                response.transactionStates = pattern.matching(
                    listings.flatMap(\.transactionStates))
            }
            return response
        }
    }
}

/// The description of one id.
private func description(
    of id: String, _ result: Result<DescribeTransactionsResponse.TransactionState, KafkaError>
) -> any KafkaMessage {
    switch result {
    case .success(let state): DescribeTransactionsResponse(transactionStates: [state])
    case .failure(let error):
        DescribeTransactionsResponse(transactionStates: [
            .init(errorCode: error.rawValue, transactionalID: id)
        ])
    }
}

/// What one shard lists.
private func listing(
    _ result: Result<[ListTransactionsResponse.TransactionState], KafkaError>
) -> any KafkaMessage {
    switch result {
    case .success(let states): ListTransactionsResponse(transactionStates: states)
    case .failure(let error): ListTransactionsResponse(errorCode: error.rawValue)
    }
}

/// Which transactional ids are listed: those that a regular expression matches as a whole
/// (KIP-1152), or all.
private struct TransactionalIDPattern {
    private let pattern: TopicPattern?

    /// `nil` for a pattern that makes no sense.
    init?(_ text: String?) {
        guard let text, !text.isEmpty else {
            pattern = nil
            return
        }
        guard let pattern = try? TopicPattern(text) else { return nil }
        self.pattern = pattern
    }

    func matching(
        _ states: [ListTransactionsResponse.TransactionState]
    ) -> [ListTransactionsResponse.TransactionState] {
        guard var matcher = pattern?.matcher() else { return states }
        return states.filter { matcher.matches(Self.ascii($0.transactionalID)) }
    }

    /// Patterns know ASCII: any other character becomes one that only `.` and the like match.
    private static func ascii(_ id: String) -> String {
        var text = String.UnicodeScalarView()
        for scalar in id.unicodeScalars { text.append(scalar.isASCII ? scalar : "\u{7F}") }
        return String(text)
    }
}
