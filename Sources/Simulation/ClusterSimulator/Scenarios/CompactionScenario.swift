import KafkaProtocol
import KafkaRecords
import KafkaWire

/// A compacted partition: whatever the cleaner does and whenever it is cut off, the last value of
/// each key is there, no older one comes after it, and a deleted key stays deleted.
final class CompactionScenario: Scenario {
    private let world: SimulatedWorld
    private let admin: AdminWorkload
    private let client: SimulatedClient
    private let key = PartitionKey(topic: "keyed", partition: 0)
    private let workload: KeyedWorkload
    private var position: Int64 = 0
    private var found: [UInt8: UInt32?] = [:]
    private(set) var isChecked = false

    init(_ world: SimulatedWorld) {
        self.world = world
        admin = AdminWorkload(world)
        client = SimulatedClient(world, "keyed-reader")
        workload = KeyedWorkload(world, key, records: Int(world.draw(world.options.keyedRecords)))
    }

    func start() {
        let configs = [
            ("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0.01"),
            ("internal.segment.bytes", "\(min(world.options.segmentBytes, 4096))"),
            ("delete.retention.ms", "\(world.draw(0...20) * 1000)"),
            ("file.delete.delay.ms", "300"),
        ]
        admin.create(key.topic, partitions: 1, configs: configs) { [self] in workload.start() }
    }

    var isSettled: Bool { workload.isDone }
    var state: String { workload.state }

    func readAll() {
        let request = FetchRequest(
            maxWaitMs: 100, minBytes: 1, maxBytes: 1 << 20,
            topics: [
                .init(
                    topic: key.topic,
                    partitions: [
                        .init(
                            partition: key.partition, fetchOffset: position,
                            partitionMaxBytes: 30_000)
                    ])
            ])
        client.call(request, version: 12, to: .leader(key)) { [self] answer in
            let data = answer?.message.responses.first?.partitions.first
            if data?.errorCode == KafkaError.offsetOutOfRange.rawValue {
                isChecked = true
                return world.violation("\(key): offset \(position) is out of range")
            }
            guard let answer, let data, data.errorCode == 0 else {
                client.forgetRoutes()
                world.scheduler.after(100_000_000) { [self] in readAll() }
                return
            }
            let (records, next) = client.committedRecords(data, of: answer, from: position)
            for record in records { take(record) }
            position = next
            if position < data.highWatermark { return readAll() }
            // A new leader's high watermark may not be where the former one's was.
            guard position >= world.checker.committed(key) else {
                world.scheduler.after(100_000_000) { [self] in readAll() }
                return
            }
            check()
        }
    }

    private func take(_ record: Record) {
        guard let recordKey = record.key?.first, record.key?.count == 1 else {
            return world.violation("\(key): offset \(record.offset) has a key that nobody wrote")
        }
        let id = RecordID(record.value)
        if record.value != nil, id?.producer != UInt16(recordKey) {
            world.violation("\(key): offset \(record.offset) has another key's value")
        }
        found[recordKey] = .some(id?.number)
    }

    private func check() {
        for (recordKey, number) in workload.last.sorted(by: { $0.key < $1.key }) {
            let read = found[recordKey].flatMap { $0 }
            if read != number {
                world.violation(
                    "\(key): key \(recordKey) has \(read.map { "\($0)" } ?? "nothing"), written "
                        + "last was \(number.map { "\($0)" } ?? "a tombstone")")
            }
        }
        isChecked = true
    }
}
