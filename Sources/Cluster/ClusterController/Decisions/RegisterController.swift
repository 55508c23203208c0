import KafkaProtocol
import KafkaWire

extension Controller {
    /// Decides over a controller's registration (KIP-919).
    ///
    /// - Returns: an answer with UNSUPPORTED_VERSION when `metadata.version` is too old.
    public func registerController(
        _ request: ControllerRegistrationRequest
    ) -> Decision<ControllerRegistrationResponse> {
        var decision = Decision(ControllerRegistrationResponse())
        guard image.metadataVersion.supportsControllerRegistration else {
            decision.response.errorCode = KafkaError.unsupportedVersion.rawValue
            decision.response.errorMessage =
                "The current MetadataVersion is too old to support controller registrations."
            return decision
        }
        decision.response.errorMessage = nil
        var record = RegisterControllerRecord()
        record.controllerID = request.controllerID
        record.incarnationID = request.incarnationID
        record.endPoints = request.listeners.map {
            .init(
                name: $0.name, host: $0.host, port: $0.port,
                securityProtocol: $0.securityProtocol)
        }
        record.features = request.features.map {
            .init(
                name: $0.name, minSupportedVersion: $0.minSupportedVersion,
                maxSupportedVersion: $0.maxSupportedVersion)
        }
        decision.records = [.registerControllerRecord(record)]
        return decision
    }
}
