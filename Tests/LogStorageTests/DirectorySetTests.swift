import KafkaWire
import Testing

@testable import LogStorage

@Suite struct DirectorySetTests {
    private let files = MemoryFileSystem()
    private func id(_ number: UInt64) -> KafkaUUID { KafkaUUID(high: 1, low: number) }
    private func meta(
        _ node: Int32 = 1, cluster: String = "c", id: KafkaUUID? = nil
    ) -> MetaProperties {
        MetaProperties(clusterID: cluster, nodeID: BrokerID(node), directoryID: id)
    }
    private func format(_ directory: String, _ properties: MetaProperties) throws {
        try files.createDirectory(directory)
        try properties.write(to: directory, in: files)
    }
    private func ensemble(_ directories: [String], metadata: String? = nil)
        -> MetaPropertiesEnsemble
    {
        .load(directories: directories, metadataDirectory: metadata, from: files)
    }

    // MARK: Opening

    @Test func aSecondNodeIsRefusedByName() throws {
        var first = try LogDirectories.open(["/a", "/b/"], in: files)
        #expect(first.all.map(\.path) == ["/a", "/b"])
        let error = #expect(throws: LogDirectoryError.self) {
            try LogDirectories.open(["/c", "/b"], in: files)
        }
        #expect(error?.description.contains("log directory /b is in use by another node") == true)
        // The refused node keeps nothing locked.
        var third = try LogDirectories.open(["/c"], in: files)
        third.releaseLocks()
        first.releaseLocks()
        var second = try LogDirectories.open(["/b", "/a"], in: files)
        second.releaseLocks()
    }

    @Test func aDirectoryGivenTwiceIsAMistake() {
        #expect(throws: LogDirectoryError.self) {
            try LogDirectories.open(["/a", "/a/"], in: files)
        }
    }

    @Test func oneFailedDirectoryLeavesTheOthers() throws {
        var directories = try LogDirectories.open(["/a", "/b"], in: files)
        expect(directories.fail("/a", reason: "no space left"))
        expect(!directories.fail("/a", reason: "again"))
        #expect(directories.online.map(\.path) == ["/b"])
        #expect(directories.offline.map(\.reason) == ["no space left"])
        #expect(directories.directory(at: "/a")?.isOnline == false)
        // Its lock is free, so that an operator can look at it.
        var other = try LogDirectories.open(["/a"], in: files)
        other.releaseLocks()
    }

    @Test func newReplicasGoWhereFewestAre() throws {
        try format("/a", meta(id: id(200)))
        try format("/b", meta(id: id(201)))
        var directories = try LogDirectories.open(["/a", "/b", "/c"], in: files)
        directories.adopt(ensemble(["/a", "/b", "/c"]))
        #expect(directories.choices().map(\.path) == ["/a", "/b", "/c"])
        directories.countPartitions(2, in: "/a")
        directories.countPartitions(1, in: "/b")
        #expect(directories.choices().map(\.path) == ["/c", "/b", "/a"])
        #expect(directories.choices(preferring: id(200)).map(\.path) == ["/a"])
        #expect(directories.choices(preferring: id(999)).map(\.path) == ["/c", "/b", "/a"])
        directories.cordon(["/c"])
        #expect(directories.choices().map(\.path) == ["/b", "/a"])
        directories.cordon(["/a", "/b", "/c"])
        #expect(directories.choices().map(\.path) == ["/a"])
        directories.fail("/a", reason: "")
        #expect(directories.choices(preferring: id(200)).map(\.path) == ["/b"])
    }

    // MARK: meta.properties

    @Test func directoriesOfOneNodeAreConsistent() throws {
        try format("/a", meta(id: id(200)))
        try format("/b", meta(id: id(201)))
        let found = ensemble(["/a", "/b", "/empty"], metadata: "/a")
        try found.verify(clusterID: "c", nodeID: BrokerID(1), requireValid: true)
        #expect(found.emptyDirectories == ["/empty"])
        #expect(found.clusterID == "c" && found.nodeID == BrokerID(1))
        #expect(found.directoryID(of: "/b") == id(201))
        #expect(throws: LogDirectoryError.self) { try found.verify(clusterID: "other") }
        let error = #expect(throws: LogDirectoryError.self) {
            try found.verify(nodeID: BrokerID(2))
        }
        #expect(error?.description.contains("node.id is 1 where 2 is expected") == true)
    }

    @Test func directoriesThatDoNotBelongTogetherAreRefused() throws {
        try format("/a", meta(id: id(200)))
        try format("/node", meta(2, id: id(201)))
        try format("/cluster", meta(cluster: "d", id: id(202)))
        try format("/twin", meta(id: id(200)))
        try format("/reserved", meta(id: KafkaUUID(high: 0, low: 99)))
        for other in ["/node", "/cluster", "/twin", "/reserved"] {
            #expect(throws: LogDirectoryError.self) { try ensemble(["/a", other]).verify() }
        }
        #expect(throws: LogDirectoryError.self) { try ensemble(["/x"]).verify(requireValid: true) }
        try ensemble(["/x"]).verify()
    }

    @Test func aDamagedFileTakesItsDirectoryOffline() throws {
        try format("/a", meta(id: id(200)))
        try files.put("/b/meta.properties", "version=9\n")
        let found = ensemble(["/a", "/b"], metadata: "/a")
        try found.verify()
        var directories = try LogDirectories.open(["/a", "/b"], in: files)
        directories.adopt(found)
        #expect(directories.online.map(\.path) == ["/a"])
        #expect(directories.offline.first?.reason.contains("version is '9'") == true)
        #expect(throws: LogDirectoryError.self) {
            try ensemble(["/a", "/b"], metadata: "/b").verify()
        }
    }

    /// Draws the same id again and again.
    private struct Repeating: RandomNumberGenerator {
        var numbers: [UInt64]
        mutating func next() -> UInt64 { numbers.removeFirst() }
    }

    @Test func noIdIsGivenTwice() throws {
        var generator = Repeating(numbers: [1, 500, 1, 500, 1, 500, 1, 501])
        for directory in ["/a", "/b"] { try format(directory, meta()) }
        var found = ensemble(["/a", "/b"])
        found.complete(clusterID: nil, nodeID: nil, in: files, using: &generator)
        func drawn(_ low: UInt64) -> KafkaUUID { KafkaUUID(high: 0x4001, low: 1 << 63 | low) }
        #expect(found.directoryID(of: "/a") == drawn(500))
        #expect(found.directoryID(of: "/b") == drawn(501))
    }

    @Test func missingIdsAreGivenAndWritten() throws {
        var generator = SplitMix64(seed: 1)
        try format("/a", meta())
        try files.createDirectory("/new")
        var found = ensemble(["/a", "/new"])
        found.complete(clusterID: nil, nodeID: nil, in: files, using: &generator)
        let ids = ["/a", "/new"].compactMap { found.directoryID(of: $0) }
        #expect(Set(ids).count == 2)
        let again = ensemble(["/a", "/new"])
        try again.verify(clusterID: "c", nodeID: BrokerID(1), requireValid: true)
        #expect(["/a", "/new"].compactMap { again.directoryID(of: $0) } == ids)
    }
}
