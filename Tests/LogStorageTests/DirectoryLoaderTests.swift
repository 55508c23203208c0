import KafkaWire
import Testing

@testable import LogStorage

@Suite struct DirectoryLoaderTests {
    private let files = MemoryFileSystem()

    private func makeDirectory() throws {
        for name in [
            "a-0", "a-1", "b-c-0", "__cluster_metadata-0", "b-1.0f-delete", "b-2.0f-stray",
            "a-1.0f-future", "lost+found", "remote-log-index-cache",
        ] {
            try files.createDirectory("/d/\(name)")
        }
        try files.put("/d/recovery-point-offset-checkpoint", "0\n2\na 0 5\ngone 0 9\n")
        try files.put("/d/log-start-offset-checkpoint", "0\n1\na 0 3\n")
        try files.put("/d/replication-offset-checkpoint", "0\n1\na 0 4\n")
        try files.put("/d/.kafka_cleanshutdown", #"{"version":0,"brokerEpoch":7}"#)
    }

    @Test func thePlanNamesEveryDirectory() throws {
        try makeDirectory()
        let plan = try LogDirectoryLoader.plan("/d", in: files)
        #expect(plan.wasClean && plan.brokerEpoch == 7 && plan.damage.isEmpty)
        #expect(plan.current.map(\.name.name) == ["a-0", "a-1", "b-c-0"])
        let first = try #require(plan.current.first)
        #expect(first.path == "/d/a-0" && first.cleanShutdown)
        #expect(first.recoveryPoint == Offset(5) && first.logStartOffset == Offset(3))
        #expect(first.highWatermark == Offset(4))
        #expect(plan.current[1].recoveryPoint == .zero)
        #expect(plan.future.map(\.name.topicPartition.partition) == [1])
        #expect(plan.deleted == ["/d/b-1.0f-delete"] && plan.stray == ["/d/b-2.0f-stray"])
        #expect(plan.unknown == ["/d/lost+found"] && plan.holdsMetadataLog)
    }

    @Test func aCrashWhileLoadingIsACrash() throws {
        try makeDirectory()
        _ = try LogDirectoryLoader.plan("/d", in: files)
        let second = try LogDirectoryLoader.plan("/d", in: files)
        #expect(!second.wasClean && second.brokerEpoch == nil)
        #expect(second.current.allSatisfy { !$0.cleanShutdown })
    }

    @Test func damagedCheckpointsCountAsEmptyAndAreReported() throws {
        try makeDirectory()
        try files.put("/d/recovery-point-offset-checkpoint", "0\n9\n")
        try files.put("/d/log-start-offset-checkpoint", "what")
        let plan = try LogDirectoryLoader.plan("/d", in: files)
        #expect(plan.damage.count == 2)
        #expect(plan.current.first?.recoveryPoint == .zero)
        #expect(plan.current.first?.highWatermark == Offset(4))
    }

    @Test func aMissingDirectoryIsAnError() {
        #expect(throws: LogDirectoryError.self) {
            try LogDirectoryLoader.plan("/nowhere", in: files)
        }
    }

    @Test func theCleanStopIsProvenByAllDirectoriesTogether() throws {
        for (name, epoch) in [("a", 7), ("b", 7), ("c", 8)] {
            try files.put(
                "/\(name)/.kafka_cleanshutdown", #"{"version":0,"brokerEpoch":\#(epoch)}"#)
        }
        let a = try LogDirectoryLoader.plan("/a", in: files)
        let b = try LogDirectoryLoader.plan("/b", in: files)
        let c = try LogDirectoryLoader.plan("/c", in: files)
        let proven = LogDirectoryLoader.provenBrokerEpoch
        #expect(proven([a, b], 2) == 7)
        #expect(proven([a, b], 3) == nil)
        #expect(proven([a, b, c], 3) == nil)
        #expect(proven([], 0) == nil)
        #expect(proven([a, try LogDirectoryLoader.plan("/b", in: files)], 2) == nil)
    }

    @Test func partitionsAreRenamedWithinTheirDirectory() throws {
        try makeDirectory()
        var directories = try LogDirectories.open(["/d"], in: files)
        defer { directories.releaseLocks() }
        let directory = try #require(directories.directory(at: "/d"))
        let name = PartitionDirectoryName(TopicPartition(topic: "a", partition: 0))
        let deleted = PartitionDirectoryName(
            name.topicPartition, role: .delete, uniqueID: KafkaUUID(high: 1, low: 2))
        try directory.rename(name, to: deleted, in: files)
        let plan = try LogDirectoryLoader.plan("/d", in: files)
        #expect(!plan.current.contains { $0.name == name })
        #expect(plan.deleted.contains(directory.path(of: deleted)))
    }
}
