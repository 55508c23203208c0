public import ClientCore
import KafkaProtocol
public import KafkaWire

extension Admin {
    /// Makes a controller a voter of the metadata quorum (KIP-853).
    ///
    /// - Parameters:
    ///   - directory: that of its metadata log, from its `meta.properties`.
    ///   - endpoints: where it listens, by the names of listeners.
    public func addRaftVoter(
        _ id: BrokerID, directory: KafkaUUID, endpoints: [String: BrokerAddress],
        clusterID: String? = nil
    ) async throws(ClientError) {
        let request = AddRaftVoterRequest(
            clusterID: clusterID, timeoutMs: timeoutMs, voterID: id.rawValue,
            voterDirectoryID: directory,
            listeners: endpoints.sorted { $0.key < $1.key }.map { name, address in
                .init(name: name, host: address.host, port: address.port)
            })
        try await call(.controller, request) { answer throws(ClientError) in
            try ClientError.check(code: answer.errorCode, answer.errorMessage)
        }
    }

    /// Takes a voter out of the metadata quorum.
    public func removeRaftVoter(
        _ id: BrokerID, directory: KafkaUUID, clusterID: String? = nil
    ) async throws(ClientError) {
        let request = RemoveRaftVoterRequest(
            clusterID: clusterID, voterID: id.rawValue, voterDirectoryID: directory)
        try await call(.controller, request) { answer throws(ClientError) in
            try ClientError.check(code: answer.errorCode, answer.errorMessage)
        }
    }

    /// Removes the registration of a controller that has been stopped for good.
    public func unregisterController(_ id: BrokerID) async throws(ClientError) {
        try await call(.controller, UnregisterControllerRequest(controllerID: id.rawValue)) {
            answer throws(ClientError) in
            try ClientError.check(code: answer.errorCode, answer.errorMessage)
        }
    }
}
