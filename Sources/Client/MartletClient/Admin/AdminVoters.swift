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
        try await once(request) { ($0.errorCode, $0.errorMessage) }
    }

    /// Takes a voter out of the metadata quorum.
    public func removeRaftVoter(
        _ id: BrokerID, directory: KafkaUUID, clusterID: String? = nil
    ) async throws(ClientError) {
        let request = RemoveRaftVoterRequest(
            clusterID: clusterID, voterID: id.rawValue, voterDirectoryID: directory)
        try await once(request) { ($0.errorCode, $0.errorMessage) }
    }

    /// Asks the active controller for what it would refuse to do twice: what it has answered, if
    /// only that it took too long, is not asked for again.
    private func once<R: KafkaRequest>(
        _ request: R, _ told: @escaping @Sendable (R.Response) -> (code: Int16, text: String?)
    ) async throws(ClientError) {
        let result: Result<Void, ClientError> = try await call(.controller, request) {
            answer throws(ClientError) in
            let (code, text) = told(answer)
            switch KafkaError(code: code) {
            case .notController, .notLeaderOrFollower: throw .broker(.notController, message: text)
            default: return outcome(code, text, ())
            }
        }
        try result.get()
    }

    /// Removes the registration of a controller that has been stopped for good.
    public func unregisterController(_ id: BrokerID) async throws(ClientError) {
        try await call(.controller, UnregisterControllerRequest(controllerID: id.rawValue)) {
            answer throws(ClientError) in
            try ClientError.check(code: answer.errorCode, answer.errorMessage)
        }
    }
}
