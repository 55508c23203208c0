import ClusterController
import KafkaProtocol
import KafkaWire

/// How the active controller tells a broker that has died from one whose connection broke: where a
/// process has ended, its machine refuses connections to the port that it listened on. Such a
/// broker is fenced at once, in the time of a few round trips; one that cannot be reached gets
/// `martlet.fast.failover.ms` to come back.
extension NodeController {
    /// How long to wait between two looks.
    static var probePauseMs: Int64 { 25 }

    /// Looks after brokers whose connections broke; `false` when there is none to look after now.
    func probeSuspects(now: Int64) -> Bool {
        guard let active else { return false }
        let due = active.timers.takeProbes(now)
        for (broker, epoch) in due { probe(broker, epoch, by: active) }
        return !due.isEmpty
    }

    private func probe(_ broker: Int32, _ epoch: Int64, by active: ActiveController) {
        let listener = ReplicationSettings(controller, brokerEpoch: epoch).listener
        guard let registration = active.image.brokers[broker], registration.epoch == epoch,
            let endpoint = registration.endpoint(of: listener)
        else { return }
        ask(
            BrokerID(broker), at: PeerEndpoint(host: endpoint.host, port: endpoint.port),
            lane: .probe, ApiVersionsRequest.ofThisNode, timeoutMs: active.timers.fastFailoverMs
        ) { [unowned self] outcome in
            guard self.active === active, case .failed(let failure) = outcome else { return }
            switch failure {
            case .refused:
                active.brokerDied(broker, epoch: epoch)
            // Its listener may be about to close, too.
            case .closed, .unreachable:
                active.timers.probeAgain(
                    broker, epoch: epoch, at: clock().monotonicMs + Self.probePauseMs)
            case .timedOut, .unsupportedVersion, .malformed: break
            }
        }
    }
}
