import ClientCore
import Coordinators
import KafkaProtocol
import KafkaRecords
import KafkaWire

/// The logs of coordinators, and what members of groups tell each other through them.
let coordinatorTargets = [
    FuzzTarget("group-record") { fuzzRecord($0, GroupRecord.self) },
    FuzzTarget("transaction-record") { fuzzRecord($0, TransactionRecord.self) },
    FuzzTarget("group-log") { bytes in
        fuzzReplay(bytes, GroupMachine(random: SplitMix64(seed: 1)))
    },
    FuzzTarget("transaction-log") { bytes in
        fuzzReplay(bytes, TransactionMachine(coordinatorEpoch: LeaderEpoch(1)))
    },
    FuzzTarget("consumer-protocol", fuzzConsumerProtocol),
    FuzzTarget("topic-pattern", fuzzPattern),
]

/// A key with its length before it, then a value.
private func fuzzRecord<Item: CoordinatorRecord>(_ bytes: RawSpan, _: Item.Type) {
    var input = FuzzInput(bytes)
    let key = input.piece()
    let value = input.isAtEnd ? nil : input.rest()
    guard let record = decode(Item.self, key, value), let written = encode(record) else { return }
    guard let again = decode(Item.self, written.key, written.value) else {
        return require(false, "\(record) does not read what it wrote")
    }
    guard let rewritten = encode(again) else { return }
    require(
        rewritten.key == written.key && rewritten.value == written.value,
        "\(record) changes when it is read")
}

private func decode<Item: CoordinatorRecord>(
    _: Item.Type, _ key: [UInt8], _ value: [UInt8]?
) -> Item? {
    // Bytes have no padding.
    let keySpan = unsafe key.span.bytes
    guard let value else { return (try? Item.decode(key: keySpan, value: nil)) ?? nil }
    // As above.
    return (try? Item.decode(key: keySpan, value: unsafe value.span.bytes)) ?? nil
}

private func encode(_ record: some CoordinatorRecord) -> (key: [UInt8], value: [UInt8]?)? {
    do throws(WireError) {
        return (try record.encodedKey(), try record.encodedValue())
    } catch {
        return nil
    }
}

/// A log of records, each a byte for its kind and pieces for key and value, replayed into a
/// machine; then it begins to work, and its timers run.
private func fuzzReplay<Machine: CoordinatorMachine>(_ bytes: RawSpan, _ machine: Machine) {
    var input = FuzzInput(bytes)
    var replay = CoordinatorReplay()
    var next = Offset.zero
    while !input.isAtEnd, next < Offset(64) {
        guard let batch = batch(&input, at: next) else { return }
        let start = next
        batch.withSpan { span in
            do throws(BatchError) {
                next = try replay.replay(span, from: start, into: machine)
            } catch {
                require(false, "a batch that was written cannot be replayed: \(error)")
            }
        }
        require(next > start, "replay does not get on")
    }
    var monotonic: Int64 = 0
    machine.loaded(Moment(wallMs: 1_700_000_000_000, monotonicMs: monotonic))
    for _ in 0..<16 {
        guard let deadline = machine.nextDeadline else { break }
        monotonic = max(monotonic, min(deadline, 1 << 50))
        machine.timersDue(
            Moment(wallMs: 1_700_000_000_000 + monotonic, monotonicMs: monotonic))
    }
    machine.unload(.notCoordinator)
}

private func batch(_ input: inout FuzzInput, at offset: Offset) -> [UInt8]? {
    let kind = input.byte()
    let producer = ProducerID(Int64(kind >> 4))
    if kind & 7 == 7 {
        return try? TransactionMarker(isCommit: kind & 8 == 0, coordinatorEpoch: 1)
            .batch(producerID: producer, producerEpoch: 0, timestamp: 0, baseOffset: offset)
    }
    let isTransactional = kind & 1 == 1
    var builder = RecordBatchBuilder(
        .init(
            baseOffset: offset, producerID: isTransactional ? producer : .none,
            producerEpoch: isTransactional ? 0 : -1, isTransactional: isTransactional))
    builder.append(timestamp: 0, key: input.piece(), value: kind & 2 == 2 ? nil : input.piece())
    return try? builder.finish()
}

/// Subscriptions and assignments: the first byte says who reads them.
private func fuzzConsumerProtocol(_ bytes: RawSpan) {
    var input = FuzzInput(bytes)
    let reader = input.byte()
    let blob = input.rest()
    switch reader & 3 {
    case 0: checkSubscription(blob)
    case 1: checkAssignment(blob)
    case 2: _ = ClassicProtocolCoding.subscription(blob)
    default:
        guard let assignment = ClassicProtocolCoding.assignment(blob) else { return }
        let written = ClassicProtocolCoding.written(assignment, for: blob)
        require(
            ClassicProtocolCoding.assignment(written)?.assignedPartitions
                == assignment.assignedPartitions, "an assignment changes")
    }
}

private func checkSubscription(_ blob: [UInt8]) {
    let read = try? MemberSubscription(memberID: "m", instanceID: nil, blob, for: .sticky)
    guard let read else { return }
    guard let written = try? read.encoded(for: .cooperativeSticky) else { return }
    let again = try? MemberSubscription(
        memberID: "m", instanceID: nil, written, for: .sticky)
    require(again?.topics == read.topics, "a subscription changes: \(read)")
    require(
        again?.owned.sorted() == read.owned.sorted(), "owned partitions change: \(read)")
}

private func checkAssignment(_ blob: [UInt8]) {
    guard let read = try? MemberAssignment.decoded(blob),
        let written = try? MemberAssignment.encoded(read)
    else { return }
    let again = try? MemberAssignment.decoded(written)
    require(again?.sorted() == read.sorted(), "an assignment changes: \(read)")
}

/// A pattern, a line end, and names to match: matching a name twice gives the same answer.
private func fuzzPattern(_ bytes: RawSpan) {
    let lines = String(decoding: bytes.toArray(), as: UTF8.self).split(
        separator: "\n", omittingEmptySubsequences: false)
    guard let text = lines.first, let pattern = try? TopicPattern(String(text)) else { return }
    var matcher = pattern.matcher()
    for name in lines.dropFirst().prefix(8) {
        let first = matcher.matches(String(name))
        require(matcher.matches(String(name)) == first, "\(text) wavers about \(name)")
    }
}
