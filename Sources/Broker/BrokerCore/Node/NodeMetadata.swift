import ClusterController
import Coordinators
import KafkaProtocol
import KafkaWire
import LogStorage
import MetadataQuorum
import Replication

/// How a node follows the metadata quorum: what is committed, who leads.
extension NodeController {
    /// Takes in one step of what the quorum did; `false` when there is none.
    func followQuorum() -> Bool {
        // What the active controller has appended it has replayed itself.
        _ = quorum.takeEffects()
        guard let active else { return false }
        if let change = active.nextCommitted(below: quorum.highWatermark) {
            let before = controller.image
            controller.image = change.image
            committedEnd = change.lastOffset + 1
            apply(change.delta, since: before)
            snapshotIfDue()
            return true
        }
        if let (sink, message) = active.nextAnswer(at: quorum.highWatermark) {
            deliver(message, to: sink)
            return true
        }
        return false
    }

    /// This node leads the quorum, and has applied all that came before: it decides from here on.
    func activate() {
        let active = ActiveController(
            committed: controller, quorum: quorum, random: SplitMix64(seed: random.next()),
            restarted: lifecycle.epoch < 0 ? options.nodeID.rawValue : nil, clock: clock,
            report: surroundings.report)
        self.active = active
        // What cannot be written shows as the controller's fault.
        _ = active.write(openingRecords())
    }

    /// What a new active controller writes first.
    private func openingRecords() -> [MetadataRecord] {
        guard controller.image.features.metadataVersion == nil else {
            return BootstrapRecords.activation(of: controller.image)
        }
        let minimum = controller.settings.staticConfigs["min.insync.replicas"] ?? "1"
        return BootstrapRecords.activation(
            of: bootstrap, minInSyncReplicas: minimum)
    }

    /// Takes a snapshot of what is committed once the log has grown by as much as is allowed.
    private func snapshotIfDue() {
        guard quorum.bytesSinceSnapshot >= options.snapshotBytes,
            !controller.image.isInTransaction
        else { return }
        let version = controller.image.metadataVersion
        do throws(QuorumError) {
            try quorum.writeSnapshot(
                of: controller.image.snapshotRecords(), upTo: committedEnd,
                now: clock().quorumTime
            ) { version.version(of: $0) }
        } catch {
            surroundings.report("no metadata snapshot could be written: \(error)")
        }
    }

    // MARK: Requests to the active controller

    /// Lets the active controller answer, or refuses where this node is not.
    func serve(_ request: any ControllerRequest, _ context: DecisionContext, for sink: AnswerSink) {
        guard let active, failure == nil else {
            let error: KafkaError = failure == nil ? .notController : .kafkaStorageError
            return deliver(request.refusal(error), to: sink)
        }
        active.hold(request.answer(by: active, context), for: sink)
    }

    /// Asks the active controller, wherever it is; `then` gets its answer, or why there is none.
    /// Both happen in a later step of `settle`.
    func ask<Request: ControllerRequest>(
        _ request: Request, then: @escaping (Result<Request.Response, KafkaError>) -> Void
    ) {
        guard active != nil else {
            return ownAnswers.append { then(.failure(.notController)) }
        }
        let context = DecisionContext(
            now: clock().wallMs,
            requestVersion: Request.validVersions.upperBound)
        serve(
            request, context,
            for: .own { message in
                guard let response = message as? Request.Response else {
                    preconditionFailure("\(Request.apiKey.name) was answered by another API")
                }
                then(.success(response))
            })
    }
}
