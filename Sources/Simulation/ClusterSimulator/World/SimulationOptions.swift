import KafkaWire
import BrokerCore

/// What one seed draws: the shape of the world and how bad it is.
public struct SimulationOptions: Sendable {
    public var seed: UInt64
    /// Virtual seconds of faults, before everything heals.
    public var seconds: Int64 = 60
    var eventLoops: Int32 = 1
    /// Whether acknowledged data is on disk: then power cuts are drawn, else only kills.
    var isFlushed = true
    var partitions: Int32 = 1
    var producers = 1
    var recordsPerBatch = 1
    var segmentBytes = 1 << 20
    var indexIntervalBytes = 4096
    /// Mean virtual time between two faults of a kind, in ms; 0 for none.
    var crashMs: Int64 = 0
    var resetMs: Int64 = 0
    var diskFaultMs: Int64 = 0
    /// One-way latency of the network and time of a sync, in microseconds, at most.
    var latencyUs: Int64 = 500
    var syncUs: Int64 = 500
    var deletesRecords = false
    /// Members of a consumer group over the partitions.
    var groupMembers = 0
    /// Groups that commit offsets; producers of transactions.
    var offsetGroups = 0
    var transactionalProducers = 0
    var compacts = false
    /// Node settings by Kafka's keys.
    var configs: [String: String] = [:]

    /// Draws a world.
    public init(seed: UInt64) {
        self.seed = seed
        // Another stream than the run's own.
        var random = SplitMix64(seed: seed ^ 0x5EED)
        func pick<T>(_ values: [T]) -> T {
            values[Int.random(in: 0..<values.count, using: &random)]
        }
        eventLoops = pick([1, 2, 3])
        isFlushed = pick([true, true, true, false])
        partitions = pick([1, 2, 4])
        producers = pick([1, 2, 3])
        recordsPerBatch = pick([1, 3, 10])
        segmentBytes = pick([2 << 10, 4 << 10, 32 << 10, 1 << 20])
        indexIntervalBytes = pick([1, 256, 4096])
        crashMs = pick([0, 1500, 4000, 10_000])
        resetMs = pick([0, 800, 3000])
        diskFaultMs = pick([0, 0, 6000])
        latencyUs = pick([50, 500, 20_000])
        syncUs = pick([10, 500, 50_000])
        deletesRecords = pick([false, false, true])
        groupMembers = pick([0, 2, 4])
        configs["offsets.topic.num.partitions"] = "\(pick([1, 3]))"
        configs["group.consumer.assignment.interval.ms"] = "\(pick([0, 1000]))"
        offsetGroups = pick([0, 1, 3])
        transactionalProducers = pick([0, 0, 1, 2, 4])
        compacts = pick([false, true])
        if crashMs + resetMs + diskFaultMs == 0 { crashMs = 2000 }
    }

    /// One line that says what was drawn.
    public var summary: String {
        "loops \(eventLoops), \(isFlushed ? "flushed" : "replicated"), partitions \(partitions), "
            + "producers \(producers) x \(recordsPerBatch), segment \(segmentBytes), "
            + "index \(indexIntervalBytes), crash \(crashMs) ms, reset \(resetMs) ms, "
            + "disk fault \(diskFaultMs) ms, latency \(latencyUs) us, sync \(syncUs) us"
            + (groupMembers > 0 ? ", group of \(groupMembers)" : "")
            + ", groups \(offsetGroups), transactional \(transactionalProducers)"
            + (compacts ? ", compacts" : "")
            + (deletesRecords ? ", deletes records" : "")
    }
}
