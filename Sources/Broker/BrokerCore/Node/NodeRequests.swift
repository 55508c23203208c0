import ClusterController
import KafkaProtocol
import KafkaWire
import MetadataQuorum
import Replication

/// What this node asks other nodes of the quorum, and they ask it.
extension NodeController {
    // MARK: The active controller

    /// Lets the active controller answer, or refuses where this node is not.
    func serve(_ request: any ControllerRequest, _ context: DecisionContext, for sink: AnswerSink) {
        guard let active, failure == nil else {
            let error: KafkaError = failure == nil ? .notController : .kafkaStorageError
            return refuse(sink, error, request.refusal(error))
        }
        active.answer(request, context, for: sink)
    }

    /// Gives an answer that says that nothing was done.
    func refuse(_ sink: AnswerSink, _ error: KafkaError, _ message: any KafkaMessage) {
        if case .forwarded(let ticket) = sink, error == .notController {
            // The broker that passed it on finds the controller and asks again.
            complete(ticket, EnvelopeResponse(errorCode: error.rawValue))
        } else {
            deliver(message, to: sink)
        }
    }

    /// Asks the active controller, wherever it is; `then` gets its answer, or why there is none.
    /// Both happen in a later step of `settle`.
    func ask<Request: ControllerRequest>(
        _ request: Request, then: @escaping (Result<Request.Response, KafkaError>) -> Void
    ) {
        switch controllerLocation {
        case .unknown: ownAnswers.append { then(.failure(.notController)) }
        case .here:
            let context = DecisionContext(
                now: clock().wallMs, requestVersion: Request.validVersions.upperBound)
            serve(
                request, context,
                for: .own { message in
                    guard let response = message as? Request.Response else {
                        preconditionFailure("\(Request.apiKey.name) was answered by another API")
                    }
                    then(.success(response))
                })
        case .at(let node, let endpoint):
            ask(
                node, at: endpoint, request,
                timeoutMs: controller.settings.brokerSessionTimeoutMs / 2
            ) { outcome in
                then(
                    outcome.decoded(Request.Response.self).mapError { failure in
                        failure == .timedOut ? .requestTimedOut : .networkException
                    })
            }
        }
    }

    // MARK: The quorum

    /// Hands a request of another node to this member of the quorum.
    func receive(_ message: QuorumMessage, version: Int16, for ticket: WaitTicket) {
        nextQuorumTicket += 1
        let number = QuorumTicket(nextQuorumTicket)
        quorumTickets[number] = ticket
        quorum.receive(message, version: version, ticket: number, now: quorumTime)
    }

    func send(_ request: QuorumRequest) { send(request.message, of: request) }

    private func send<Message: KafkaRequest>(_ message: Message, of request: QuorumRequest) {
        ask(
            request.node,
            at: PeerEndpoint(host: request.endpoint.host, port: request.endpoint.port),
            lane: request.lane == .fetch ? .quorumFetch : .control, message,
            versions: request.versions, timeoutMs: request.timeoutMs
        ) { [unowned self] outcome in
            quorum.answered(request.id, QuorumOutcome(outcome), now: quorumTime)
        }
    }
}

extension QuorumOutcome {
    fileprivate init(_ outcome: PeerOutcome) {
        switch outcome {
        case .answered(let version, let body): self = .answered(version: version, body: body)
        case .failed(.unsupportedVersion): self = .unsupportedVersion
        case .failed(.refused(let reason)), .failed(.unreachable(let reason)),
            .failed(.closed(let reason)):
            self = .disconnected(reason)
        case .failed(let failure): self = .failed(failure.description)
        }
    }
}
