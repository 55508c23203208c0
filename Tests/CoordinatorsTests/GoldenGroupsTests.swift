import Foundation
import KafkaProtocol
import KafkaRecords
import KafkaWire
import Testing

@testable import Coordinators

/// `__consumer_offsets` as a real Kafka broker wrote it: what it says, and that we write it alike.
@Suite(.enabled(if: GoldenGroups.directory != nil))
struct GoldenGroupsTests {
    @Test(arguments: ["clean", "crashed"])
    func groupsAndOffsetsAreThoseOfTheManifest(_ kind: String) throws {
        let golden = try GoldenGroups(kind)
        defer { golden.remove() }
        var found: [String: GoldenGroups.Group] = [:]
        for log in try golden.logs() {
            let machine = GroupMachine(random: SystemRandomNumberGenerator())
            var replay = CoordinatorReplay()
            _ = try replay.replay(log.span.bytes, from: .zero, into: machine)
            for (name, group) in machine.groups {
                found[name] = .init(
                    group: name, state: group.common.stateName.uppercased(),
                    type: group.common.typeName.uppercased(),
                    committed: machine.offsets.committed.sorted(name).flatMap { topic, partitions in
                        partitions.map { number, commit in
                            .init(
                                topic: topic, partition: number, offset: commit.offset,
                                metadata: GoldenGroups.text(commit.metadata),
                                epoch: commit.leaderEpoch < 0 ? nil : commit.leaderEpoch)
                        }
                    })
            }
        }
        let wanted = try golden.groups()
        #expect(found.keys.sorted() == wanted.map(\.group).sorted())
        for group in wanted {
            let one = try #require(found[group.group])
            #expect(one.state == group.state && one.type == group.type, "\(group.group)")
            #expect(Set(one.committed) == Set(group.committed), "\(group.group)")
        }
    }

    @Test(arguments: ["clean", "crashed"])
    func recordsAreWrittenAsKafkaWritesThem(_ kind: String) throws {
        let golden = try GoldenGroups(kind)
        defer { golden.remove() }
        var compared = 0
        for log in try golden.logs() {
            var batches = BatchIterator(log.span.bytes)
            while let batch = try batches.next() {
                guard !batch.header.isControl else { continue }
                for record in try BatchReader.records(
                    log.span.bytes, at: batch.range.lowerBound, limit: 1 << 20)
                {
                    let key = try #require(record.key)
                    let decoded =
                        if let value = record.value {
                            try GroupRecord.decode(key: key.span.bytes, value: value.span.bytes)
                        } else {
                            try GroupRecord.decode(key: key.span.bytes, value: nil)
                        }
                    // Share groups are passed over.
                    guard let decoded else { continue }
                    #expect(try decoded.encodedKey() == Array(key), "\(record.offset)")
                    #expect(
                        try decoded.encodedValue() == record.value.map { Array($0) },
                        "\(record.offset)")
                    compared += 1
                }
            }
        }
        #expect(compared > 30)
    }
}

/// The files of a real broker, unpacked; `MARTLET_GOLDEN` names another place.
struct GoldenGroups {
    struct Commit: Hashable, Decodable {
        var topic: String
        var partition: Int32
        var offset: Int64
        var metadata: String?
        var epoch: Int32?
        enum CodingKeys: String, CodingKey {
            case topic, partition, offset, metadata
            case epoch = "leader_epoch"
        }
    }
    struct Group: Decodable {
        var group: String
        var state: String
        var type: String
        var committed: [Commit]
    }
    private struct Manifest: Decodable { var groups: [Group] }

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

    /// A commit's text as a Python client shows it, which writes a zero byte behind it.
    static func text(_ metadata: String) -> String? {
        metadata.isEmpty ? nil : metadata.hasSuffix("\0") ? String(metadata.dropLast()) : metadata
    }

    private let source: URL
    private let kind: String
    private let target: URL

    /// Unpacks the archive; `remove` takes it away again.
    init(_ kind: String) throws {
        source = try #require(Self.directory)
        self.kind = kind
        target = FileManager.default.temporaryDirectory
            .appendingPathComponent("martlet-groups-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        let tar = Process()
        tar.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        tar.arguments = [
            "tar", "-xSzf", source.appendingPathComponent("\(kind).tar.gz").path, "-C", target.path,
        ]
        try tar.run()
        tar.waitUntilExit()
        try #require(tar.terminationStatus == 0)
    }

    func remove() { try? FileManager.default.removeItem(at: target) }

    /// The logs of all partitions of `__consumer_offsets`, one segment each.
    func logs() throws -> [[UInt8]] {
        let folder = target.appendingPathComponent(kind)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasPrefix("__consumer_offsets-") }.sorted()
        try #require(!names.isEmpty)
        return try names.map { name in
            let file = folder.appendingPathComponent("\(name)/00000000000000000000.log")
            return Array(try Data(contentsOf: file))
        }
    }

    /// The groups of the manifest, with states and types as upper-case words.
    func groups() throws -> [Group] {
        let file = source.appendingPathComponent("\(kind).manifest.json")
        return try JSONDecoder().decode(Manifest.self, from: Data(contentsOf: file)).groups.map {
            var group = $0
            group.state = String(group.state.split(separator: ".").last ?? "")
            group.type = String(group.type.split(separator: ".").last ?? "")
            return group
        }
    }
}
