import AdminWire
import KafkaProtocol
import KafkaRecords
import KafkaWire

/// Sends records in batches: one thread, several requests under way, no duplicates on retries.
///
/// Per partition, batches go out and are retried in order. With idempotence (KIP-98) the sequence
/// numbers are given when a batch is first sent. A batch that fails for good is reported, and the
/// producer starts over with a new producer id, since its successors' sequences have a gap.
final class BatchProducer {
    private let client: AdminClient
    private let settings: ProducerSettings
    private let console: Console
    private var leaders: [TopicPartition: PartitionLeader] = [:]
    private var partitioner = Partitioner(count: 1)
    private var producer: (id: ProducerID, epoch: Int16) = (.none, -1)
    private var nextSequence: [Int32: Int32] = [:]
    /// Batches that still take records, by partition.
    private var open: [Int32: ProducerBatch] = [:]
    /// Full batches in the order in which they go out, by partition.
    private var ready: [Int32: [ProducerBatch]] = [:]
    private var inFlight: [BrokerID: [Flight]] = [:]
    private var bufferedBytes = 0
    /// Records that no broker took.
    private(set) var failedRecords = 0

    /// A request under way.
    private struct Flight {
        var request: PendingRequest<ProduceRequest>
        var batches: [ProducerBatch]
    }

    init(_ client: AdminClient, _ settings: ProducerSettings, _ console: Console) {
        self.client = client
        self.settings = settings
        self.console = console
    }

    /// Finds the topic's leaders and gets a producer id.
    func start() throws {
        try findLeaders(patience: settings.blockMilliseconds)
        partitioner = Partitioner(count: Int32(leaders.count))
        try renewProducerID()
    }

    private func findLeaders(patience: Int) throws {
        leaders = try client.leaders(
            of: [settings.topic], createMissing: true, patience: patience)
        guard !leaders.isEmpty else {
            throw Failure("Topic '\(settings.topic)' has no partitions.")
        }
    }

    private func renewProducerID() throws {
        guard settings.isIdempotent else { return }
        let response = try client.call(
            InitProducerIDRequest(transactionalID: nil, transactionTimeoutMs: 60_000))
        try AdminError.check(response.errorCode, context: "Initializing the producer id")
        producer = (ProducerID(response.producerID), response.producerEpoch)
        nextSequence = [:]
    }

    // MARK: Taking records

    /// Takes a record; sends what is full, and waits while too much is under way.
    func add(_ record: ConsoleRecord, timestamp: Int64, now: Int64) throws {
        var partition = partitioner.partition(key: record.key)
        if let batch = open[partition],
            batch.estimatedBytes + record.estimatedBytes > settings.batchBytes
        {
            seal(partition)
            if record.key == nil {
                partitioner.batchIsFull()
                partition = partitioner.partition(key: nil)
            }
            try pump()
        }
        open[partition, default: ProducerBatch(partition: partition, begun: now)]
            .append(record, timestamp: timestamp)
        bufferedBytes += record.estimatedBytes
        while bufferedBytes > settings.memoryBytes {
            open.keys.sorted().forEach(seal)
            try pump()
            try receiveOldest()
        }
    }

    /// Milliseconds until a batch has waited for long enough; `nil` when none waits.
    func wait(now: Int64) -> Int? {
        let first = open.values.map(\.begun).min()
        return first.map { max(0, Int($0) + settings.lingerMilliseconds - Int(now)) }
    }

    /// Sends the batches that have waited for long enough, and takes what answers there are.
    func sendWaiting(now: Int64) throws {
        for (partition, batch) in open.sorted(by: { $0.key < $1.key })
        where now - batch.begun >= Int64(settings.lingerMilliseconds) {
            seal(partition)
        }
        try pump()
    }

    /// Sends everything and waits for all answers.
    func flush() throws {
        open.keys.sorted().forEach(seal)
        while !ready.isEmpty || inFlight.values.contains(where: { !$0.isEmpty }) {
            try pump()
            try receiveOldest()
        }
    }

    private func seal(_ partition: Int32) {
        guard let batch = open.removeValue(forKey: partition) else { return }
        ready[partition, default: []].append(batch)
    }

    // MARK: Sending

    /// Sends as many requests as may be under way, one batch of each partition in each.
    private func pump() throws {
        try receiveReady()
        while true {
            var groups: [BrokerID: [Int32]] = [:]
            for partition in ready.keys.sorted() {
                let id = TopicPartition(topic: settings.topic, partition: partition)
                guard let leader = leaders[id]?.broker else { continue }
                guard inFlight[leader, default: []].count < settings.inFlight else { continue }
                groups[leader, default: []].append(partition)
            }
            guard !groups.isEmpty else { return }
            for (broker, partitions) in groups.sorted(by: { $0.key < $1.key }) {
                try send(partitions, to: broker)
            }
        }
    }

    private func send(_ partitions: [Int32], to broker: BrokerID) throws {
        var batches: [ProducerBatch] = []
        var data: [ProduceRequest.PartitionProduceData] = []
        for partition in partitions {
            var waiting = ready.removeValue(forKey: partition) ?? []
            guard !waiting.isEmpty else { continue }
            var batch = waiting.removeFirst()
            if !waiting.isEmpty { ready[partition] = waiting }
            let isNew = batch.encoded == nil
            let sequence = settings.isIdempotent ? nextSequence[partition] ?? 0 : -1
            let bytes = try batch.encode(settings, producer: producer, baseSequence: sequence)
            if isNew, settings.isIdempotent {
                nextSequence[partition] = RecordBatchHeader.sequence(
                    sequence, plus: Int32(batch.records.count))
            }
            data.append(.init(index: partition, records: .bytes(bytes)))
            batches.append(batch)
        }
        let request = ProduceRequest(
            transactionalID: nil, acks: settings.acks,
            timeoutMs: Int32(clamping: settings.requestMilliseconds),
            topicData: [.init(name: settings.topic, partitionData: data)])
        let pending: PendingRequest<ProduceRequest>
        do {
            pending = try transmit(request, broker)
        } catch {
            return try retry(batches, after: error, from: broker)
        }
        if settings.acks == 0 {
            for batch in batches { finish(batch) }
        } else {
            inFlight[broker, default: []].append(Flight(request: pending, batches: batches))
        }
    }

    private func transmit(
        _ request: ProduceRequest, _ broker: BrokerID
    ) throws(AdminError) -> PendingRequest<ProduceRequest> {
        let connection = try client.connection(to: broker)
        // Version 13 wants topic ids in the place of names.
        let version = try connection.version(of: ProduceRequest.self, atMost: 12)
        return try connection.send(request, version: version, deadline: deadline)
    }

    private var deadline: Deadline {
        Deadline(milliseconds: settings.requestMilliseconds + 5_000)
    }

    // MARK: Answers

    private func receiveReady() throws {
        for broker in inFlight.keys.sorted() {
            while inFlight[broker]?.isEmpty == false,
                try client.connection(to: broker).hasAnswer
            {
                try receive(from: broker)
            }
        }
    }

    private func receiveOldest() throws {
        guard let broker = inFlight.keys.sorted().first(where: { inFlight[$0]?.isEmpty == false })
        else { return }
        try receive(from: broker)
    }

    private func receive(from broker: BrokerID) throws {
        guard let flight = inFlight[broker]?.first else { return }
        do {
            let connection = try client.connection(to: broker)
            let (response, _) = try connection.receive(flight.request, deadline: deadline)
            inFlight[broker]?.removeFirst()
            try settle(flight.batches, response, broker)
        } catch let error as AdminError {
            let flights = inFlight.removeValue(forKey: broker) ?? []
            try retry(flights.flatMap(\.batches), after: error, from: broker)
        }
    }

    private func settle(
        _ batches: [ProducerBatch], _ response: ProduceResponse, _ broker: BrokerID
    ) throws {
        let results = response.responses.flatMap(\.partitionResponses)
        var again: [ProducerBatch] = []
        var reason = AdminError.broker(.unknownServerError, message: nil, context: nil)
        for batch in batches {
            let result = results.first { $0.index == batch.partition }
            let code = KafkaError(rawValue: result?.errorCode ?? -1) ?? .unknownServerError
            if code == .none || code == .duplicateSequenceNumber {
                finish(batch)
                continue
            }
            let error = AdminError.broker(
                code, message: result?.errorMessage,
                context: "Partition \(settings.topic)-\(batch.partition)")
            // A batch behind one that is to be retried is out of order until that one is in.
            if code.isRetriable || code == .outOfOrderSequenceNumber {
                again.append(batch)
                reason = error
            } else {
                try give(up: batch, error)
            }
        }
        if !again.isEmpty { try retry(again, after: reason, from: broker) }
    }

    private func finish(_ batch: ProducerBatch) {
        bufferedBytes -= batch.estimatedBytes - RecordBatchHeader.byteCount
    }

    private func give(up batch: ProducerBatch, _ error: AdminError) throws {
        finish(batch)
        failedRecords += batch.records.count
        let what = batch.records.count == 1 ? "1 record was" : "\(batch.records.count) records were"
        console.error("\(what) not sent. \(error)")
        try startOver()
    }

    /// After a gap in the sequences: waits for what is under way, takes a new producer id, and
    /// encodes what is left anew.
    private func startOver() throws {
        guard settings.isIdempotent else { return }
        for broker in inFlight.keys.sorted() {
            while inFlight[broker]?.isEmpty == false { try receive(from: broker) }
        }
        for partition in ready.keys.sorted() {
            for index in ready[partition, default: []].indices {
                ready[partition]?[index].encoded = nil
            }
        }
        try renewProducerID()
    }

    /// Puts batches back in front, in their order, after a pause and with fresh metadata.
    private func retry(
        _ batches: [ProducerBatch], after error: AdminError, from broker: BrokerID
    ) throws {
        let behind = (inFlight.removeValue(forKey: broker) ?? []).flatMap(\.batches)
        client.forget(broker)
        putBack(behind)
        let tried = batches.map { batch in
            var batch = batch
            batch.attempts += 1
            return batch
        }
        let again = tried.filter { $0.attempts <= settings.retries }
        putBack(again)
        for batch in tried where batch.attempts > settings.retries { try give(up: batch, error) }
        guard !again.isEmpty else { return }
        AdminClient.pause(milliseconds: settings.backoffMilliseconds)
        try findLeaders(patience: settings.blockMilliseconds)
    }

    /// Puts batches in front of those that are ready, in their order.
    private func putBack(_ batches: [ProducerBatch]) {
        for batch in batches.reversed() {
            ready[batch.partition, default: []].insert(batch, at: 0)
        }
    }
}
