import Coordinators
import KafkaProtocol
import KafkaWire

/// Markers that go to other brokers, as one event loop sends them: what comes while a broker has
/// enough to do goes to it in one request.
struct MarkerOutbox {
    /// One transaction's marker for the partitions of one broker.
    struct Item {
        let marker: CoordinatorMarker
        let partitions: [TopicPartition]
        let done: ([TopicPartition: KafkaError], ClockReading) -> Void
    }
    private var queues: [Int32: [Item]] = [:]
    private var inFlight: [Int32: Int] = [:]

    /// Most requests of markers that a broker has from one loop.
    static let maxInFlight = 5
    /// Most partitions in one request.
    static let maxPartitions = 5000

    mutating func add(_ item: Item, to broker: Int32) { queues[broker, default: []].append(item) }

    /// What the next request to a broker takes with it; `nil` when nothing is to be sent now.
    mutating func next(for broker: Int32) -> [Item]? {
        guard let queue = queues[broker], !queue.isEmpty,
            inFlight[broker, default: 0] < Self.maxInFlight
        else { return nil }
        var count = 0
        var partitions = 0
        while count < queue.count,
            count == 0 || partitions + queue[count].partitions.count <= Self.maxPartitions
        {
            partitions += queue[count].partitions.count
            count += 1
        }
        queues[broker] = count == queue.count ? nil : Array(queue[count...])
        inFlight[broker, default: 0] += 1
        return Array(queue[..<count])
    }

    /// A request to a broker has its outcome.
    mutating func finished(for broker: Int32) {
        let left = inFlight[broker, default: 1] - 1
        inFlight[broker] = left > 0 ? left : nil
    }
}

extension BrokerLoop {
    /// Has another broker write a marker to partitions that it leads; `then` gets an error, or
    /// `none`, for each.
    func send(
        _ marker: CoordinatorMarker, to partitions: [TopicPartition], of broker: Int32,
        now: ClockReading,
        then: @escaping ([TopicPartition: KafkaError], ClockReading) -> Void
    ) {
        markerOutbox.add(.init(marker: marker, partitions: partitions, done: then), to: broker)
        sendMarkers(to: broker, now)
    }

    private func sendMarkers(to broker: Int32, _ now: ClockReading) {
        while let items = markerOutbox.next(for: broker) {
            guard let endpoint = view.remote(broker) else {
                finish(items, of: broker, nil, now)
                continue
            }
            ask(
                BrokerID(broker), at: endpoint, lane: .markers,
                WriteTxnMarkersRequest(markers: items.map(\.wire)),
                timeoutMs: view.transactionSettings.markerTimeoutMs
            ) { [unowned self] outcome, now in
                finish(
                    items, of: broker, try? outcome.decoded(WriteTxnMarkersResponse.self).get(),
                    now)
                sendMarkers(to: broker, now)
            }
        }
    }

    private func finish(
        _ items: [MarkerOutbox.Item], of broker: Int32, _ answer: WriteTxnMarkersResponse?,
        _ now: ClockReading
    ) {
        markerOutbox.finished(for: broker)
        for item in items { item.done(item.results(in: answer), now) }
    }
}

extension MarkerOutbox.Item {
    fileprivate var wire: WriteTxnMarkersRequest.WritableTxnMarker {
        .init(
            producerID: marker.producerID.rawValue, producerEpoch: marker.producerEpoch,
            transactionResult: marker.marker.isCommit,
            topics: partitions.byTopic.map {
                .init(name: $0.topic, partitionIndexes: $0.partitions)
            }, coordinatorEpoch: marker.marker.coordinatorEpoch,
            transactionVersion: Int8(clamping: marker.transactionVersion))
    }

    /// What the broker says of each partition. Without a word of it, it is to be tried again.
    fileprivate func results(in answer: WriteTxnMarkersResponse?) -> [TopicPartition: KafkaError] {
        var results = partitions.mapped { _ in .networkException }
        for written in answer?.markers ?? [] where written.producerID == marker.producerID.rawValue
        {
            for topic in written.topics {
                for result in topic.partitions {
                    let partition = TopicPartition(
                        topic: topic.name, partition: result.partitionIndex)
                    guard results[partition] != nil else { continue }
                    results[partition] =
                        KafkaError(rawValue: result.errorCode) ?? .unknownServerError
                }
            }
        }
        return results
    }
}
