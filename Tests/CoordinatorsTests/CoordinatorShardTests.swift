import Coordinators
import KafkaProtocol
import KafkaRecords
import KafkaWire
import Testing

/// The runtime under all coordinators: what is answered when, and what a failure loses.
@Suite struct CoordinatorShardTests {
    let now = Moment(wallMs: 1000, monotonicMs: 5)
    let shard = CoordinatorShard<CounterMachine>()
    var log = MemoryCoordinatorLog()

    private mutating func activate(_ machine: CounterMachine = CounterMachine()) {
        _ = shard.beginLoading(LeaderEpoch(1))
        _ = shard.finishLoading(LeaderEpoch(1), machine, &log, now: now)
    }

    private mutating func run(
        _ operation: (CounterMachine) -> Void
    ) -> CoordinatorShard<CounterMachine>.Output {
        shard.run(&log, now: now, operation)
    }

    private func sums(_ output: CoordinatorShard<CounterMachine>.Output) -> [Int32] {
        output.replies.compactMap { ($0.message as? HeartbeatResponse)?.throttleTimeMs }
    }

    private func errors(_ output: CoordinatorShard<CounterMachine>.Output) -> [KafkaError] {
        output.replies.compactMap {
            ($0.message as? HeartbeatResponse).flatMap { KafkaError(rawValue: $0.errorCode) }
        }
    }

    @Test mutating func anAnswerWaitsForWhatWasWrittenBeforeIt() {
        activate()
        let first = run { $0.add([1, 2], for: Caller(loop: 0, request: 1)) }
        #expect(first.replies.isEmpty)
        #expect(shard.waitsFor == Offset(2))
        // A read sees what is not committed yet, and so waits too.
        let second = run { $0.tell(Caller(loop: 0, request: 2)) }
        #expect(second.replies.isEmpty)
        #expect(sums(shard.committed(upTo: Offset(1))) == [])
        log.highWatermark = Offset(2)
        #expect(sums(shard.committed(upTo: Offset(2))) == [3, 3])
        #expect(sums(run { $0.tell(Caller(loop: 0, request: 3)) }) == [3])
    }

    @Test mutating func aLogThatFailsGivesUpTheMachine() {
        let machine = CounterMachine()
        activate(machine)
        _ = run { $0.add([1], for: Caller(loop: 0, request: 1)) }
        log.refusal = .kafkaStorageError
        let output = run { $0.add([2], for: Caller(loop: 0, request: 2)) }
        #expect(errors(output) == [.notCoordinator, .notCoordinator])
        #expect(output.failure == .kafkaStorageError)
        #expect(machine.unloadedWith == .notCoordinator)
        #expect(shard.refusal == .notCoordinator)
    }

    @Test mutating func aProducerThatTheLogRefusesHarmsNobodyElse() {
        activate()
        log.refusal = .invalidProducerEpoch
        let writer = RecordWriter.producer(ProducerID(9), epoch: 1)
        let refused = run { $0.add([5], for: Caller(loop: 0, request: 1), as: writer) }
        #expect(errors(refused) == [.invalidProducerEpoch])
        log.refusal = nil
        log.highWatermark = Offset(10)
        #expect(sums(run { $0.add([1], for: Caller(loop: 0, request: 2)) }) == [1])
    }

    @Test mutating func aReplayedLogGivesTheSameState() throws {
        activate()
        log.highWatermark = Offset(100)
        let writer = RecordWriter.producer(ProducerID(9), epoch: 1)
        func end(_ isCommit: Bool) -> CoordinatorMarker {
            CoordinatorMarker(
                producerID: ProducerID(9), producerEpoch: 1,
                marker: TransactionMarker(isCommit: isCommit, coordinatorEpoch: 3))
        }
        _ = run { $0.add([1, 2], for: Caller(loop: 0, request: 1)) }
        _ = run { $0.add([10], for: Caller(loop: 0, request: 2), as: writer) }
        _ = run { $0.write(end(true)) }
        _ = run { $0.add([20], for: Caller(loop: 0, request: 3), as: writer) }
        _ = run { $0.write(end(false)) }
        #expect(sums(run { $0.tell(Caller(loop: 0, request: 4)) }) == [13])
        let machine = CounterMachine()
        var replay = CoordinatorReplay()
        let next = try replay.replay(log.batches.span.bytes, from: .zero, into: machine)
        #expect(next == Offset(6))
        #expect(machine.sum == 13 && machine.pending == 0 && replay.skipped == 0)
        #expect(machine.offsets == [Offset(0), Offset(1), Offset(2), Offset(4)])
    }

    @Test mutating func timersRunInsideOfTheShard() {
        activate()
        #expect(shard.nextDeadline == 15)
        let due = Moment(wallMs: 1010, monotonicMs: 15)
        _ = run { $0.timersDue(due) }
        #expect(shard.nextDeadline == nil)
        #expect(log.endOffset == Offset(1))
    }

    @Test mutating func anOldLoadIsIgnored() {
        _ = shard.beginLoading(LeaderEpoch(1))
        _ = shard.beginLoading(LeaderEpoch(2))
        _ = shard.finishLoading(LeaderEpoch(1), CounterMachine(), &log, now: now)
        #expect(shard.refusal == .coordinatorLoadInProgress)
    }

    @Test func partitionsAreThoseOfJava() {
        // Java: "ab".hashCode() is 97 * 31 + 98.
        #expect(CoordinatorPartition.of("ab", partitions: 50) == 3105 % 50)
        #expect(CoordinatorPartition.of("", partitions: 50) == 0)
        // The one string of its kind whose hash is Int32.min.
        #expect(CoordinatorPartition.of("polygenelubricants", partitions: 50) == 0)
    }
}
