public import ClientCore
public import CoreMetrics
public import KafkaWire
public import Logging
public import NIOCore
import NIOPosix
public import Tracing

/// Reads records of a Kafka cluster.
///
///     let consumer = try Consumer(bootstrap: "localhost:9092") { $0.offsetReset = .earliest }
///     try await consumer.assign(topic: "greetings")
///     for try await record in consumer.records {
///         print(record.offset, String(decoding: record.value ?? [], as: UTF8.self))
///     }
///
/// Records of a partition come in the order of their offsets. What waits to be read is bounded by
/// `bufferBytes`: while the reader is busy elsewhere, nothing more is fetched. One task reads at a
/// time; all other methods may be called from any task or thread.
public final class Consumer: Sendable {
    let loop: ClientLoop<ConsumerCore>
    let endings: ConsumerEndings
    let reader: ConsumerReader
    private let hasGroup: Bool

    /// A consumer with Kafka's defaults, changed by `configure`.
    ///
    /// - Throws: `invalidSetting`.
    public convenience init(
        bootstrap: String, logger: Logger = Logger(label: "martlet.consumer"),
        configure: (inout ConsumerSettings) -> Void = { _ in }
    ) throws(ClientError) {
        var settings = ConsumerSettings(
            network: .init(bootstrap: try BrokerAddress.list(bootstrap)))
        configure(&settings)
        try self.init(settings, logger: logger)
    }

    /// - Parameters:
    ///   - metrics: where metrics go; what the process has been given by default.
    ///   - tracer: who makes spans of polls; what the process has been given by default.
    ///   - interceptors: see each batch before it is read, in this order, and what is committed.
    ///   - group: where the sockets live; the process's own event loops by default.
    /// - Throws: `invalidSetting`.
    public init(
        _ settings: ConsumerSettings, logger: Logger = Logger(label: "martlet.consumer"),
        metrics: any MetricsFactory = MetricsSystem.factory,
        tracer: any Tracer = InstrumentationSystem.tracer,
        interceptors: [any ConsumerInterceptor] = [],
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) throws(ClientError) {
        let hooks = ConsumerHooks(
            interceptors,
            ClientTracing(
                tracer, clientID: settings.network.clientID, groupID: settings.group?.id))
        let endings = ConsumerEndings(interceptors)
        self.endings = endings
        hasGroup = settings.group != nil
        var seeds = SystemRandomNumberGenerator()
        loop = try ClientLoop(
            ConsumerCore(settings, seed: seeds.next()), eventLoop: group.next(), log: logger,
            network: settings.network,
            metrics: ClientMetrics(
                .consumer, clientID: settings.network.clientID, factory: metrics)
        ) { outputs in
            for output in outputs { endings.tell(output) }
        }
        reader = ConsumerReader(loop, endings, settings, hooks)
        let loop = loop
        let reader = reader
        endings.handleRevocations(
            finish: { ticket in
                loop.enter { core, now in (core.finishRebalance(ticket, now: now), true) }
                reader.noteChange()
            },
            before: {
                reader.noteProgress()
                reader.noteChange()
            })
    }

    // MARK: What to read

    /// Reads these partitions and no others. Those that were assigned before go on where they are;
    /// new ones begin where `auto.offset.reset` says, unless `seek` says otherwise.
    /// In a group, new ones begin where the group has committed.
    ///
    /// - Throws: `invalidState` for a consumer that has subscribed.
    public func assign(_ partitions: [TopicPartition]) throws(ClientError) {
        try move { core throws(ClientError) in
            try core.assign(partitions, now: ClientLoop<ConsumerCore>.now)
        }
    }

    /// Reads all partitions that the topic has now.
    ///
    /// - Throws: `broker` with `unknownTopicOrPartition`; `timedOut` after
    ///   `default.api.timeout.ms`, when no broker answers.
    public func assign(topic: String) async throws(ClientError) {
        try assign(try await partitions(of: topic))
    }

    /// The partitions that are assigned.
    public var assignment: [TopicPartition] { loop.enter { core, _ in (core.assignment, false) } }

    /// Goes on reading at `offset`.
    ///
    /// - Throws: `invalidState` for a partition that is not assigned.
    public func seek(_ partition: TopicPartition, to offset: Offset) throws(ClientError) {
        try move { core throws(ClientError) in try core.seek(partition, to: offset) }
    }

    /// Goes on reading at the first record of each partition.
    public func seekToBeginning(_ partitions: [TopicPartition]) throws(ClientError) {
        try move { core throws(ClientError) in
            for id in partitions { try core.seek(id, toBeginning: true) }
        }
    }

    /// Goes on reading after the last record of each partition.
    public func seekToEnd(_ partitions: [TopicPartition]) throws(ClientError) {
        try move { core throws(ClientError) in
            for id in partitions { try core.seek(id, toBeginning: false) }
        }
    }

    /// Gives no records of these partitions until `resume`; their positions stay.
    public func pause(_ partitions: [TopicPartition]) throws(ClientError) {
        try change { core throws(ClientError) in
            for id in partitions { try core.setPaused(true, id) }
        }
    }

    /// Gives records of these partitions again.
    public func resume(_ partitions: [TopicPartition]) throws(ClientError) {
        try change { core throws(ClientError) in
            for id in partitions { try core.setPaused(false, id) }
        }
    }

    /// The offset after the last record that the reader is done with: one is done with a record
    /// when one asks for the next. `nil` while the first position is looked up.
    public func position(of partition: TopicPartition) throws(ClientError) -> Offset? {
        reader.noteProgress()
        return try change { core throws(ClientError) in try core.position(partition) }
    }

    /// Records after the position; `nil` before the first answer of a broker.
    public func lag(of partition: TopicPartition) -> Int64? {
        reader.noteProgress()
        return loop.enter { core, _ in (core.lag(partition), false) }
    }

    /// Bytes of records that were fetched and not read to their end.
    public var bufferedBytes: Int { loop.enter { core, _ in (core.bufferedBytes, false) } }

    private func move(
        _ body: (inout ConsumerCore) throws(ClientError) -> Void
    ) throws(ClientError) {
        try change(body)
        reader.noteChange()
    }

    func change<R>(
        _ body: (inout ConsumerCore) throws(ClientError) -> R
    ) throws(ClientError) -> R {
        try loop.enter { core, _ in
            let result = Result { () throws(ClientError) in try body(&core) }
            return (result, true)
        }.get()
    }

    // MARK: Questions

    /// The partitions of a topic.
    ///
    /// - Throws: `broker` with `unknownTopicOrPartition`; `timedOut` after
    ///   `default.api.timeout.ms`, when no broker answers.
    public func partitions(of topic: String) async throws(ClientError) -> [TopicPartition] {
        let found = await withCheckedContinuation { continuation in
            let id = endings.add(.partitions(continuation))
            loop.enter { core, now in
                (core.findPartitions(of: topic, waiter: id, now: now), true)
            }
        }
        return try found.get().map { TopicPartition(topic: topic, partition: $0) }
    }

    /// The first offset of each partition.
    public func beginningOffsets(
        _ partitions: [TopicPartition]
    ) async throws(ClientError) -> [TopicPartition: Offset] {
        try await ends(partitions, -2)
    }

    /// The offset after the last record of each partition; with `read_committed`, after the last
    /// one that can be read.
    public func endOffsets(
        _ partitions: [TopicPartition]
    ) async throws(ClientError) -> [TopicPartition: Offset] {
        try await ends(partitions, -1)
    }

    private func ends(
        _ partitions: [TopicPartition], _ timestamp: Int64
    ) async throws(ClientError) -> [TopicPartition: Offset] {
        let wanted = Dictionary(partitions.map { ($0, timestamp) }, uniquingKeysWith: { $1 })
        return try await offsets(for: wanted).compactMapValues(\.offset)
    }

    /// The first record of each partition that is as young as the timestamp, in ms since the
    /// epoch, or younger.
    ///
    /// - Throws: `timedOut` after `default.api.timeout.ms`, `broker` for a refusal.
    public func offsets(
        for timestamps: [TopicPartition: Int64]
    ) async throws(ClientError) -> [TopicPartition: FoundOffset] {
        let found = await withCheckedContinuation { continuation in
            let id = endings.add(.offsets(continuation))
            loop.enter { core, now in (core.lookUp(timestamps, waiter: id, now: now), true) }
        }
        return try found.get()
    }

    // MARK: Telemetry

    /// What the client has measured so far, under the names of Kafka's clients. From the first call
    /// on, averages and maxima are kept too. Numbers are up to a second old.
    public func metrics() -> [ClientMetric] {
        loop.enter { core, now in (core.metrics(now: now), true) }
    }

    /// The id that the cluster knows this client by in its metrics (KIP-714).
    ///
    /// - Throws: `invalidState` while `enable.metrics.push` is off, `unsupportedRequest` by brokers
    ///   that want no metrics, `timedOut`.
    public func clientInstanceID(timeout: Duration) async throws(ClientError) -> KafkaUUID {
        try await loop.clientInstanceID(timeout: timeout)
    }

    // MARK: Reading

    /// The records of all assigned partitions, one by one. Ends when the consumer is closed or the
    /// task is cancelled; a later iteration goes on where this one was.
    public var records: ConsumerRecords { ConsumerRecords(reader: reader) }

    /// The records in the batches in which they were written.
    public var batches: ConsumerBatches { ConsumerBatches(reader: reader) }

    /// The next batch, or `nil` when none has come within `timeout`, or the consumer is closed.
    ///
    /// - Throws: what stops reading: `offsetOutOfRange`, `logTruncated`, `corruptRecords`,
    ///   `broker`.
    nonisolated(nonsending)
        public func poll(timeout: Duration) async throws(ClientError) -> ConsumerBatch?
    {
        try await reader.next(within: timeout)
    }

    /// Gives up all partitions of a group, which the rebalance handler is told, commits, if that is
    /// automatic, leaves the group, and ends the connections. Whoever reads comes to the end.
    public func close() async {
        reader.close()
        endings.close()
        if hasGroup {
            await endings.waitLeft(loop, atMost: .seconds(30)) {
                loop.enter { core, now in (core.leave(now: now), true) }
            }
        }
        await loop.stop { core, now in core.shutDown(now: now) }
    }
}
