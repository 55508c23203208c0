import KafkaProtocol
import KafkaWire
import MetadataQuorum
import Replication

extension BrokerLoop {
    /// Has the active controller answer a request, by `here` where it is this node.
    ///
    /// What comes by a controller's listener is for this very node: who asks there looks for the
    /// active controller himself.
    func toController(
        _ request: some KafkaRequest, _ context: RequestContext,
        here: @escaping (RequestContext) -> ControllerWork,
        refused: @escaping (KafkaError) -> any KafkaMessage
    ) {
        guard context.serves == .broker, view.activeController != .here else {
            return onController(context, here(context))
        }
        let envelope: EnvelopeRequest
        do throws(WireError) {
            envelope = try EnvelopeRequest(forwarding: request, context)
        } catch {
            return answer(refused(.unknownServerError), to: context)
        }
        let ticket = newTicket()
        delay(PendingRequest(context: context, kind: .elsewhere), ticket: ticket, deadline: nil)
        let timeoutMs = view.requestTimeoutMs
        Forwarding(
            envelope, context, ticket, deadline: context.now.deadline(afterMs: timeoutMs),
            here: here, refused: refused
        ).resume(on: self, now: context.now)
    }

    /// Has the leader of the metadata quorum answer what clients may ask of it; all else is for
    /// this node's member.
    func toQuorum(_ message: QuorumMessage, _ context: RequestContext) {
        let here = { (context: RequestContext) in
            ControllerWork.quorum(message, version: context.apiVersion)
        }
        switch message {
        case .describeQuorum(let request):
            toController(request, context, here: here) {
                DescribeQuorumResponse(errorCode: $0.rawValue)
            }
        case .addRaftVoter(let request):
            toController(request, context, here: here) {
                AddRaftVoterResponse(errorCode: $0.rawValue)
            }
        case .removeRaftVoter(let request):
            toController(request, context, here: here) {
                RemoveRaftVoterResponse(errorCode: $0.rawValue)
            }
        default: onController(context, here(context))
        }
    }
}

/// A client's request on its way to the active controller of another node (KIP-590), until it is
/// answered or `request.timeout.ms` has passed.
///
/// While there is no active controller, or the one that was has lost its office or its connection,
/// the request waits for whoever is active next.
///
/// A connection that breaks does not say whether the request had been carried out, and so a change
/// may be tried twice, as by Apache Kafka and by a client that tries again itself. That changes
/// nothing twice: what is forwarded names the state to be reached (a topic, a count of partitions,
/// a value, a level), and the second attempt finds it there. The client may be told so, by
/// TOPIC_ALREADY_EXISTS for one. To give up instead would turn each controller failover into
/// failures of clients, who could do no more than ask again.
private final class Forwarding: Resumable {
    private let envelope: EnvelopeRequest
    private let context: RequestContext
    private let ticket: WaitTicket
    private let here: (RequestContext) -> ControllerWork
    private let refused: (KafkaError) -> any KafkaMessage
    /// When the client is refused (monotonic ns).
    private let deadline: Int64

    /// Pause before another attempt.
    private static let retryMs: Int64 = 50

    init(
        _ envelope: EnvelopeRequest, _ context: RequestContext, _ ticket: WaitTicket,
        deadline: Int64, here: @escaping (RequestContext) -> ControllerWork,
        refused: @escaping (KafkaError) -> any KafkaMessage
    ) {
        self.envelope = envelope
        self.context = context
        self.ticket = ticket
        self.deadline = deadline
        self.here = here
        self.refused = refused
    }

    /// Sends the request to whoever is active by now.
    func resume(on loop: BrokerLoop, now: ClockReading) {
        // The client may be gone.
        guard loop.pending[ticket.request] != nil else { return }
        let leftMs = (deadline - now.monotonicNs) / 1_000_000
        guard leftMs > 0 else {
            return loop.completed(ticket, message: refused(.requestTimedOut), now: now)
        }
        switch loop.view.activeController {
        case .here:
            loop.pending[ticket.request] = nil
            loop.onController(context, here(context.at(now)))
        case .unknown: later(on: loop, now)
        case .at(let node, let endpoint):
            loop.ask(node, at: endpoint, envelope, timeoutMs: leftMs) {
                [self, unowned loop] outcome, now in
                take(outcome, on: loop, now)
            }
        }
    }

    private func later(on loop: BrokerLoop, _ now: ClockReading) {
        sometimes(.controllerAwaited)
        let again = loop.newTicket()
        loop.resumptions[again.request] = self
        loop.deadlines.add(again.request, at: now.deadline(afterMs: Self.retryMs))
    }

    private func take(_ outcome: PeerOutcome, on loop: BrokerLoop, _ now: ClockReading) {
        guard loop.pending[ticket.request] != nil else { return }
        switch outcome.decoded(EnvelopeResponse.self) {
        case .failure(.refused), .failure(.unreachable), .failure(.closed): later(on: loop, now)
        case .failure(.timedOut):
            loop.completed(ticket, message: refused(.requestTimedOut), now: now)
        case .failure(.unsupportedVersion), .failure(.malformed):
            loop.completed(ticket, message: refused(.unknownServerError), now: now)
        case .success(let answer) where answer.errorCode == KafkaError.notController.rawValue:
            sometimes(.forwardedToFormer)
            later(on: loop, now)
        case .success(let answer):
            guard answer.errorCode == KafkaError.none.rawValue, let bytes = answer.responseData,
                bytes.hasCorrelationID(context.correlationID)
            else {
                return loop.completed(ticket, message: refused(.unknownServerError), now: now)
            }
            loop.pending[ticket.request] = nil
            loop.finish(context, with: OutgoingResponse(encoded: bytes))
        }
    }
}

extension [UInt8] {
    /// Whether a response begins with this number.
    fileprivate func hasCorrelationID(_ id: Int32) -> Bool {
        count >= 4
            && prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) } == UInt32(bitPattern: id)
    }
}

extension EnvelopeRequest {
    /// The request as the client sent it: in its version, with its header.
    init(forwarding request: some KafkaRequest, _ context: RequestContext) throws(WireError) {
        var writer = WireWriter()
        try RequestHeader(
            requestAPIKey: context.apiKey.rawValue, requestAPIVersion: context.apiVersion,
            correlationID: context.correlationID, clientID: context.clientID
        ).encode(
            to: &writer, version: context.apiKey.requestHeaderVersion(for: context.apiVersion))
        try request.encode(to: &writer, version: context.apiVersion)
        let principal = DefaultPrincipalData(type: "User", name: "ANONYMOUS")
        self.init(
            requestData: writer.toArray(),
            requestPrincipal: [0, 0] + (try principal.encoded(version: 0)),
            clientHostAddress: NetworkAddress(context.clientAddress)?.bytes ?? [0, 0, 0, 0])
    }
}
