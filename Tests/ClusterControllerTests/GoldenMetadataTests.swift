import Foundation
import KafkaProtocol
import KafkaRecords
import KafkaWire
import Testing

@testable import ClusterController

/// The metadata log that a real Kafka broker wrote, beside the repository; `MARTLET_GOLDEN` names
/// another place.
private enum Golden {
    static let directory: URL? = {
        let package = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let environment = ProcessInfo.processInfo.environment["MARTLET_GOLDEN"].map {
            URL(filePath: $0)
        }
        let places =
            environment.map { [$0] } ?? [
                package.appending(path: "../shared/golden"),
                package.appending(path: "../../shared/golden"),
            ]
        return places.first {
            FileManager.default.fileExists(atPath: $0.appending(path: "clean.tar.gz").path)
        }
    }()
    static let reason: Comment =
        "needs the files of a real broker in ../shared/golden or at MARTLET_GOLDEN"
}

/// One record with the offset it was written at.
private struct LoggedRecord {
    var offset: Int64
    var value: [UInt8]
    var record: MetadataRecord
}

/// The unpacked metadata log of one archive.
private struct MetadataFiles {
    /// Data records of the log, in order.
    var log: [LoggedRecord] = []
    /// Data records of each snapshot, by the offset at which it ends.
    var snapshots: [Int64: [LoggedRecord]] = [:]
    var manifest: [String: Any] = [:]

    init(_ name: String) throws {
        let golden = try #require(Golden.directory)
        let root = FileManager.default.temporaryDirectory
            .appending(path: "martlet-golden-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: root) }
        let tar = Process()
        tar.executableURL = URL(filePath: "/usr/bin/env")
        tar.arguments = [
            "tar", "xSzf", golden.appending(path: "\(name).tar.gz").path, "-C", root.path,
            "--wildcards", "*/__cluster_metadata-0/*",
        ]
        try tar.run()
        tar.waitUntilExit()
        try #require(tar.terminationStatus == 0)
        let folder = root.appending(path: "\(name)/__cluster_metadata-0")
        for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            let bytes = [UInt8](try Data(contentsOf: folder.appending(path: file)))
            if file.hasSuffix(".log") {
                log = try Self.records(bytes)
            } else if file.hasSuffix(".checkpoint") {
                let end = try #require(Int64(file.prefix(20)))
                snapshots[end] = try Self.records(bytes)
            }
        }
        let text = try Data(contentsOf: golden.appending(path: "\(name).manifest.json"))
        manifest = try #require(
            try JSONSerialization.jsonObject(with: text) as? [String: Any])
    }

    private static func records(_ bytes: [UInt8]) throws -> [LoggedRecord] {
        var found: [LoggedRecord] = []
        var iterator = BatchIterator(bytes.span.bytes)
        while let batch = try iterator.next() {
            if batch.header.isControl { continue }
            let records = try BatchReader.records(
                bytes.span.bytes, at: batch.range.lowerBound, limit: 1 << 20)
            for record in records {
                let value = try #require(record.value)
                found.append(
                    LoggedRecord(
                        offset: record.offset.rawValue, value: value,
                        record: try MetadataRecord(decoding: value)))
            }
        }
        return found
    }

    /// The image that the log gives up to `end`.
    func image(upTo end: Int64 = .max) throws -> MetadataImage {
        var image = MetadataImage.empty
        try image.replay(log.filter { $0.offset < end }.map(\.record))
        return image
    }
}

@Suite(.enabled(if: Golden.directory != nil, Golden.reason))
struct GoldenMetadataTests {
    @Test(arguments: ["clean", "crashed"])
    func theLogGivesWhatTheManifestSays(name: String) throws {
        let files = try MetadataFiles(name)
        let image = try files.image()
        #expect(!image.isInTransaction)
        let topics = try #require(files.manifest["topics"] as? [String: [String: Any]])
        #expect(image.topics.names == topics.keys.sorted())
        for (topic, expected) in topics {
            let partitions = try #require(expected["partitions"] as? Int)
            #expect(image.topics[topic]?.partitions.map(\.id) == (0..<Int32(partitions)).map { $0 })
            let configs = try #require(expected["configs"] as? [String: String])
            #expect(image.configs[.topic(topic)] == configs, "configs of \(topic)")
        }
        let scram = try #require(files.manifest["scram"] as? [String: [[Any]]])
        let described = image.describeUserScramCredentials(.init(users: nil)).results
        #expect(described.map(\.user) == scram.keys.sorted())
        for result in described {
            let credential = try #require(scram[result.user]?.first)
            #expect(result.credentialInfos.map(\.iterations) == [credential[1] as? Int32])
        }
        let acls = try #require(files.manifest["acls"] as? [[String]])
        let names = image.security.acls.unorderedValues.map {
            [$0.resourceName, $0.principal, $0.host]
        }
        #expect(Set(names) == Set(acls.map { [$0[1], $0[3], $0[4]] }))
        let levels = image.features.finalized.map { "\($0.name)=\($0.level)" }
        #expect(
            levels == [
                "eligible.leader.replicas.version=1", "group.version=1", "metadata.version=30",
                "share.version=1", "streams.version=1", "transaction.version=2",
            ])
        try checkQuotas(of: image)
    }

    private func checkQuotas(of image: MetadataImage) throws {
        let quotas = image.quotas.entities.flatMap { entity in
            image.quotas[entity].sorted { $0.key < $1.key }.map { key, value in
                let parts = entity.parts.map { "\($0.type)=\($0.name ?? "<default>")" }
                return "\(parts.joined(separator: ",")) \(key)=\(value)"
            }
        }
        #expect(
            quotas == [
                "client-id=<default> producer_byte_rate=5000000.0",
                "client-id=c1,user=alice request_percentage=55.5",
                "ip=10.1.2.3 connection_creation_rate=50.0",
                "user=alice consumer_byte_rate=2000000.0",
                "user=alice producer_byte_rate=1000000.0",
            ])
        #expect(
            image.configs[.init(.clientMetrics, "cm1")] == [
                "interval.ms": "60000", "match": "client_software_name=apache-kafka-java",
                "metrics": "org.apache.kafka.producer.",
            ])
        #expect(image.configs[.broker(1)] == ["log.cleaner.threads": "2"])
        #expect(
            image.configs[.allBrokers] == [
                "message.max.bytes": "1100000", "min.insync.replicas": "1",
            ])
    }

    /// Each of Kafka's snapshots says the same as the log before it.
    @Test(arguments: ["clean", "crashed"])
    func snapshotsAgreeWithTheLog(name: String) throws {
        let files = try MetadataFiles(name)
        #expect(files.snapshots.count >= 5)
        for (end, records) in files.snapshots where end > 0 {
            var fromSnapshot = MetadataImage.empty
            try fromSnapshot.replay(records.map(\.record))
            let fromLog = try files.image(upTo: end)
            #expect(fromSnapshot == fromLog, "snapshot at \(end)")
        }
    }

    /// A snapshot of ours holds the very bytes that Kafka's does, but for the order.
    @Test(arguments: ["clean", "crashed"])
    func snapshotsAreKafkasByteForByte(name: String) throws {
        let files = try MetadataFiles(name)
        for (end, records) in files.snapshots where end > 0 {
            let image = try files.image(upTo: end)
            let ours = try image.snapshotRecords().map {
                try $0.encoded(version: image.metadataVersion.version(of: $0))
            }
            #expect(ours.first == records.first?.value)
            // Registrations list their features in no set order: they are compared decoded.
            let isRegistration = { (value: [UInt8]) in value[1] == 0 || value[1] == 27 }
            #expect(
                Set(ours.filter { !isRegistration($0) })
                    == Set(records.map(\.value).filter { !isRegistration($0) }),
                "snapshot at \(end)")
            #expect(ours.count == records.count)
            #expect(
                ours.filter(isRegistration).map(\.count)
                    == records.map(\.value).filter(isRegistration).map(\.count))
        }
    }

    /// Every record of the log comes out as it went in.
    @Test(arguments: ["clean", "crashed"])
    func recordsAreWrittenAsKafkaWroteThem(name: String) throws {
        let files = try MetadataFiles(name)
        for logged in files.log {
            let version = Int16(logged.value[2])
            #expect(try logged.record.encoded(version: version) == logged.value)
        }
    }
}
