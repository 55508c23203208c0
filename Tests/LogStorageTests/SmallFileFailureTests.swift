import KafkaWire
import Testing

@testable import LogStorage

/// What callers are told when the small files of a log directory cannot be read or written.
@Suite struct SmallFileFailureTests {
    private let files = MemoryFileSystem()
    private let partition = TopicPartition(topic: "t", partition: 0)

    private func isIO(_ body: () throws -> Void) -> Bool {
        do {
            try body()
        } catch LogDirectoryError.io {
            return true
        } catch {}
        return false
    }

    @Test func aFileThatCannotBeReadIsNotTakenForAMissingOne() throws {
        let checkpoint = OffsetCheckpoint(.recoveryPoint, in: "/d", fileSystem: files)
        let marker = CleanShutdownFile(in: "/d", fileSystem: files)
        try files.createDirectory("/d")
        try checkpoint.write([partition: Offset(7)])
        try marker.write(brokerEpoch: 3)
        files.fail(.init(operation: "read", isPermanent: true))
        #expect(isIO { _ = try checkpoint.read() })
        #expect(isIO { _ = try marker.read() })
        #expect(isIO { _ = try marker.take() })
        #expect(throws: FileError.self) { try checkpoint.remove([partition]) }
        files.fail(nil)
        #expect(try checkpoint.read() == [partition: Offset(7)])
        #expect(try marker.read() == CleanShutdownFile.Content(brokerEpoch: 3))
    }

    @Test func aDamagedCheckpointHoldsNothingThatCouldBeRemoved() throws {
        let checkpoint = OffsetCheckpoint(.recoveryPoint, in: "/d", fileSystem: files)
        try files.put(checkpoint.path, "9\n")
        try checkpoint.remove([partition])
        #expect(try files.text(checkpoint.path) == "9\n")
    }

    /// A start that could not take the marker away must not go on: the next crash would pass for an
    /// orderly stop.
    @Test(arguments: ["remove", "syncDirectory"])
    func aMarkerThatCannotBeRemovedIsAnError(operation: String) throws {
        let marker = CleanShutdownFile(in: "/d", fileSystem: files)
        try files.createDirectory("/d")
        try marker.write(brokerEpoch: 3)
        files.fail(.init(operation: operation))
        #expect(isIO { _ = try marker.take() })
    }

    @Test func aNodeWithoutAUsableDirectoryDoesNotStart() {
        files.fail(.init(operation: "createDirectory", isPermanent: true))
        let error = #expect(throws: LogDirectoryError.self) {
            try LogDirectories.open(["/a", "/b"], in: files)
        }
        let text = error?.description ?? ""
        #expect(text.contains("none of the log directories can be used: /a: "))
        #expect(text.contains("; /b: "))
    }

    @Test func aFileThatCannotBeRemovedDoesNotKeepTheOthers() throws {
        try files.createDirectory("/d")
        for name in ["a", "b", "c"] { try files.put("/d/\(name)", [1]) }
        var pending = PendingDeletions()
        for name in ["a", "b", "c"] { pending.add("/d/\(name)", due: 10) }
        files.fail(.init(operation: "remove", suffix: "/b"))
        let failure = pending.removeDue(10, in: files)
        #expect(failure?.path == "/d/b")
        #expect(try files.list("/d") == ["b"])
        #expect(pending.isEmpty)
    }
}
