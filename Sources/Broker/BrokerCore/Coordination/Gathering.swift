import Coordinators
import KafkaProtocol
import KafkaWire

/// A request whose answer is put together from those of several shards.
final class Gathering {
    private var parts: [(any KafkaMessage)?]
    private var missing: Int
    private let merge: ([any KafkaMessage]) -> any KafkaMessage

    init(parts count: Int, merge: @escaping ([any KafkaMessage]) -> any KafkaMessage) {
        parts = Array(repeating: nil, count: count)
        missing = count
        self.merge = merge
    }

    /// Takes a part; the whole answer when it was the last one.
    func take(_ message: any KafkaMessage, as part: Int) -> (any KafkaMessage)? {
        parts[part] = message
        missing -= 1
        return missing == 0 ? merge(parts.compactMap { $0 }) : nil
    }
}

/// One shard's part in an answer.
struct GatheredPart<Machine: HostedMachine> {
    /// `nil` where this broker does not coordinate.
    var cell: ShardCell<Machine>?
    /// The part that says that the operation did not run, or was lost.
    var failed: (KafkaError) -> any KafkaMessage
    var operation: (Machine, Caller, Moment) -> Void
}

extension BrokerLoop {
    /// Runs an operation on each of several shards and answers with what `merge` makes of the
    /// parts, which come in the order of `parts`.
    func gather<Machine>(
        _ context: RequestContext, _ parts: [GatheredPart<Machine>],
        merge: @escaping ([any KafkaMessage]) -> any KafkaMessage
    ) {
        guard !parts.isEmpty else { return answer(merge([]), to: context) }
        let gathering = Gathering(parts: parts.count, merge: merge)
        for (index, part) in parts.enumerated() {
            let ticket = newTicket()
            delay(
                PendingRequest(context: context, kind: .part(gathering, index)), ticket: ticket,
                deadline: nil)
            let refusal =
                if let cell = part.cell {
                    cell.run(on: self, now: context.now) { machine, now in
                        part.operation(machine, Caller(ticket), now)
                    }
                } else {
                    KafkaError.notCoordinator
                }
            if let refusal { completed(ticket, message: part.failed(refusal), now: context.now) }
        }
    }
}
