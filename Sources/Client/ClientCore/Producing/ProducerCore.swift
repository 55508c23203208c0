import KafkaProtocol
import KafkaRecords
public import KafkaWire

/// A producer without its sockets, threads and clock: records and the time go in, requests and
/// the ends of records come out.
///
/// Promises, while idempotence is on: a record is written at most once, and the records of a
/// partition in the order of their `append`, whatever is retried; an epoch of the producer begins
/// anew where the broker has lost track (KIP-360). Each record ends exactly once, at the latest
/// `deliveryTimeout` after its batch was begun.
public struct ProducerCore: ClientMachine {
    /// What a producer tells its user.
    public enum Output: Sendable {
        /// Records with handlers were written.
        case delivered(Deliveries)
        /// All `count` records of a batch failed; `handlers` are of those that have any.
        case failed(ClientError, TopicPartition, count: Int, handlers: [RecordHandler])
        /// A wait for room or for a topic has ended: `append` again, unless there is an error.
        case resumed(UInt64, ClientError?)
        /// All that was appended before this `flush` has ended.
        case flushed(UInt64)
        /// A call that concerns transactions has ended.
        case transaction(UInt64, ClientError?)
    }

    /// What became of an `append`.
    public enum AppendOutcome: Sendable {
        /// The record waits to be sent. When it `wakes`, the shell calls `advance` soon.
        case appended(wakes: Bool)
        /// There is no room: `waitForRoom`, then again.
        case full
        /// Nothing is known of the topic: `waitForTopic`, then again.
        case topicUnknown
        /// The record cannot be sent.
        case refused(ClientError)
    }

    enum Tag {
        case produce(UInt64)
        case initProducerID
        case findCoordinator
        case findGroup(UInt64)
        case initTransactions
        case addPartitions([PartitionQueue])
        case addOffsets(String)
        case txnOffsets(UInt64)
        case endTransaction(commits: Bool)
    }

    /// The producer's id and epoch (KIP-98).
    enum Identity {
        case needed(notBefore: ClientInstant?)
        case asked
        case known(ProducerID, epoch: Int16)
    }

    public let settings: ProducerSettings
    var network: Network<Tag>
    var topics: [String: TopicQueues] = [:]
    /// The topic of the last record: most go to the same.
    private var recent: TopicQueues?
    /// Queues with work, in the order in which they got it; `drain` begins with another each time.
    var listed: [PartitionQueue] = []
    var firstListed = 0
    var identity = Identity.needed(notBefore: nil)
    var identityFailures = 0
    var sent: [UInt64: [(queue: PartitionQueue, batch: ProducerBatch)]] = [:]
    var nextRequest: UInt64 = 0
    private var nextBatch: UInt64 = 0
    var waits = ProducerWaits()
    /// For a producer with a transactional id.
    let transaction: TransactionState?
    var outputs: [Output] = []
    /// Bytes of records that have not ended.
    public internal(set) var bufferedBytes = 0
    /// Batches that have not ended.
    var incomplete = 0
    /// Why nothing more can be sent.
    var fatal: ClientError?
    public internal(set) var nextWake: ClientInstant?

    /// - Throws: `invalidSetting`.
    public init(_ settings: ProducerSettings, seed: UInt64) throws(ClientError) {
        try settings.validate()
        self.settings = settings
        network = Network(.producer, settings.network, seed: seed)
        transaction = settings.transactionalID.map { TransactionState(id: $0) }
        network.telemetry.labels["transactional_id"] = settings.transactionalID
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

    // MARK: Records

    /// Adds a record to what is to be sent.
    ///
    /// - Parameters:
    ///   - handler: comes out with `delivered` or `failed`; `nil` when nobody waits.
    ///   - timestamp: the time of day, for a record that has none, in ms since the epoch.
    ///   - now: asked for when a batch begins.
    public mutating func append(
        _ record: ProducerRecord, handler: RecordHandler?, timestamp: Int64,
        now: @autoclosure () -> ClientInstant
    ) -> AppendOutcome {
        if let fatal { return .refused(fatal) }
        if let refusal = transaction?.refusal { return .refused(refusal) }
        guard let topic = queues(of: record.topic) else { return .topicUnknown }
        let size = record.estimatedSize
        let limit = min(settings.maxRequestSize, settings.bufferMemory)
        guard size + RecordBatchHeader.byteCount <= limit else {
            return .refused(.recordTooLarge(bytes: size, limit: limit))
        }
        guard bufferedBytes == 0 || bufferedBytes + size <= settings.bufferMemory else {
            return .full
        }
        topic.follow(network.metadata)
        guard
            let queue = topic.queue(for: record, settings.partitioning, using: &network.random)
        else {
            return .refused(
                .invalidRecord("\(record.topic) has no partition \(record.partition ?? -1)"))
        }
        return add(record, size, to: queue, of: topic, handler, timestamp, now)
    }

    private mutating func add(
        _ record: ProducerRecord, _ size: Int, to queue: PartitionQueue, of topic: TopicQueues,
        _ handler: RecordHandler?, _ timestamp: Int64, _ now: () -> ClientInstant
    ) -> AppendOutcome {
        var wakes = false
        transaction?.enlist(queue)
        if let open = queue.open, open.reserved + size > settings.batchSize { queue.close(open) }
        let batch: ProducerBatch
        if let open = queue.open {
            batch = open
        } else {
            batch = begin(queue, now())
            wakes = true
        }
        let added = batch.append(
            record, timestamp: record.timestamp ?? timestamp, handler: handler)
        bufferedBytes += added
        if batch.reserved >= settings.batchSize {
            queue.close(batch)
            wakes = true
        }
        if record.partition == nil, record.key == nil || topic.sticky.current == queue.partition {
            topic.sticky.count(added, limit: settings.batchSize)
        }
        return .appended(wakes: wakes)
    }

    private mutating func begin(_ queue: PartitionQueue, _ now: ClientInstant) -> ProducerBatch {
        let batch = ProducerBatch(
            queue, number: nextBatch, settings, now: now)
        nextBatch += 1
        incomplete += 1
        queue.open = batch
        list(queue)
        return batch
    }

    @inline(__always)
    private mutating func queues(of topic: String) -> TopicQueues? {
        if let recent, recent.name == topic { return recent }
        guard let known = topics[topic] ?? open(topic) else { return nil }
        recent = known
        return known
    }

    /// The topic's queues, once its partitions are known.
    private mutating func open(_ name: String) -> TopicQueues? {
        network.refresh.add(name)
        guard let known = network.metadata.topics[name], known.error == nil,
            !known.partitions.isEmpty
        else { return nil }
        let topic = TopicQueues(name: name)
        topic.follow(network.metadata)
        topics[name] = topic
        return topic
    }

    mutating func list(_ queue: PartitionQueue) {
        guard !queue.isListed else { return }
        queue.isListed = true
        listed.append(queue)
    }

    // MARK: Waits

    /// Has `resumed` told once a record of this size has room, or `maxBlock` is over.
    public mutating func waitForRoom(
        _ record: ProducerRecord, waiter: UInt64, now: ClientInstant
    ) {
        waits.room.append(
            .init(waiter: waiter, size: record.estimatedSize, deadline: now + settings.maxBlock))
    }

    /// Has `resumed` told once the topic is known, cannot be used, or `maxBlock` is over.
    public mutating func waitForTopic(_ topic: String, waiter: UInt64, now: ClientInstant) {
        network.refresh.add(topic)
        network.refresh.request()
        waits.topics.append(
            .init(
                waiter: waiter, topic: topic, deadline: now + settings.maxBlock,
                refusals: network.refusals))
    }

    /// Has `flushed` told once all that was appended so far has ended. Batches no longer linger.
    public mutating func flush(waiter: UInt64) {
        guard fatal == nil else { return outputs.append(.flushed(waiter)) }
        waits.flushes.append(.init(waiter: waiter, before: nextBatch, remaining: incomplete))
    }

    /// Partitions of a topic, once `waitForTopic` has ended well.
    public func partitionCount(of topic: String) -> Int? {
        network.metadata.topics[topic].flatMap { $0.error == nil ? $0.partitions.count : nil }
    }

    /// Ends it all at once: what has not ended fails as `closed`.
    public mutating func shutDown(now: ClientInstant) { fail(.closed, now: now) }

    /// Nothing more can be sent: everything that waits fails with `error`.
    mutating func fail(_ error: ClientError, now: ClientInstant) {
        guard fatal == nil else { return }
        fatal = error
        for queue in listed {
            for batch in queue.all where !batch.isDone { end(batch, of: queue, .failure(error)) }
            queue.isListed = false
        }
        listed = []
        sent = [:]
        outputs += waits.endAll(error)
        if let transaction {
            let waits = transaction.beginnings.map(\.waiter) + transaction.offsets.map(\.waiter)
            for waiter in waits { outputs.append(.transaction(waiter, error)) }
            if let wait = transaction.ending { outputs.append(.transaction(wait.waiter, error)) }
            transaction.beginnings = []
            transaction.ending = nil
            transaction.clear()
        }
        network.close(now: now)
        _ = network.takeCompletions()
        nextWake = nil
    }
}
