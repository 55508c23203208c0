import ClusterController
import DequeModule
import KafkaProtocol
import KafkaWire
import MetadataQuorum

/// This node as the active controller of one epoch: decides over the metadata as they will be once
/// all that it has appended is committed.
///
/// Decide, append, replay, answer after commit (as `CoordinatorShard`, ADR 4): a decision's records
/// are appended and replayed at once into the image that the next decision sees; its answer, and
/// each one that was made from that image, leaves once the high watermark has passed everything
/// appended before it. So no answer tells of something that a failover could take back. Who leads
/// no more drops the image and refuses all that wait (`resign`).
final class ActiveController {
    /// A change that is appended and not known to be committed.
    struct Change {
        /// The offset of its last record.
        let lastOffset: Offset
        /// The image with it, and what it changed.
        let image: MetadataImage
        let delta: MetadataDelta
    }
    private struct Held {
        /// The high watermark that lets it leave.
        let required: Offset
        let request: any ControllerRequest
        let message: any KafkaMessage
        let sink: AnswerSink
    }

    /// Decides over the metadata with all that is appended.
    private(set) var decider: Controller
    let epoch: LeaderEpoch
    var sessions: BrokerSessions
    var timers: ControllerTimers
    let clock: @Sendable () -> ClockReading
    let quorum: QuorumReplica
    private var random: SplitMix64
    private var changes = Deque<Change>()
    private var held = Deque<Held>()
    /// Why the metadata log took no more: the node cannot go on.
    private(set) var fault: QuorumError?
    let report: @Sendable (String) -> Void

    /// - Parameters:
    ///   - committed: all that the log holds, committed.
    ///   - restarted: a broker that is known to have gone: it may register at once.
    init(
        committed: Controller, quorum: QuorumReplica, random: SplitMix64, restarted: Int32?,
        clock: @escaping @Sendable () -> ClockReading, report: @escaping @Sendable (String) -> Void
    ) {
        let now = clock().monotonicMs
        decider = committed
        epoch = quorum.epoch
        sessions = BrokerSessions(
            image: committed.image, timeoutMs: committed.settings.brokerSessionTimeoutMs, now: now,
            except: restarted)
        timers = ControllerTimers(committed, now: now)
        self.clock = clock
        self.quorum = quorum
        self.random = random
        self.report = report
        learnKRaftVersion()
    }

    /// The level of `kraft.version` is the quorum's to keep.
    func learnKRaftVersion() { decider.settings.kraftVersion = quorum.kraftVersion }

    var image: MetadataImage { decider.image }
    /// One past the last record appended.
    var endOffset: Offset { quorum.endOffset }

    // MARK: Decisions

    /// Computes a decision, writes its records, and gives its response; one that tells which part
    /// the metadata log did not take.
    func decide<Response: ControllerResponse>(
        _ decision: (Controller, inout SplitMix64) -> Decision<Response>
    ) -> Response {
        let decided = decision(decider, &random)
        var response = decided.response
        let error = write(decided.records, isAtomic: decided.isAtomic)
        if error != .none { response.fail(error) }
        return response
    }

    /// Appends records and replays them into the image that decisions see.
    ///
    /// - Parameter isAtomic: they must be seen together or not at all, and so are one batch.
    func write(_ records: [MetadataRecord], isAtomic: Bool = true) -> KafkaError {
        guard fault == nil else { return .kafkaStorageError }
        let size = isAtomic ? max(1, records.count) : Controller.maxRecordsPerRequest
        for start in stride(from: 0, to: records.count, by: size) {
            let error = append(Array(records[start..<min(start + size, records.count)]))
            if error != .none { return error }
        }
        return .none
    }

    private func append(_ records: [MetadataRecord]) -> KafkaError {
        let version = image.metadataVersion
        let lastOffset: Offset
        do throws(QuorumError) {
            lastOffset = try quorum.append(records, now: clock().quorumTime) {
                version.version(of: $0)
            }
        } catch .notLeader {
            return .notController
        } catch {
            report("the metadata log did not take a change: \(error)")
            guard error.isOfDisk else { return .unknownServerError }
            fault = error
            return .kafkaStorageError
        }
        var delta = MetadataDelta()
        for record in records {
            do throws(ReplayError) {
                try decider.image.replay(record, noting: &delta)
            } catch {
                preconditionFailure("a record that was decided on contradicts the image: \(error)")
            }
        }
        changes.append(Change(lastOffset: lastOffset, image: image, delta: delta))
        timers.noteWritten(clock().monotonicMs)
        return .none
    }

    // MARK: After the commit

    /// Answers `request` for `sink` once all that is appended then is committed.
    func answer(
        _ request: any ControllerRequest, _ context: DecisionContext, for sink: AnswerSink
    ) {
        let message = request.answer(by: self, context)
        held.append(Held(required: endOffset, request: request, message: message, sink: sink))
    }

    /// The change whose last record is at `offset`, once that is committed; `nil` when it is of an
    /// earlier controller.
    func takeChange(endingAt offset: Offset) -> Change? {
        guard let first = changes.first, first.lastOffset == offset else { return nil }
        return changes.removeFirst()
    }

    /// The next answer that may leave.
    func nextAnswer(
        at highWatermark: Offset
    ) -> (sink: AnswerSink, message: any KafkaMessage)? {
        guard let first = held.first, first.required <= highWatermark else { return nil }
        held.removeFirst()
        return (first.sink, first.message)
    }

    /// Refuses all that wait, as nobody knows whether their changes will come to be, nor those that
    /// made it say no to what was asked.
    func resign(_ error: KafkaError) -> [(sink: AnswerSink, message: any KafkaMessage)] {
        var refused: [(sink: AnswerSink, message: any KafkaMessage)] = []
        while let next = held.first {
            sometimes(.answerLostWithLeadership)
            held.removeFirst()
            refused.append((next.sink, next.request.refusal(error)))
        }
        return refused
    }
}
