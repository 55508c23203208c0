import KafkaProtocol
import KafkaWire
import LogStorage

/// How a follower that lies before the leader's log gets a snapshot, piece by piece (KIP-630).
extension QuorumReplica {
    func fetchSnapshotRequest(_ snapshot: PartialSnapshot) -> FetchSnapshotRequest {
        let partition = FetchSnapshotRequest.PartitionSnapshot(
            partition: Self.topicPartition.partition, currentLeaderEpoch: epoch.rawValue,
            snapshotID: .init(
                endOffset: snapshot.id.endOffset.rawValue, epoch: snapshot.id.epoch.rawValue),
            position: Int64(snapshot.size), replicaDirectoryID: directoryID)
        return FetchSnapshotRequest(
            clusterID: clusterID, replicaID: nodeID.rawValue,
            maxBytes: settings.fetchSnapshotMaxBytes,
            topics: [.init(name: Self.topicPartition.topic, partitions: [partition])])
    }

    func take(
        _ response: FetchSnapshotResponse, in body: [UInt8]
    ) throws(QuorumError) -> Bool {
        guard response.errorCode == KafkaError.none.rawValue,
            let answer = response.topics.first?.partitions.first
        else { return false }
        let endpoints = response.nodeEndpoints.map {
            ($0.nodeID, QuorumEndpoint(host: $0.host, port: $0.port))
        }
        let common = try takeCommon(
            answer.errorCode, leader: answer.currentLeader.leaderID,
            epoch: answer.currentLeader.leaderEpoch, endpoints)
        if let common { return common }
        guard let role = role.follower, let partial = role.snapshot else { return false }
        if answer.errorCode == KafkaError.snapshotNotFound.rawValue {
            // The leader has a newer one by now, which the next fetch will name.
            try drop(partial, role)
            noteFetched(role)
            return true
        }
        guard answer.errorCode == KafkaError.none.rawValue,
            try add(answer, in: body, to: partial, role)
        else {
            try drop(partial, role)
            return false
        }
        noteFetched(role)
        return true
    }

    private func drop(_ partial: PartialSnapshot, _ role: FollowerRole) throws(QuorumError) {
        role.snapshot = nil
        try log.onDisk { () throws(FileError) in try partial.discard(in: log) }
    }

    /// Whether the piece was one to go on with.
    private func add(
        _ answer: FetchSnapshotResponse.PartitionSnapshot,
        in body: [UInt8], to partial: PartialSnapshot, _ role: FollowerRole
    ) throws(QuorumError) -> Bool {
        let id = SnapshotID(
            endOffset: Offset(answer.snapshotID.endOffset),
            epoch: LeaderEpoch(answer.snapshotID.epoch))
        guard id == partial.id, answer.position == Int64(partial.size),
            let bytes = answer.unalignedRecords.bytes(in: body), !bytes.isEmpty,
            Int64(partial.size + bytes.count) <= answer.size,
            answer.size <= Int64(MetadataLog.snapshotLimit)
        else { return false }
        try log.onDisk { () throws(FileError) in try partial.append(bytes) }
        guard Int64(partial.size) == answer.size else { return true }
        let contents: SnapshotContents
        do throws(QuorumError) {
            contents = try partial.finish(in: log)
        } catch {
            guard case .corrupt(_, let reason) = error else { throw error }
            emit(.report("the snapshot from the leader is damaged: \(reason)"))
            return false
        }
        sometimes(.snapshotInstalled)
        role.snapshot = nil
        try log.start(behind: id)
        install(contents, id)
        try log.clean(now: now.wall)
        return true
    }
}
