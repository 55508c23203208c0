public import ClientCore
import KafkaProtocol
public import KafkaWire

/// A group of Kafka Streams and its members (KIP-1071). Its offsets are those of any group:
/// `listGroupOffsets`, `alterGroupOffsets`, `deleteGroupOffsets`, `deleteGroups`.
public struct StreamsGroupDescription: Sendable, Hashable {
    /// A part of the topology that works on its own.
    public struct Subtopology: Sendable, Hashable {
        public var id: String
        public var sourceTopics: [String]
        public var repartitionSinkTopics: [String]
        public var repartitionSourceTopics: [String]
        public var changelogTopics: [String]
    }
    /// A subtopology's work on one partition.
    public struct Task: Sendable, Hashable, Comparable {
        public var subtopology: String
        public var partition: Int32

        public static func < (a: Task, b: Task) -> Bool {
            (a.subtopology, a.partition) < (b.subtopology, b.partition)
        }
    }
    public struct Assignment: Sendable, Hashable {
        public var active: [Task]
        public var standby: [Task]
        public var warmup: [Task]
    }
    public struct Member: Sendable, Hashable {
        public var id: String
        public var epoch: Int32
        public var instanceID: String?
        public var rack: String?
        public var clientID: String
        public var host: String
        public var processID: String
        public var topologyEpoch: Int32
        /// Where its interactive queries are served.
        public var endpoint: BrokerAddress?
        public var tags: [String: String]
        /// Where restored and caught-up tasks are, and where their changelogs end.
        public var taskOffsets: [Task: Offset]
        public var taskEndOffsets: [Task: Offset]
        public var assignment: Assignment
        public var target: Assignment
        /// Whether it speaks the classic protocol.
        public var isClassic: Bool
    }
    public var id: String
    public var state: String
    public var epoch: Int32
    public var assignmentEpoch: Int32
    /// `nil` before the first member has told it.
    public var topologyEpoch: Int32?
    public var subtopologies: [Subtopology]
    public var members: [Member]
}

extension Admin {
    /// Groups of Kafka Streams with their topologies and members.
    public func describeStreamsGroups(
        _ ids: [String]
    ) async -> [String: Result<StreamsGroupDescription, ClientError>] {
        await each(ids) { id throws(ClientError) in
            let request = StreamsGroupDescribeRequest(groupIDs: [id])
            return try await self.call(.group(id), request) { answer throws(ClientError) in
                guard let group = answer.groups.first else {
                    throw .malformedResponse("StreamsGroupDescribe names none")
                }
                try ClientError.check(code: group.errorCode, group.errorMessage)
                return StreamsGroupDescription(
                    id: id, state: group.groupState, epoch: group.groupEpoch,
                    assignmentEpoch: group.assignmentEpoch, topologyEpoch: group.topology?.epoch,
                    subtopologies: (group.topology?.subtopologies ?? []).map { part in
                        .init(
                            id: part.subtopologyID, sourceTopics: part.sourceTopics,
                            repartitionSinkTopics: part.repartitionSinkTopics,
                            repartitionSourceTopics: part.repartitionSourceTopics.map(\.name),
                            changelogTopics: part.stateChangelogTopics.map(\.name))
                    }, members: group.members.map { .init($0) })
            }
        }
    }
}

extension StreamsGroupDescription.Member {
    fileprivate init(_ member: StreamsGroupDescribeResponse.Member) {
        self.init(
            id: member.memberID, epoch: member.memberEpoch, instanceID: member.instanceID,
            rack: member.rackID, clientID: member.clientID, host: member.clientHost,
            processID: member.processID, topologyEpoch: member.topologyEpoch,
            endpoint: member.userEndpoint.map { BrokerAddress(host: $0.host, port: $0.port) },
            tags: Dictionary(
                member.clientTags.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 }),
            taskOffsets: Self.offsets(member.taskOffsets),
            taskEndOffsets: Self.offsets(member.taskEndOffsets),
            assignment: .init(member.assignment), target: .init(member.targetAssignment),
            isClassic: member.isClassic)
    }

    private static func offsets(
        _ told: [StreamsGroupDescribeResponse.TaskOffset]
    ) -> [StreamsGroupDescription.Task: Offset] {
        Dictionary(
            told.map {
                (.init(subtopology: $0.subtopologyID, partition: $0.partition), Offset($0.offset))
            }, uniquingKeysWith: { $1 })
    }
}

extension StreamsGroupDescription.Assignment {
    fileprivate init(_ told: StreamsGroupDescribeResponse.Assignment) {
        self.init(
            active: Self.tasks(told.activeTasks), standby: Self.tasks(told.standbyTasks),
            warmup: Self.tasks(told.warmupTasks))
    }

    private static func tasks(
        _ told: [StreamsGroupDescribeResponse.TaskIDs]
    ) -> [StreamsGroupDescription.Task] {
        told.flatMap { ids in
            ids.partitions.map { .init(subtopology: ids.subtopologyID, partition: $0) }
        }.sorted()
    }
}
