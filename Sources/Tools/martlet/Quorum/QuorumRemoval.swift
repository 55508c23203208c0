import MartletClient

/// A controller that shall be a voter no more, and perhaps not registered either.
struct QuorumRemoval {
    let nodeID: BrokerID
    /// The id of its metadata directory.
    let directoryID: KafkaUUID
    let unregisters: Bool

    /// Returns once both are committed; throws `Failure` saying how to go on.
    func run(_ cluster: AdminSession) throws {
        let (id, directory) = (nodeID, directoryID)
        do { try cluster.ask { try await $0.removeRaftVoter(id, directory: directory) } } catch {
            guard unregisters else { throw error }
            throw Failure("Failed to remove KRaft voter \(id): \(error.cause).", remedy: remedy)
        }
        guard unregisters else { return }
        do { try cluster.unregisterController(id) } catch {
            throw Failure("Failed to unregister controller \(id): \(error.cause).", remedy: remedy)
        }
    }

    private var remedy: String {
        "To unregister the controller from the cluster, run "
            + "`kafka-cluster.sh unregister-controller --id \(nodeID)`."
    }
}
