import Foundation
import LogStorage
import PosixFiles
import Testing

/// What the operating system tells of its cache.
@Suite struct CachedReadTests {
    @Test func aFileIsCachedOnceItIsPrefetched() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/cached-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let system = PosixFileSystem()
        try system.createDirectory(folder)
        let file = try system.open(folder + "/data", .create)
        let bytes = [UInt8](repeating: 7, count: 1 << 20)
        try file.write(bytes.span.bytes, at: 0)
        #expect(file.isCached(at: 0, count: bytes.count))
        try file.sync()
        let descriptor = try #require(file.descriptor)
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)

        #expect(!file.isCached(at: 0, count: bytes.count))
        #expect(!file.isCached(at: 300_000, count: 10))
        var small = [UInt8](repeating: 0, count: 100)
        let missing = try small.withUnsafeMutableBytes { try file.readCached(at: 5000, into: $0) }
        #expect(missing == nil)

        try file.prefetch(at: 0, count: bytes.count)
        #expect(file.isCached(at: 0, count: bytes.count))
        let found = try small.withUnsafeMutableBytes { try file.readCached(at: 5000, into: $0) }
        #expect(found == 100)
        #expect(small.allSatisfy { $0 == 7 })
        let end = try small.withUnsafeMutableBytes {
            try file.readCached(at: bytes.count - 10, into: $0)
        }
        #expect(end == 10, "the end of the file is not a miss")
    }
}
