import KafkaProtocol

/// A consumer group while an operation decides: what it would be with the records so far.
///
/// Each record is applied at once, so later decisions see it; the machine writes them all as one
/// batch when the operation is through, and a decision that fails leaves nothing behind.
struct ConsumerGroupDraft {
    private(set) var state: ConsumerGroupState
    private(set) var records: [GroupRecord]

    /// - Parameter before: records that make room for the group, of another kind of group.
    init(_ state: ConsumerGroupState, after before: [GroupRecord] = []) {
        self.state = state
        records = before
    }

    var groupID: String { state.groupID }

    mutating func write(_ record: GroupRecord) {
        records.append(record)
        state.apply(record)
    }

    mutating func write(_ records: [GroupRecord]) { for record in records { write(record) } }
}

/// Why an operation of a group is refused.
struct GroupFault: Error, Equatable {
    var code: KafkaError
    var message: String
    init(_ code: KafkaError, _ message: String) {
        self.code = code
        self.message = message
    }
}
