import KafkaProtocol
import KafkaWire

extension Controller {
    /// Decides to forget a controller's registration (KIP-1312).
    ///
    /// - Returns: an answer with UNSUPPORTED_VERSION when `metadata.version` is too old, or
    ///   CONTROLLER_ID_NOT_REGISTERED.
    public func unregisterController(
        _ request: UnregisterControllerRequest
    ) -> Decision<UnregisterControllerResponse> {
        var decision = Decision(UnregisterControllerResponse())
        guard image.metadataVersion.supportsControllerUnregistration else {
            decision.response.errorCode = KafkaError.unsupportedVersion.rawValue
            decision.response.errorMessage =
                "The current MetadataVersion is too old to support controller unregistration."
            return decision
        }
        guard image.controllers[request.controllerID] != nil else {
            decision.response.errorCode = KafkaError.controllerIDNotRegistered.rawValue
            decision.response.errorMessage =
                "Controller ID \(request.controllerID) is not currently registered."
            return decision
        }
        decision.response.errorMessage = nil
        decision.records = [
            .unregisterControllerRecord(
                UnregisterControllerRecord(controllerID: request.controllerID))
        ]
        return decision
    }
}
