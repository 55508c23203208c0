import ClusterController
import Foundation
import KafkaProtocol
import KafkaWire
import MetadataQuorum

/// Measures one controller's image of a large cluster: `imagescale PARTITIONS [BROKERS]` prints
/// bytes of memory a partition; milliseconds to read a snapshot file and replay it, to decide over
/// the loss of a broker, to replay what was decided, to write the snapshot; the records of that
/// decision.

/// Topics of this many partitions, each on three brokers.
let partitionsPerTopic = 100
let level = MetadataVersion.latestProduction

func directory(of broker: Int) -> KafkaUUID { KafkaUUID(high: 1, low: UInt64(broker) + 1000) }

func clusterRecords(brokers: Int) -> [MetadataRecord] {
    let feature = FeatureLevelRecord(
        name: MetadataVersion.featureName, featureLevel: level.rawValue)
    return [.featureLevelRecord(feature)]
        + (0..<brokers).map { broker in
            var record = RegisterBrokerRecord()
            record.brokerID = Int32(broker)
            record.brokerEpoch = Int64(broker)
            record.fenced = false
            record.rack = "zone-\(broker % 3)"
            record.endPoints = [.init(name: "PLAINTEXT", host: "broker-\(broker)", port: 9092)]
            record.logDirs = [directory(of: broker)]
            return .registerBrokerRecord(record)
        }
}

func topicRecords(_ topic: Int, brokers: Int) -> [MetadataRecord] {
    let id = KafkaUUID(high: 2, low: UInt64(topic) + 1)
    return [.topicRecord(TopicRecord(name: "topic-\(topic)", topicID: id))]
        + (0..<partitionsPerTopic).map { number in
            let first = topic * 7 + number
            // Where its followers are differs from partition to partition, as placement has it.
            let step = 1 + (topic + number / 10) % (brokers / 3)
            let replicas = (0..<3).map { (first + $0 * step) % brokers }
            var record = PartitionRecord()
            record.partitionID = Int32(number)
            record.topicID = id
            record.replicas = replicas.map { Int32($0) }
            record.isr = record.replicas
            record.leader = record.replicas[0]
            record.directories = replicas.map { directory(of: $0) }
            return .partitionRecord(record)
        }
}

func residentBytes() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    let pages = status.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
}

func milliseconds<T>(_ body: () throws -> T) rethrows -> (Double, T) {
    let clock = ContinuousClock()
    let begun = clock.now
    let value = try body()
    let spent = (clock.now - begun).components
    return (Double(spent.seconds) * 1e3 + Double(spent.attoseconds) / 1e15, value)
}

let arguments = CommandLine.arguments.dropFirst().map { Int($0) ?? 0 }
let count = arguments.first ?? 0
let brokers = arguments.count > 1 ? arguments[1] : 1000
guard count >= partitionsPerTopic, brokers >= 6 else {
    print("usage: imagescale PARTITIONS [BROKERS]: \(partitionsPerTopic) or more, 6 or more")
    exit(1)
}
let path = NSTemporaryDirectory() + "imagescale-\(getpid()).checkpoint"
defer { try? FileManager.default.removeItem(atPath: path) }

let before = residentBytes()
var image = MetadataImage.empty
try image.replay(clusterRecords(brokers: brokers))
for topic in 0..<count / partitionsPerTopic {
    try image.replay(topicRecords(topic, brokers: brokers))
}
let memory = residentBytes() - before

let (writing, _) = try milliseconds {
    let contents = SnapshotContents(records: image.snapshotRecords())
    let bytes = try contents.encoded(epoch: LeaderEpoch(1), now: 1) { level.version(of: $0) }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
}
let (reading, read) = try milliseconds {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    var read = MetadataImage.empty
    try read.replay(try SnapshotContents(decoding: bytes, path: path).records)
    return read
}
guard read == image else {
    print("the snapshot gave another image")
    exit(1)
}
let controller = Controller(
    image: image, settings: ControllerSettings(nodeID: 1, clusterID: "scale"))
let (deciding, decision) = milliseconds { controller.fenceBroker(Int32(brokers / 2)) }
let (replaying, _) = try milliseconds { try image.replay(decision.records) }
let figures = [reading, deciding, replaying, writing].map { String(format: "%.2f", $0) }
print(memory / image.topics.partitionCount, figures.joined(separator: " "), decision.records.count)
