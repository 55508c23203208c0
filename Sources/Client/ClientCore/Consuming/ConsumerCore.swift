import KafkaProtocol
public import KafkaWire

/// A consumer without its sockets, threads and clock: what to read and the time go in, requests
/// and chunks of records come out.
///
/// Each partition is read in the order of its offsets, each record once per position. What was
/// fetched and not read is bounded by `bufferBytes`: a reader that stalls stops the fetching. A
/// position is one whose next record has not been given to the reader.
public struct ConsumerCore: ClientMachine {
    /// What a consumer tells its user.
    public enum Output: Sendable {
        /// A chunk or an error waits to be taken.
        case readable
        /// The end of a `lookUp`.
        case offsets(UInt64, Result<[TopicPartition: FoundOffset], ClientError>)
        /// The end of a wait for a topic's partitions.
        case partitions(UInt64, Result<[Int32], ClientError>)
        /// Partitions come or go. With a ticket, the consumer waits for `finishRebalance`.
        case rebalance(RebalanceEvent, ticket: UInt64?)
        /// The end of a `commit`.
        case committed(UInt64, ClientError?)
        /// The group has these offsets now, whoever asked for that.
        case hasCommitted([TopicPartition: CommittedOffset])
        /// The end of a `fetchCommitted`.
        case fetched(UInt64, Result<[TopicPartition: CommittedOffset], ClientError>)
        /// After `leave`: nothing is left to say to the group.
        case left
    }

    enum Tag {
        case fetch(BrokerID)
        case listOffsets(OffsetRequest)
        case epochs([TopicPartition: UInt64])
        case findCoordinator
        case join
        case sync
        case heartbeat
        case memberHeartbeat
        case leave
        case commit
        case offsetFetch(UInt64)
    }

    /// A fetch that is under way.
    struct FetchInFlight {
        var generations: [TopicPartition: UInt64]
        var bytes: Int
        var usesSession: Bool
    }

    struct TopicWait {
        var waiter: UInt64
        var topic: String
        var deadline: ClientInstant
        /// Those that the client had seen before.
        var refusals: Int
    }

    public let settings: ConsumerSettings
    var network: Network<Tag>
    var partitions: [TopicPartition: ConsumedPartition] = [:]
    /// The assigned partitions; fetches begin with another each time.
    var order: [TopicPartition] = []
    var firstInOrder = 0
    var sessions: [BrokerID: ClientFetchSession] = [:]
    var fetches: [BrokerID: FetchInFlight] = [:]
    private var chunks: [FetchedChunk] = []
    var idleness = ReaderIdleness()
    private var errors: [ClientError] = []
    /// Bytes of chunks that have not been read to their end.
    public private(set) var bufferedBytes = 0
    var questions: [UInt64: OffsetQuestion] = [:]
    var topicWaits: [TopicWait] = []
    var group: GroupMembership?
    /// In the order in which they must be made.
    var commits: [PendingCommit] = []
    var offsetFetches: [PendingOffsetFetch] = []
    var nextOffsetFetch: UInt64 = 0
    private var hasToldLeft = false
    var nextGeneration: UInt64 = 1
    var outputs: [Output] = []
    var checkedMetadata = 0
    /// Refusals that the reader has been told, or need not be.
    var toldRefusals = 0
    var isClosed = false
    public internal(set) var nextWake: ClientInstant?

    public init(_ settings: ConsumerSettings, seed: UInt64) {
        self.settings = settings
        network = Network(.consumer, settings.network, seed: seed)
        group = settings.group.map { GroupMembership($0) }
        network.telemetry.labels["client_rack"] = settings.rack.isEmpty ? nil : settings.rack
        network.telemetry.labels["group_id"] = settings.group?.id
        network.telemetry.labels["group_instance_id"] = settings.group?.instanceID
    }

    public var telemetry: ClientTelemetry {
        get { network.telemetry }
        _modify { yield &network.telemetry }
    }
    public mutating func takeEffects() -> [ConnectionEffect] { network.takeEffects() }
    public mutating func takeOutputs() -> [Output] {
        defer { outputs = [] }
        return outputs
    }

    // MARK: What to read

    /// Reads these partitions and no others; those that were read before go on where they are.
    /// New ones begin where the group has committed, if there is a group, else at the reset.
    ///
    /// - Throws: `invalidState` for a consumer that has subscribed.
    public mutating func assign(
        _ wanted: [TopicPartition], now: ClientInstant
    ) throws(ClientError) {
        guard group?.subscription == nil else {
            throw .invalidState("a consumer that has subscribed is assigned by its group")
        }
        let fresh = Set(wanted).subtracting(order).sorted()
        replaceAssignment(Array(Set(wanted)))
        guard group == nil else { return awaitCommitted(fresh, now) }
        for id in fresh where settings.offsetReset == .none { partitions[id]?.state = .failed }
    }

    mutating func replaceAssignment(_ wanted: [TopicPartition]) {
        let wanted = Set(wanted)
        partitions = partitions.filter { wanted.contains($0.key) }
        for id in wanted.sorted() where partitions[id] == nil {
            partitions[id] = ConsumedPartition(
                id, generation: takeGeneration(), timestamp: resetTimestamp)
        }
        order = wanted.sorted()
        discard { !wanted.contains($0.partition) }
        guard group?.subscription == nil else { return }
        network.refresh.replace(Set(wanted.map(\.topic)))
    }

    /// The assigned partitions.
    public var assignment: [TopicPartition] { order }

    /// Goes on reading at `offset`; what was fetched for another position is dropped.
    /// - Throws: `invalidState` for a partition that is not assigned.
    public mutating func seek(
        _ id: TopicPartition, to offset: Offset, epoch: LeaderEpoch = .none
    ) throws(ClientError) {
        try assigned(id).seek(to: offset, epoch: epoch, generation: takeGeneration())
        discard { $0.partition == id }
    }

    /// Goes on reading at the first record (`true`) or after the last.
    public mutating func seek(_ id: TopicPartition, toBeginning: Bool) throws(ClientError) {
        let timestamp = toBeginning ? OffsetTimestamp.earliest : OffsetTimestamp.latest
        try assigned(id).lookUp(timestamp: timestamp, generation: takeGeneration())
        discard { $0.partition == id }
    }

    /// Stops or goes on giving records of the partition; what was fetched is kept.
    public mutating func setPaused(_ isPaused: Bool, _ id: TopicPartition) throws(ClientError) {
        try assigned(id).isPaused = isPaused
        if !isPaused, chunks.contains(where: { $0.partition == id }) { outputs.append(.readable) }
    }

    /// The offset of the next record that the reader gets; `nil` while it is looked up.
    public func position(_ id: TopicPartition) throws(ClientError) -> Offset? {
        try assigned(id).position
    }

    /// How many records of the partition there are after the position; `nil` when unknown.
    public func lag(_ id: TopicPartition) -> Int64? {
        guard let partition = partitions[id], let position = partition.position else { return nil }
        let end =
            settings.isolation == .readCommitted
            ? partition.lastStableOffset : partition.highWatermark
        return end.map { max(0, $0 - position) }
    }

    private func assigned(_ id: TopicPartition) throws(ClientError) -> ConsumedPartition {
        guard let partition = partitions[id] else {
            throw .invalidState("partition \(id) is not assigned")
        }
        return partition
    }

    var resetTimestamp: Int64 {
        settings.offsetReset == .earliest ? OffsetTimestamp.earliest : OffsetTimestamp.latest
    }

    mutating func takeGeneration() -> UInt64 {
        defer { nextGeneration += 1 }
        return nextGeneration
    }

    // MARK: What the reader takes

    /// The next chunk of a partition that is not paused.
    public mutating func takeChunk() -> FetchedChunk? {
        let place = chunks.firstIndex { chunk in
            partitions[chunk.partition].map { !$0.isPaused && !$0.isRevoked } ?? false
        }
        return place.map { chunks.remove(at: $0) }
    }

    /// The oldest error that the reader has not been told.
    public mutating func takeError() -> ClientError? {
        errors.isEmpty ? nil : errors.removeFirst()
    }

    /// The chunk has been read to its end, or is not wanted: its bytes are free.
    public mutating func release(_ chunk: FetchedChunk) {
        bufferedBytes -= chunk.size
        network.measures.consumedBytes += chunk.size
        if let partition = partitions[chunk.partition], partition.generation == chunk.generation {
            partition.bufferedBytes -= chunk.size
        }
    }

    /// The reader has nothing to read, and waits from now on.
    public mutating func readerWaits(_ now: ClientInstant) { idleness.beginWait(now) }

    /// The reader waits no longer.
    public mutating func readerGoesOn(_ now: ClientInstant) { idleness.endWait(now) }

    /// Whether a batch or chunk is of the position that counts now.
    public func isCurrent(_ id: TopicPartition, generation: UInt64) -> Bool {
        partitions[id]?.generation == generation
    }

    /// The reader is done with all records before `offset`, `count` of them since it last said so.
    public mutating func consumed(
        _ id: TopicPartition, generation: UInt64, to offset: Offset, epoch: LeaderEpoch,
        count: Int = 0
    ) {
        network.measures.recordsConsumed += count
        guard let partition = partitions[id], partition.generation == generation else { return }
        partition.position = offset
        partition.positionEpoch = epoch
    }

    /// Tells once that nothing is left to say to the group, after `leave`.
    mutating func tellIfLeft() {
        guard group?.isLeaving == true, hasLeft, !hasToldLeft else { return }
        hasToldLeft = true
        outputs.append(.left)
    }

    mutating func keep(_ chunk: FetchedChunk) {
        chunks.append(chunk)
        bufferedBytes += chunk.size
        partitions[chunk.partition]?.bufferedBytes += chunk.size
        outputs.append(.readable)
    }

    mutating func tell(_ error: ClientError) {
        // What goes on being wrong is told again only once it has been read.
        guard !errors.contains(error) else { return }
        errors.append(error)
        outputs.append(.readable)
    }

    private mutating func discard(where isUnwanted: (FetchedChunk) -> Bool) {
        for chunk in chunks where isUnwanted(chunk) { bufferedBytes -= chunk.size }
        chunks.removeAll(where: isUnwanted)
    }

    // MARK: Questions

    /// Looks up offsets by timestamp in ms (-1 the end, -2 the beginning); `offsets` tells.
    public mutating func lookUp(
        _ timestamps: [TopicPartition: Int64], waiter: UInt64, now: ClientInstant
    ) {
        questions[waiter] = OffsetQuestion(
            deadline: now + settings.apiTimeout, refusals: network.refusals, open: timestamps)
        for id in timestamps.keys.sorted() { network.refresh.add(id.topic) }
    }

    /// Has `partitions` told once the topic is known, or cannot be.
    public mutating func findPartitions(of topic: String, waiter: UInt64, now: ClientInstant) {
        network.refresh.add(topic)
        topicWaits.append(
            .init(
                waiter: waiter, topic: topic, deadline: now + settings.apiTimeout,
                refusals: network.refusals))
    }

    /// Ends it all: reads nothing more, questions end as `closed`.
    public mutating func shutDown(now: ClientInstant) {
        isClosed = true
        for id in questions.keys.sorted() { outputs.append(.offsets(id, .failure(.closed))) }
        for wait in topicWaits { outputs.append(.partitions(wait.waiter, .failure(.closed))) }
        questions = [:]
        topicWaits = []
        for commit in commits {
            if let waiter = commit.waiter { outputs.append(.committed(waiter, .closed)) }
        }
        for fetch in offsetFetches {
            if let waiter = fetch.waiter { outputs.append(.fetched(waiter, .failure(.closed))) }
        }
        commits = []
        offsetFetches = []
        network.close(now: now)
        _ = network.takeCompletions()
        outputs.append(.readable)
        nextWake = nil
    }
}
