import KafkaProtocol
import KafkaWire
import LogStorage

/// FetchSnapshot, of the leader (KIP-630): a piece of a snapshot's file.
extension QuorumReplica {
    /// Most bytes of one piece.
    private static let pieceLimit = 8 << 20

    func fetchSnapshot(_ request: FetchSnapshotRequest, _ version: Int16) -> FetchSnapshotResponse {
        guard request.topics.count == 1, request.topics[0].partitions.count == 1,
            case let asked = request.topics[0].partitions[0]
        else { return FetchSnapshotResponse(errorCode: KafkaError.invalidRequest.rawValue) }
        var piece = FetchSnapshotResponse.PartitionSnapshot()
        piece.index = asked.partition
        piece.unalignedRecords = .bytes([])
        if Self.isMetadata(request.topics[0].name, asked.partition) {
            piece.currentLeader = .init(leaderID: leaderID, leaderEpoch: state.leaderEpoch)
            if let error = fill(&piece, asked, request) { piece.errorCode = error.rawValue }
        } else {
            piece.errorCode = KafkaError.unknownTopicOrPartition.rawValue
        }
        var response = FetchSnapshotResponse(
            topics: [.init(name: request.topics[0].name, partitions: [piece])])
        response.nodeEndpoints = leaderEndpoints(version >= 1) {
            .init(nodeID: $0, host: $1, port: $2)
        }
        return response
    }

    private func fill(
        _ piece: inout FetchSnapshotResponse.PartitionSnapshot,
        _ asked: FetchSnapshotRequest.PartitionSnapshot,
        _ request: FetchSnapshotRequest
    ) -> KafkaError? {
        if let refusal = refusal(byLeaderOf: asked.currentLeaderEpoch) { return refusal }
        guard let role = role.leader else { return .notLeaderOrFollower }
        let id = SnapshotID(
            endOffset: Offset(asked.snapshotID.endOffset),
            epoch: LeaderEpoch(asked.snapshotID.epoch))
        guard log.snapshots.contains(id) else { return .snapshotNotFound }
        do throws(FileError) {
            let file = try log.fileSystem.open(log.path(of: id), .read)
            let size = try file.size
            guard asked.position >= 0, asked.position < Int64(size) else {
                return .positionOutOfRange
            }
            let position = Int(asked.position)
            let wanted = min(Int(max(1, request.maxBytes)), Self.pieceLimit)
            piece.unalignedRecords = .bytes(
                try file.readBytes(at: position, count: min(wanted, size - position)))
            piece.size = Int64(size)
        } catch {
            emit(.report("a snapshot cannot be read: \(error)"))
            return .kafkaStorageError
        }
        piece.position = asked.position
        piece.snapshotID = .init(endOffset: id.endOffset.rawValue, epoch: id.epoch.rawValue)
        if request.replicaID >= 0 {
            noteAlive(MemberKey(BrokerID(request.replicaID), asked.replicaDirectoryID), role)
        }
        return nil
    }
}
