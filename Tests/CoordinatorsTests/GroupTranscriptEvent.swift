import KafkaProtocol
import KafkaWire

/// One line of a transcript, taken apart.
struct Event {
    /// Words that are neither the event's name nor options.
    var words: [String] = []
    var options: [String: String] = [:]
    /// Words of the form `topic-0` or `topic-0=5`.
    var partitions: [(topic: String, number: Int32, offset: Int64)] = []

    /// - Parameter resolve: gives the id for a member's short name.
    init(_ line: [String], resolve: (String) -> String) {
        for word in line.dropFirst() {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                .map(String.init)
            if let (topic, number) = Self.partition(parts[0]) {
                partitions.append((topic, number, parts.count > 1 ? Int64(parts[1]) ?? 0 : 0))
            } else if parts.count == 1 {
                words.append(resolve(word))
            } else {
                options[parts[0]] = parts[0] == "member" ? resolve(parts[1]) : parts[1]
            }
        }
        if let assign = options["assign"] {
            assignments = assign.split(separator: ",").map { part in
                let pair = part.split(separator: ":").map(String.init)
                return (resolve(pair[0]), pair.count > 1 ? pair[1] : "")
            }
        }
    }

    private var assignments: [(member: String, text: String)] = []

    private static func partition(_ word: String) -> (String, Int32)? {
        guard let dash = word.lastIndex(of: "-"), dash != word.startIndex,
            let number = Int32(word[word.index(after: dash)...])
        else { return nil }
        return (String(word[..<dash]), number)
    }

    var group: String { words.first { !$0.contains("/") && $0 != "stable" } ?? "g" }
    var member: String { options["member"] ?? "" }
    var generation: Int32 { options["gen"].flatMap { Int32($0) } ?? -1 }

    func version(_ latest: Int16) -> Int16 { options["v"].flatMap { Int16($0) } ?? latest }

    func list(_ key: String) -> [String] {
        (options[key] ?? "").split(separator: ",").map(String.init)
    }

    private func number(_ key: String, _ other: Int32) -> Int32 {
        options[key].flatMap { Int32($0) } ?? other
    }

    var producer: (ProducerID, Int16) {
        let parts = (words.first { $0.contains("/") } ?? "0/0").split(separator: "/")
        return (ProducerID(Int64(parts[0]) ?? 0), Int16(parts[1]) ?? 0)
    }

    var byTopic: [(String, [(number: Int32, offset: Int64)])] {
        var names: [String] = []
        for partition in partitions where !names.contains(partition.topic) {
            names.append(partition.topic)
        }
        return names.map { name in
            (name, partitions.filter { $0.topic == name }.map { ($0.number, $0.offset) })
        }
    }

    // MARK: Requests

    var join: JoinGroupRequest {
        JoinGroupRequest(
            groupID: options["group"] ?? group, sessionTimeoutMs: number("session", 10_000),
            rebalanceTimeoutMs: number("rebalance", 60_000), memberID: member,
            groupInstanceID: options["instance"], protocolType: options["type"] ?? "consumer",
            protocols: (options["protocols"] ?? "range").split(separator: ",").map { one in
                let parts = one.split(separator: ":").map(String.init)
                return .init(
                    name: parts[0],
                    metadata: Self.subscription(parts.count > 1 ? parts[1] : "t"))
            })
    }

    /// A consumer's subscription to one topic.
    private static func subscription(_ topic: String) -> [UInt8] {
        var writer = WireWriter()
        writer.write(Int16(0))
        try? ConsumerProtocolSubscription(topics: [topic]).encode(to: &writer, version: 0)
        return writer.toArray()
    }

    var sync: SyncGroupRequest {
        SyncGroupRequest(
            groupID: group, generationID: generation, memberID: member,
            groupInstanceID: options["instance"],
            protocolType: options["type"].map { $0.isEmpty ? nil : $0 } ?? "consumer",
            protocolName: options["protocol"] ?? "range",
            assignments: assignments.map {
                .init(memberID: $0.member, assignment: Array($0.text.utf8))
            })
    }

    /// A heartbeat of a consumer group: with all that a first one needs when the epoch is 0.
    var beat: ConsumerGroupHeartbeatRequest {
        let epoch = number("epoch", 0)
        var request = ConsumerGroupHeartbeatRequest(
            groupID: group, memberID: member, memberEpoch: epoch,
            instanceID: options["instance"], serverAssignor: options["assignor"])
        request.rebalanceTimeoutMs = number("rebalance", epoch == 0 ? 60_000 : -1)
        request.subscribedTopicNames = options["topics"].map { _ in list("topics") }
        request.subscribedTopicRegex = options["regex"]
        if epoch == 0 {
            request.topicPartitions = []
            if options["regex"] == nil { request.subscribedTopicNames = subscribed("t") }
        }
        if let owned = options["owned"] {
            request.topicPartitions = owned.split(separator: ";").map { one in
                let parts = one.split(separator: ":").map(String.init)
                let numbers = parts.count > 1 ? parts[1].split(separator: ",") : []
                return .init(
                    topicID: TranscriptTopics.id(parts[0]),
                    partitions: numbers.compactMap { Int32($0) })
            }
        }
        return request
    }

    private func subscribed(_ other: String) -> [String] {
        options["topics"] == nil ? [other] : list("topics")
    }

    var leave: LeaveGroupRequest {
        var request = LeaveGroupRequest(groupID: options["group"] ?? "g")
        request.members = words.map { .init(memberID: $0, groupInstanceID: options["instance"]) }
        if words.isEmpty, let instance = options["instance"] {
            request.members = [.init(memberID: "", groupInstanceID: instance)]
        }
        request.memberID = words.first ?? ""
        return request
    }

    var commit: OffsetCommitRequest {
        let version = version(9)
        return OffsetCommitRequest(
            groupID: group, generationIDOrMemberEpoch: generation, memberID: member,
            groupInstanceID: options["instance"],
            retentionTimeMs: options["keep"].flatMap { Int64($0) } ?? -1,
            topics: byTopic.map { name, partitions in
                .init(
                    name: version < 10 ? name : "",
                    topicID: version < 10 ? .zero : TranscriptTopics.id(name),
                    partitions: partitions.map {
                        .init(
                            partitionIndex: $0.number, committedOffset: $0.offset,
                            committedLeaderEpoch: 1, committedMetadata: options["text"])
                    })
            })
    }

    var transactionalCommit: TxnOffsetCommitRequest {
        let version = version(5)
        let (id, epoch) = producer
        return TxnOffsetCommitRequest(
            transactionalID: "tx", groupID: group, producerID: id.rawValue, producerEpoch: epoch,
            generationIDOrMemberEpoch: generation, memberID: member,
            groupInstanceID: options["instance"],
            topics: byTopic.map { name, partitions in
                .init(
                    name: version < 6 ? name : "",
                    topicID: version < 6 ? .zero : TranscriptTopics.id(name),
                    partitions: partitions.map {
                        .init(
                            partitionIndex: $0.number, committedOffset: $0.offset,
                            committedMetadata: options["text"])
                    })
            })
    }

    var fetch: OffsetFetchRequest.OffsetFetchRequestGroup {
        let version = version(9)
        return .init(
            groupID: group, memberID: options["member"], memberEpoch: generation,
            topics: partitions.isEmpty
                ? nil
                : byTopic.map { name, partitions in
                    .init(
                        name: version < 10 ? name : "",
                        topicID: version < 10 ? .zero : TranscriptTopics.id(name),
                        partitionIndexes: partitions.map(\.number))
                })
    }
}
