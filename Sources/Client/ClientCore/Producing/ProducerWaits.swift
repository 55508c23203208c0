import KafkaProtocol

/// Who waits for what of a producer, in order.
struct ProducerWaits {
    struct Room {
        var waiter: UInt64
        var size: Int
        var deadline: ClientInstant
    }
    struct Topic {
        var waiter: UInt64
        var topic: String
        var deadline: ClientInstant
        /// Those that the client had seen before.
        var refusals: Int
    }
    /// Waits for batches numbered below `before`, of which `remaining` have not ended.
    struct Flush {
        var waiter: UInt64
        var before: UInt64
        var remaining: Int
    }

    var room: [Room] = []
    var topics: [Topic] = []
    var flushes: [Flush] = []

    /// Whether open batches must not linger.
    var hurry: Bool { !flushes.isEmpty || !room.isEmpty }

    mutating func batchEnded(_ number: UInt64) {
        for index in flushes.indices where number < flushes[index].before {
            flushes[index].remaining -= 1
        }
    }

    /// Those that need wait no longer.
    mutating func resume(
        free: Int, isEmpty: Bool, _ metadata: ClusterMetadata,
        refusal: (error: ClientError, count: Int)?, trouble: String?, now: ClientInstant
    ) -> [ProducerCore.Output] {
        var outputs: [ProducerCore.Output] = []
        var free = free
        while let first = room.first, first.size <= free || isEmpty {
            free -= first.size
            outputs.append(.resumed(first.waiter, nil))
            room.removeFirst()
            if isEmpty, free <= 0 { break }
        }
        room.removeAll { wait in
            guard wait.deadline <= now else { return false }
            outputs.append(.resumed(wait.waiter, .timedOut("waiting for room in buffer.memory")))
            return true
        }
        topics.removeAll { wait in
            let refused = refusal.flatMap { $0.count > wait.refusals ? $0.error : nil }
            guard let end = Self.end(of: wait, metadata, refused, trouble, now) else {
                return false
            }
            outputs.append(.resumed(wait.waiter, end.error))
            return true
        }
        flushes.removeAll { wait in
            guard wait.remaining == 0 else { return false }
            outputs.append(.flushed(wait.waiter))
            return true
        }
        return outputs
    }

    private static func end(
        of wait: Topic, _ metadata: ClusterMetadata, _ refusal: ClientError?,
        _ trouble: String?, _ now: ClientInstant
    ) -> (error: ClientError?, Void)? {
        let topic = metadata.topics[wait.topic]
        if let topic, topic.error == nil, !topic.partitions.isEmpty { return (nil, ()) }
        if let error = topic?.error, !error.isRetriable {
            return (.broker(error, message: wait.topic), ())
        }
        if let refusal { return (refusal, ()) }
        guard wait.deadline <= now else { return nil }
        if let error = topic?.error { return (.broker(error, message: wait.topic), ()) }
        let why = trouble.map { "; \($0)" } ?? ""
        return (.timedOut("metadata of topic \(wait.topic)\(why)"), ())
    }

    /// Ends all waits.
    mutating func endAll(_ error: ClientError) -> [ProducerCore.Output] {
        let outputs: [ProducerCore.Output] =
            (room.map(\.waiter) + topics.map(\.waiter)).map { .resumed($0, error) }
            + flushes.map { .flushed($0.waiter) }
        self = ProducerWaits()
        return outputs
    }

    var nextWake: ClientInstant? {
        earlier(room.first?.deadline, topics.map(\.deadline).min())
    }
}
