import AdminWire
import KafkaProtocol
import KafkaWire

/// The metadata quorum as its leader describes it (KIP-595, KIP-853), in Kafka's text.
struct QuorumDescription {
    private typealias Replica = DescribeQuorumResponse.ReplicaState

    private let leaderID: Int32
    private let leaderEpoch: Int32
    private let highWatermark: Int64
    private let voters: [Replica]
    private let observers: [Replica]
    /// Where controllers listen, by node: `LISTENER://host:port`.
    private let endpoints: [Int32: [String]]

    /// Asks the cluster.
    init(_ client: AdminClient) throws(AdminError) {
        let request = DescribeQuorumRequest(topics: [
            .init(topicName: "__cluster_metadata", partitions: [.init(partitionIndex: 0)])
        ])
        let response = try client.callController(request) {
            $0.errorCode != 0 ? $0.errorCode : $0.topics.first?.partitions.first?.errorCode ?? 0
        }
        try self.init(response)
    }

    /// Takes the answer to the question for `__cluster_metadata-0`.
    init(_ response: DescribeQuorumResponse) throws(AdminError) {
        try AdminError.check(response.errorCode, response.errorMessage)
        guard response.topics.count == 1, response.topics[0].topicName == "__cluster_metadata",
            response.topics[0].partitions.count == 1
        else {
            throw .broker(
                .unknownServerError, message: "The answer is not about the metadata partition.",
                context: nil)
        }
        let partition = response.topics[0].partitions[0]
        try AdminError.check(partition.errorCode, partition.errorMessage)
        leaderID = partition.leaderID
        leaderEpoch = partition.leaderEpoch
        highWatermark = partition.highWatermark
        voters = partition.currentVoters
        observers = partition.observers
        var endpoints: [Int32: [String]] = [:]
        for node in response.nodes {
            endpoints[node.nodeID] = node.listeners.map {
                VoterEndpoint(listener: $0.name, host: $0.host, port: $0.port).description
            }
        }
        self.endpoints = endpoints
    }

    private func leader() throws(Failure) -> Replica {
        guard let leader = voters.first(where: { $0.replicaID == leaderID }) else {
            throw Failure(
                "The leader \(leaderID) is not among the voters that it names.",
                remedy: "It is leaving the quorum: ask again in a moment.")
        }
        return leader
    }

    // MARK: Status

    /// How far the voter is behind that is furthest behind, in records and in milliseconds (-1
    /// while the leader does not know).
    private func greatestLag() throws(Failure) -> (records: Int64, milliseconds: Int64) {
        let leader = try leader()
        guard let last = voters.min(by: { $0.logEndOffset < $1.logEndOffset }),
            last.replicaID != leader.replicaID
        else { return (0, 0) }
        let records = leader.logEndOffset - last.logEndOffset
        guard leader.lastCaughtUpTimestamp >= 0, last.lastCaughtUpTimestamp >= 0 else {
            return (records, -1)
        }
        let lag = leader.lastCaughtUpTimestamp.saturatingDifference(last.lastCaughtUpTimestamp)
        return (records, lag)
    }

    /// What `describe --status` prints.
    func status(clusterID: String) throws(Failure) -> String {
        let lag = try greatestLag()
        let lines = [
            ("ClusterId:", clusterID), ("LeaderId:", "\(leaderID)"),
            ("LeaderEpoch:", "\(leaderEpoch)"), ("HighWatermark:", "\(highWatermark)"),
            ("MaxFollowerLag:", "\(lag.records)"), ("MaxFollowerLagTimeMs:", "\(lag.milliseconds)"),
            ("CurrentVoters:", members(voters)), ("CurrentObservers:", members(observers)),
        ]
        return lines.map { TextColumns.pad($0.0, 24) + $0.1 }.joined(separator: "\n")
    }

    private func members(_ replicas: [Replica]) -> String {
        let texts = replicas.map { replica in
            var text = "{\"id\": \(replica.replicaID)"
            if replica.replicaDirectoryID != .zero {
                text += ", \"directoryId\": \"\(replica.replicaDirectoryID)\""
            }
            if let endpoints = endpoints[replica.replicaID], !endpoints.isEmpty {
                text += ", \"endpoints\": [\"\(endpoints.joined(separator: "\", \""))\"]"
            }
            return text + "}"
        }
        return "[" + texts.joined(separator: ", ") + "]"
    }

    // MARK: Replication

    private static let columns = [
        "NodeId", "DirectoryId", "LogEndOffset", "Lag", "LastFetchTimestamp",
        "LastCaughtUpTimestamp", "Status",
    ]

    /// All members with their parts: the leader, the other voters, the observers.
    private func members() throws(Failure) -> [(replica: Replica, status: String)] {
        [(try leader(), "Leader")]
            + voters.filter { $0.replicaID != leaderID }.map { ($0, "Follower") }
            + observers.map { ($0, "Observer") }
    }

    /// What `describe --replication` prints; with `now` (ms since 1970) the times are relative.
    func replication(now: Int64?) throws(Failure) -> String {
        let end = try leader().logEndOffset
        var rows: [[String]] = []
        for (replica, status) in try members() {
            rows.append([
                "\(replica.replicaID)", "\(replica.replicaDirectoryID)",
                "\(replica.logEndOffset)", "\(end - replica.logEndOffset)",
                try Self.time(replica.lastFetchTimestamp, now, "last fetch"),
                try Self.time(replica.lastCaughtUpTimestamp, now, "last caught up"), status,
            ])
        }
        return TextColumns.table(Self.columns, rows)
    }

    private static func time(
        _ timestamp: Int64, _ now: Int64?, _ what: String
    ) throws(Failure) -> String {
        guard timestamp >= 0 else { return "-1" }
        guard let now else { return "\(timestamp)" }
        guard timestamp > 0, timestamp <= now else {
            throw Failure(
                "Error while computing relative time, possible drift in system clock.",
                remedy: "Current timestamp is \(now), \(what) timestamp is \(timestamp)")
        }
        return "\(now.saturatingDifference(timestamp)) ms ago"
    }

    /// Everything in one document.
    func json(clusterID: String) throws(Failure) -> JSON {
        let lag = try greatestLag()
        let end = try leader().logEndOffset
        let members = try members().map { replica, status in
            JSON.object([
                ("id", .integer(Int64(replica.replicaID))),
                ("directoryId", .string("\(replica.replicaDirectoryID)")),
                ("status", .string(status.lowercased())),
                ("logEndOffset", .integer(replica.logEndOffset)),
                ("lag", .integer(end - replica.logEndOffset)),
                ("lastFetchTimestamp", .integer(replica.lastFetchTimestamp)),
                ("lastCaughtUpTimestamp", .integer(replica.lastCaughtUpTimestamp)),
                ("endpoints", .array((endpoints[replica.replicaID] ?? []).map(JSON.string))),
            ])
        }
        return .object([
            ("clusterId", .string(clusterID)), ("leaderId", .integer(Int64(leaderID))),
            ("leaderEpoch", .integer(Int64(leaderEpoch))),
            ("highWatermark", .integer(highWatermark)),
            ("maxFollowerLag", .integer(lag.records)),
            ("maxFollowerLagTimeMs", .integer(lag.milliseconds)), ("members", .array(members)),
        ])
    }
}

/// Where a controller listens.
struct VoterEndpoint: Equatable, CustomStringConvertible {
    /// In capitals.
    var listener: String
    /// An IPv6 address is without brackets.
    var host: String
    var port: UInt16

    /// `LISTENER://host:port`
    var description: String { "\(listener)://\(HostPort(host: host, port: port))" }
}
