import MartletClient

/// The metadata quorum as its leader describes it (KIP-595, KIP-853), in Kafka's text.
struct QuorumReport {
    private typealias Replica = QuorumDescription.Replica

    private let quorum: QuorumDescription

    init(_ quorum: QuorumDescription) { self.quorum = quorum }

    private func leader() throws(Failure) -> Replica {
        guard let leader = quorum.voters.first(where: { $0.id == quorum.leader }) else {
            throw Failure(
                "The leader \(quorum.leader) is not among the voters that it names.",
                remedy: "It is leaving the quorum: ask again in a moment.")
        }
        return leader
    }

    private func endpoints(of replica: Replica) -> [String] {
        (quorum.endpoints[replica.id] ?? [:]).sorted { $0.key < $1.key }.map {
            VoterEndpoint(listener: $0, address: $1).description
        }
    }

    private func lag(of replica: Replica, behind leader: Replica) -> Int64 {
        leader.logEndOffset.rawValue - replica.logEndOffset.rawValue
    }

    // MARK: Status

    /// How far the voter is behind that is furthest behind, in records and in milliseconds (-1
    /// while the leader does not know).
    private func greatestLag() throws(Failure) -> (records: Int64, milliseconds: Int64) {
        let leader = try leader()
        guard let last = quorum.voters.min(by: { $0.logEndOffset < $1.logEndOffset }),
            last.id != leader.id
        else { return (0, 0) }
        let records = lag(of: last, behind: leader)
        guard let now = leader.lastCaughtUpTimestamp, let then = last.lastCaughtUpTimestamp else {
            return (records, -1)
        }
        return (records, now.saturatingDifference(then))
    }

    /// What `describe --status` prints.
    func status(clusterID: String) throws(Failure) -> String {
        let lag = try greatestLag()
        let lines = [
            ("ClusterId:", clusterID), ("LeaderId:", "\(quorum.leader)"),
            ("LeaderEpoch:", "\(quorum.leaderEpoch)"),
            ("HighWatermark:", "\(quorum.highWatermark)"),
            ("MaxFollowerLag:", "\(lag.records)"), ("MaxFollowerLagTimeMs:", "\(lag.milliseconds)"),
            ("CurrentVoters:", members(quorum.voters)),
            ("CurrentObservers:", members(quorum.observers)),
        ]
        return lines.map { TextColumns.pad($0.0, 24) + $0.1 }.joined(separator: "\n")
    }

    private func members(_ replicas: [Replica]) -> String {
        let texts = replicas.map { replica in
            var text = "{\"id\": \(replica.id)"
            if replica.directoryID != .zero {
                text += ", \"directoryId\": \"\(replica.directoryID)\""
            }
            let endpoints = endpoints(of: replica)
            if !endpoints.isEmpty {
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
            + quorum.voters.filter { $0.id != quorum.leader }.map { ($0, "Follower") }
            + quorum.observers.map { ($0, "Observer") }
    }

    /// What `describe --replication` prints; with `now` (ms since 1970) the times are relative.
    func replication(now: Int64?) throws(Failure) -> String {
        let leader = try leader()
        var rows: [[String]] = []
        for (replica, status) in try members() {
            rows.append([
                "\(replica.id)", "\(replica.directoryID)",
                "\(replica.logEndOffset)", "\(lag(of: replica, behind: leader))",
                try Self.time(replica.lastFetchTimestamp, now, "last fetch"),
                try Self.time(replica.lastCaughtUpTimestamp, now, "last caught up"), status,
            ])
        }
        return TextColumns.table(Self.columns, rows)
    }

    private static func time(
        _ timestamp: Int64?, _ now: Int64?, _ what: String
    ) throws(Failure) -> String {
        guard let timestamp else { return "-1" }
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
        let leader = try leader()
        let members = try members().map { replica, status in
            JSON.object([
                ("id", .integer(Int64(replica.id.rawValue))),
                ("directoryId", .string("\(replica.directoryID)")),
                ("status", .string(status.lowercased())),
                ("logEndOffset", .integer(replica.logEndOffset.rawValue)),
                ("lag", .integer(self.lag(of: replica, behind: leader))),
                ("lastFetchTimestamp", .integer(replica.lastFetchTimestamp ?? -1)),
                ("lastCaughtUpTimestamp", .integer(replica.lastCaughtUpTimestamp ?? -1)),
                ("endpoints", .array(endpoints(of: replica).map(JSON.string))),
            ])
        }
        return .object([
            ("clusterId", .string(clusterID)),
            ("leaderId", .integer(Int64(quorum.leader.rawValue))),
            ("leaderEpoch", .integer(Int64(quorum.leaderEpoch))),
            ("highWatermark", .integer(quorum.highWatermark.rawValue)),
            ("maxFollowerLag", .integer(lag.records)),
            ("maxFollowerLagTimeMs", .integer(lag.milliseconds)), ("members", .array(members)),
        ])
    }
}

/// Where a controller listens.
struct VoterEndpoint: Equatable, CustomStringConvertible {
    /// In capitals.
    var listener: String
    var address: BrokerAddress

    /// `LISTENER://host:port`
    var description: String { "\(listener)://\(address)" }
}
