import AdminWire
import KafkaProtocol
import KafkaWire

/// A controller that shall be a voter no more, and perhaps not registered either.
struct QuorumRemoval {
    let nodeID: Int32
    /// The id of its metadata directory.
    let directoryID: KafkaUUID
    let unregisters: Bool

    /// Returns once both are committed; throws `Failure` saying how to go on.
    func run(_ client: AdminClient) throws {
        let request = RemoveRaftVoterRequest(
            clusterID: nil, voterID: nodeID, voterDirectoryID: directoryID)
        let response = try client.callController(request, retrying: \.errorCode)
        do { try AdminError.check(response.errorCode, response.errorMessage) } catch {
            guard unregisters else { throw error }
            throw Failure("Failed to remove KRaft voter \(nodeID): \(error).", remedy: remedy)
        }
        guard unregisters else { return }
        do { try ClusterQueries.unregisterController(nodeID, client) } catch {
            throw Failure("Failed to unregister controller \(nodeID): \(error).", remedy: remedy)
        }
    }

    private var remedy: String {
        "To unregister the controller from the cluster, run "
            + "`kafka-cluster.sh unregister-controller --id \(nodeID)`."
    }
}
