import Testing

@testable import LogStorage

/// The file system that tests and simulation stand on behaves as POSIX has it.
@Suite struct MemoryFileSystemTests {
    private let files = MemoryFileSystem()

    @Test func aDirectoryGoesOnlyWhenItIsEmpty() throws {
        try files.put("/d/a", [1])
        let error = #expect(throws: FileError.self) { try files.remove("/d") }
        #expect(error?.code == 39)
        #expect(try files.list("/d") == ["a"])
        try files.remove("/d/a")
        try files.remove("/d")
        #expect(try files.status("/d") == nil)
    }

    @Test func aFileMovesToAnotherDirectory() throws {
        try files.put("/a/x", [7])
        try files.createDirectory("/b")
        for directory in ["/", "/a", "/b"] { try files.syncDirectory(directory) }
        try files.rename("/a/x", to: "/b/y")
        #expect(try files.list("/a").isEmpty && files.list("/b") == ["y"])
        let before = files.afterPowerCut()
        #expect(try before.list("/a") == ["x"] && before.list("/b").isEmpty)
        for directory in ["/a", "/b"] { try files.syncDirectory(directory) }
        let after = files.afterPowerCut()
        #expect(try after.list("/a").isEmpty)
        #expect(try after.open("/b/y", .read).readBytes(at: 0, count: 9) == [7])
    }

    /// Ten writes make 1024 cases; losing one and keeping one of each make 22.
    @Test func whatIsTooMuchToTryIsDrawnUpToTheLimit() throws {
        for number in 0..<10 { try files.put("/\(number)", []) }
        for number in 0..<10 {
            let byte: [UInt8] = [7]
            // Bytes have no padding.
            try unsafe files.open("/\(number)", .readWrite).write(byte.span.bytes, at: 0)
        }
        /// The files of which the write is left.
        func cases() throws -> [[String]] {
            try PowerCuts(of: files, limit: 40).map { left in
                try left.list("/").filter { try left.status("/" + $0)?.size == 1 }
            }
        }
        #expect(!PowerCuts(of: files, limit: 40).isComplete)
        let found = try cases()
        #expect(found.count == 40)
        #expect(found[0].isEmpty && found[1].count == 10)
        #expect(found.contains { (2...8).contains($0.count) })
        #expect(try cases() == found)
    }
}
