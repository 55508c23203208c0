import Foundation
import PosixFiles
import Testing

@testable import LogStorage

/// The lock file against the operating system's own locks.
@Suite struct DirectoryLockTests {
    @Test func aLockKeepsOthersOutUntilItIsReleased() throws {
        let directory = NSTemporaryDirectory() + "martlet-lock-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let files = PosixFileSystem()
        var first = try LogDirectories.open([directory], in: files)
        let error = #expect(throws: LogDirectoryError.self) {
            try LogDirectories.open([directory], in: files)
        }
        #expect(error?.description.contains(directory) == true)
        // Java's locks are record locks of the process: they meet ours.
        #expect(try holdsRecordLock(directory + "/.lock"))
        first.releaseLocks()
        #expect(try !holdsRecordLock(directory + "/.lock"))
        var second = try LogDirectories.open([directory], in: files)
        second.releaseLocks()
    }

    /// Whether a classic `fcntl` lock on the whole file would be refused.
    private func holdsRecordLock(_ path: String) throws -> Bool {
        let descriptor = Glibc.open(path, O_RDWR)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var range = flock()
        range.l_type = Int16(F_WRLCK)
        range.l_whence = Int16(SEEK_SET)
        try #require(fcntl(descriptor, F_GETLK, &range) == 0)
        return range.l_type != Int16(F_UNLCK)
    }
}
