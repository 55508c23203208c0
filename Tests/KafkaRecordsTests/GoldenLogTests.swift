import Foundation
import KafkaWire
import Testing

@testable import KafkaRecords

/// Log files that a real Kafka broker wrote, beside the repository; `MARTLET_GOLDEN` names another
/// place.
private enum Golden {
    static let directory: URL? = {
        let environment = ProcessInfo.processInfo.environment["MARTLET_GOLDEN"].map {
            URL(fileURLWithPath: $0)
        }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let beside = root.deletingLastPathComponent().appendingPathComponent("shared/golden")
        return [environment, beside].compactMap { $0 }.first {
            FileManager.default.fileExists(
                atPath: $0.appendingPathComponent("clean.tar.gz").path)
        }
    }()

    static let isPresent = directory != nil
    static let whyNot: Comment =
        "needs the files of a real broker in ../shared/golden or at MARTLET_GOLDEN"

    /// Unpacks the archive to a new directory, which the caller removes.
    static func unpack(_ name: String) throws -> URL {
        let source = try #require(directory).appendingPathComponent("\(name).tar.gz")
        let target = FileManager.default.temporaryDirectory
            .appendingPathComponent("martlet-golden-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        let tar = Process()
        tar.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        tar.arguments = ["tar", "-xSzf", source.path, "-C", target.path]
        try tar.run()
        tar.waitUntilExit()
        try #require(tar.terminationStatus == 0)
        return target.appendingPathComponent(name)
    }

    static func manifest(_ name: String) throws -> Manifest {
        let file = try #require(directory).appendingPathComponent("\(name).manifest.json")
        return try JSONDecoder().decode(Manifest.self, from: Data(contentsOf: file))
    }
}

/// What `NAME.manifest.json` says was read from each partition.
private struct Manifest: Decodable {
    struct Topic: Decodable {
        var uncommitted: [String: Partition]?
        enum CodingKeys: String, CodingKey { case uncommitted = "read_uncommitted" }
    }
    struct Partition: Decodable {
        var low: Int64
        var high: Int64
        var records: [Item]
    }
    struct Item: Decodable {
        var offset: Int64
        var ts: Int64
        var tstype: Int
        var key: Text
        var value: Text
        var headers: [[Text]]
    }
    var topics: [String: Topic]
}

/// Text, `null`, `{"b64": ...}`, or the length and the first characters.
private enum Text: Decodable, Equatable {
    case null
    case bytes([UInt8])
    case summary(count: Int, head: [UInt8])

    private struct Object: Decodable {
        var b64: String?
        var len: Int?
        var head: String?
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let text = try? container.decode(String.self) {
            self = .bytes(Array(text.utf8))
        } else {
            let object = try container.decode(Object.self)
            if let text = object.b64, let data = Data(base64Encoded: text) {
                self = .bytes([UInt8](data))
            } else {
                self = .summary(count: object.len ?? -1, head: Array((object.head ?? "").utf8))
            }
        }
    }

    func matches(_ bytes: [UInt8]?) -> Bool {
        switch self {
        case .null: bytes == nil
        case .bytes(let own): bytes == own
        case .summary(let count, let head):
            bytes?.count == count && bytes?.starts(with: head) == true
        }
    }
}

@Suite("Logs of a real broker", .enabled(if: Golden.isPresent, Golden.whyNot))
struct GoldenLogTests {
    @Test(arguments: ["clean", "crashed"])
    func everyRecordIsRead(name: String) throws {
        let directory = try Golden.unpack(name)
        defer { try? FileManager.default.removeItem(at: directory.deletingLastPathComponent()) }
        var compared = 0
        for (topic, description) in try Golden.manifest(name).topics {
            for (partition, expected) in description.uncommitted ?? [:] {
                let log = directory.appendingPathComponent("\(topic)-\(partition)")
                let found = try read(log).filter { $0.record.offset.rawValue >= expected.low }
                #expect(found.map(\.record.offset.rawValue) == expected.records.map(\.offset))
                for ((header, record), item) in zip(found, expected.records) {
                    compare(record, header, item, "\(topic)-\(partition)")
                }
                compared += expected.records.count
            }
        }
        #expect(compared > 2_600, "\(compared) records were compared")
    }

    private func compare(
        _ record: Record, _ header: RecordBatchHeader, _ item: Manifest.Item, _ log: String
    ) {
        let place: Comment = "\(log) at \(record.offset)"
        #expect(record.timestamp == item.ts, place)
        #expect(Int(header.timestampType.rawValue) + 1 == item.tstype, place)
        #expect(item.key.matches(record.key) && item.value.matches(record.value), place)
        #expect(record.headers.count == item.headers.count, place)
        for (own, theirs) in zip(record.headers, item.headers) {
            #expect(theirs[0].matches(Array(own.key.utf8)) && theirs[1].matches(own.value), place)
        }
    }

    /// The records for consumers in all segments of a partition.
    private func read(_ log: URL) throws -> [(header: RecordBatchHeader, record: Record)] {
        try segments(log).flatMap { segment in
            try walk(segment).filter { !$0.header.isControl }.flatMap { batch in
                batch.records.map { (batch.header, $0) }
            }
        }
    }

    private func segments(_ log: URL) throws -> [[UInt8]] {
        try FileManager.default.contentsOfDirectory(atPath: log.path)
            .filter { $0.hasSuffix(".log") || $0.hasSuffix(".checkpoint") }
            .filter { $0 != "leader-epoch-checkpoint" }.sorted()
            .map { [UInt8](try Data(contentsOf: log.appendingPathComponent($0))) }
    }

    /// Every batch in the archive: markers, the coordinators' topics, the quorum's log and
    /// snapshots.
    @Test(arguments: ["clean", "crashed"])
    func everyBatchIsRead(name: String) throws {
        let directory = try Golden.unpack(name)
        defer { try? FileManager.default.removeItem(at: directory.deletingLastPathComponent()) }
        var markers = 0
        var types: Set<ControlRecordType> = []
        for child in try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted() {
            let log = directory.appendingPathComponent(child)
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: log.path, isDirectory: &isDirectory),
                isDirectory.boolValue
            else { continue }
            for batch in try segments(log).flatMap({ try walk($0) }) where batch.header.isControl {
                for record in batch.records {
                    if try TransactionMarker(record) != nil { markers += 1 }
                    if let type = try ControlRecordType.parse(record) { types.insert(type) }
                }
            }
        }
        #expect(markers >= 6)
        #expect(types.isSuperset(of: [.commit, .abort, .leaderChange, .snapshotHeader]))
    }

    /// An uncompressed batch of a real broker, decoded and built again, has the same bytes.
    @Test func rebuiltBatchesAreTheSame() throws {
        let directory = try Golden.unpack("clean")
        defer { try? FileManager.default.removeItem(at: directory.deletingLastPathComponent()) }
        var rebuilt = 0
        for log in ["plain-0", "plain6-0", "idem-0", "txn-0", "txn-1", "segs1m-0"] {
            for segment in try segments(directory.appendingPathComponent(log)) {
                var batches = BatchIterator(segment.span.bytes)
                while let batch = try batches.next() {
                    guard batch.header.compression == .none else { continue }
                    let original = Array(segment[batch.range])
                    var builder = RecordBatchBuilder(.init(like: batch.header))
                    for record in try records(original) { builder.append(record) }
                    let bytes = try builder.finish(lastOffset: batch.header.lastOffset)
                    #expect(bytes == original, "\(log) at \(batch.header.baseOffset)")
                    rebuilt += 1
                }
            }
        }
        #expect(rebuilt > 50, "\(rebuilt) batches")
    }
}
