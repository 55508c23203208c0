import Testing

@testable import LogStorage

@Suite struct RetentionDeletionTests {
    @Test func filesGoWhenTheyAreDue() throws {
        let files = MemoryFileSystem()
        try files.createDirectory("/d/sub")
        for name in ["/d/a.deleted", "/d/b.deleted", "/d/sub/c"] {
            try files.put(name, [1])
        }
        var pending = PendingDeletions()
        pending.add("/d/b.deleted", due: 20)
        pending.add("/d/a.deleted", due: 10)
        pending.add("/d/gone", due: 10)
        pending.add("/d/sub", due: 30, isDirectory: true)
        #expect(pending.nextDue == 10)
        expect(pending.removeDue(9, in: files) == nil)
        #expect(try files.list("/d") == ["a.deleted", "b.deleted", "sub"])
        expect(pending.removeDue(10, in: files) == nil)
        #expect(try files.list("/d") == ["b.deleted", "sub"])
        var taken = pending.takeDue(25)
        #expect(pending.nextDue == 30)
        expect(taken.removeDue(25, in: files) == nil)
        expect(pending.removeDue(40, in: files) == nil)
        #expect(pending.isEmpty)
        #expect(try files.list("/d").isEmpty)
    }
}
