import KafkaProtocol
import KafkaWire
import LogStorage
import Testing

@testable import BrokerCore

/// Directories of partitions that a process finds when it starts: copies that were on their way,
/// and what belongs to nothing any more.
@Suite struct LeftoverDirectoryTests {
    private let texts = (0..<6).map { "v\($0)" }

    /// A node whose partition of six records lies in `directory`.
    static func node(in directory: String) throws -> TestNode {
        let node = try ReplicaMoveTests.makeNode()
        if try ReplicaMoveTests.cell(node).logDirectory != directory {
            #expect(try ReplicaMoveTests.alter(node, to: directory) == KafkaError.none)
            ReplicaMoveTests.run(node, ReplicaMover(surroundings: node.controller.surroundings))
            node.advance(ms: 60_001)
            node.removeDueFiles()
        }
        #expect(try ReplicaMoveTests.cell(node).logDirectory == directory)
        return node
    }

    private func future(_ topic: String) -> String {
        PartitionDirectoryName(
            TopicPartition(topic: topic, partition: 0), role: .future,
            uniqueID: KafkaUUID(high: 1, low: 2)
        ).name
    }

    private func start(_ files: MemoryFileSystem, after node: TestNode) throws -> TestNode {
        try TestNode(
            on: files, clock: node.clock, directories: ReplicaMoveTests.directories, seed: 2)
    }

    private func errors(_ node: TestNode) -> [KafkaError] {
        node.view.directories.statuses().map(\.error)
    }

    @Test func copiesOfNothingAreRemoved() throws {
        let node = try Self.node(in: "/b")
        node.stop()
        let files = node.fileSystem
        // Of a topic that is no more, and beside the very replica that it would be a copy of.
        try files.createDirectory("/b/\(future("gone"))")
        try files.createDirectory("/b/\(future("words"))")
        let next = try start(files, after: node)
        let names = try files.list("/b").filter { $0.contains("-delete") }
        #expect(names.count == 2)
        next.removeDueFiles()
        #expect(try files.list("/b").filter { $0.contains("-0") } == ["words-0"])
        #expect(try ReplicaMoveTests.texts(next) == texts)
        #expect(errors(next) == [.none, .none])
    }

    @Test func theOnlyCopyThatIsLeftCounts() throws {
        let node = try Self.node(in: "/b")
        node.stop()
        try node.fileSystem.rename("/b/words-0", to: "/b/\(future("words"))")
        let next = try start(node.fileSystem, after: node)
        #expect(next.reports.all.contains { $0.contains("is all that is left of words-0") })
        #expect(try ReplicaMoveTests.names(next.fileSystem) == ["/b/words-0"])
        #expect(try ReplicaMoveTests.texts(next) == texts)
    }

    /// A directory is offline when what lies in it cannot be given its name.
    @Test(arguments: ["words-0.", "gone-0.", "gone-0"])
    func whatCannotBeRenamedTakesItsDirectoryOffline(_ prefix: String) throws {
        let node = try Self.node(in: "/b")
        node.stop()
        let files = node.fileSystem
        switch prefix {
        case "words-0.": try files.rename("/b/words-0", to: "/b/\(future("words"))")
        case "gone-0.": try files.createDirectory("/b/\(future("gone"))")
        default: try files.createDirectory("/b/gone-0")
        }
        files.fail(.init(operation: "rename", prefix: "/b/" + prefix, isPermanent: true))
        let away = try start(files, after: node)
        #expect(errors(away) == [.none, .kafkaStorageError])
        #expect(away.failure == nil)
        #expect(try ReplicaMoveTests.write(6, away.connect()).0 == .kafkaStorageError)
        files.fail(nil)
        let back = try away.restartedAfterKill()
        #expect(errors(back) == [.none, .none])
        #expect(try ReplicaMoveTests.texts(back) == texts)
    }

    /// The original is in a directory that is away: its copy is no replica yet.
    @Test func aCopyWaitsForItsOriginal() throws {
        let node = try Self.node(in: "/b")
        #expect(try ReplicaMoveTests.alter(node, to: "/a") == KafkaError.none)
        let files = node.fileSystem.afterKill()
        try files.rename("/b", to: "/unplugged")
        files.fail(.init(prefix: "/b", isPermanent: true))
        let away = try start(files, after: node)
        #expect(try ReplicaMoveTests.write(6, away.connect()).0 == .kafkaStorageError)
        files.fail(nil)
        try files.rename("/unplugged", to: "/b")
        let back = try away.restartedAfterKill()
        #expect(try ReplicaMoveTests.texts(back) == texts)
        ReplicaMoveTests.run(back, ReplicaMover(surroundings: back.controller.surroundings))
        #expect(try ReplicaMoveTests.cell(back).logDirectory == "/a")
        #expect(try ReplicaMoveTests.texts(back) == texts)
    }

    @Test func aCopyThatCannotBeOpenedTakesItsDirectoryOffline() throws {
        let node = try Self.node(in: "/a")
        #expect(try ReplicaMoveTests.alter(node, to: "/b") == KafkaError.none)
        let files = node.fileSystem.afterKill()
        files.fail(.init(operation: "read", prefix: "/b/words-0.", isPermanent: true))
        let away = try start(files, after: node)
        #expect(errors(away) == [.none, .kafkaStorageError])
        #expect(try ReplicaMoveTests.texts(away) == texts)
        files.fail(nil)
        let back = try away.restartedAfterKill()
        ReplicaMoveTests.run(back, ReplicaMover(surroundings: back.controller.surroundings))
        #expect(try ReplicaMoveTests.cell(back).logDirectory == "/b")
        #expect(try ReplicaMoveTests.texts(back) == texts)
    }
}
