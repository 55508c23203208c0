import ClusterController
import KafkaProtocol
import KafkaWire

/// What brokers and controllers tell the active controller: BrokerRegistration (62),
/// BrokerHeartbeat (63), UnregisterBroker (64), AllocateProducerIds (67), ControllerRegistration
/// (70).
extension BrokerRegistrationRequest: ControllerRequest {
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response {
        let now = active.clock().monotonicMs
        return active.decide { controller, _ in
            let known = controller.image.brokers[brokerID]
            return controller.registerBroker(
                self, context: context, newEpoch: active.endOffset.rawValue,
                hasValidSession: known.map {
                    // One that hands over what it leads may be replaced meanwhile.
                    !$0.inControlledShutdown
                        && active.sessions.isValid(brokerID, epoch: $0.epoch, now: now)
                } ?? false)
        }
    }
}
extension BrokerRegistrationResponse: WholeResponse {}

extension BrokerHeartbeatRequest: ControllerRequest {
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response {
        if active.image.brokers[brokerID]?.epoch == brokerEpoch {
            active.heard(from: brokerID, epoch: brokerEpoch, metadataOffset: currentMetadataOffset)
            active.sessions.noteFailed(offlineLogDirs, of: brokerID)
        }
        let answer = active.decide { controller, _ in
            controller.heartbeat(self, sessions: active.sessions)
        }
        if let broker = active.image.brokers[brokerID], broker.epoch == brokerEpoch {
            if broker.inControlledShutdown {
                active.sessions.noteShutdown(of: brokerID, at: active.endOffset.rawValue - 1)
            }
        }
        return answer
    }
}
extension BrokerHeartbeatResponse: WholeResponse {}

extension UnregisterBrokerRequest: ControllerRequest {
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response {
        let answer = active.decide { controller, _ in controller.unregisterBroker(self) }
        if active.image.brokers[brokerID] == nil { active.sessions.end(brokerID) }
        return answer
    }
}
extension UnregisterBrokerResponse: WholeResponse {}

extension UnregisterControllerRequest: ControllerRequest {
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response {
        active.decide { controller, _ in controller.unregisterController(self) }
    }
}
extension UnregisterControllerResponse: WholeResponse {}

extension AllocateProducerIDsRequest: ControllerRequest {
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response {
        active.decide { controller, _ in controller.allocateProducerIDs(self) }
    }
}
extension AllocateProducerIDsResponse: WholeResponse {}

extension ControllerRegistrationRequest: ControllerRequest {
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response {
        active.decide { controller, _ in controller.registerController(self) }
    }
}
extension ControllerRegistrationResponse: WholeResponse {}

extension ActiveController {
    /// A broker of which something was heard.
    func heard(from broker: Int32, epoch: Int64, metadataOffset: Int64) {
        timers.noteHeard(broker)
        sessions.touch(
            broker, epoch: epoch, metadataOffset: metadataOffset, now: clock().monotonicMs)
    }
}
