import CFileCalls
import Glibc
import LogStorage
import Synchronization

/// An open file of the operating system; closes with its last reference.
final class PosixFile: StorageFile {
    private let path: String
    /// -1 once closed.
    private let number: Atomic<Int32>

    init(descriptor: Int32, path: String) {
        number = Atomic(descriptor)
        self.path = path
    }

    deinit { close() }

    var descriptor: Int32? {
        let value = number.load(ordering: .relaxed)
        return value < 0 ? nil : value
    }

    func close() {
        let value = number.exchange(-1, ordering: .relaxed)
        if value >= 0 { Glibc.close(value) }
    }

    func read(
        at position: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws(FileError) -> Int {
        let descriptor = number.load(ordering: .relaxed)
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = retrying {
                pread(descriptor, rest.baseAddress, rest.count, off_t(position + done))
            }
            guard count >= 0 else { throw FileError.current("read", path) }
            if count == 0 { break }
            done += count
        }
        return done
    }

    func readCached(
        at position: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws(FileError) -> Int? {
        let descriptor = number.load(ordering: .relaxed)
        guard let target = buffer.baseAddress else { return 0 }
        let count = retrying {
            mf_read_cached(descriptor, Int64(position), target, buffer.count)
        }
        if count == buffer.count { return count }
        if count < 0 { return errno == EAGAIN ? nil : try read(at: position, into: buffer) }
        // The end of the file, or of what is cached.
        return isCached(at: position + count, count: 1) ? count : nil
    }

    func isCached(at position: Int, count: Int) -> Bool {
        mf_is_cached(number.load(ordering: .relaxed), Int64(position), count) == 1
    }

    func prefetch(at position: Int, count: Int) throws(FileError) {
        // As much again is read without waiting for it: readers go on where they stopped.
        mf_read_ahead(number.load(ordering: .relaxed), Int64(position), 2 * count)
        let scratch = UnsafeMutableRawBufferPointer.allocate(
            byteCount: min(max(count, 1), Self.scratchBytes), alignment: 64)
        defer { scratch.deallocate() }
        var done = 0
        while done < count {
            let part = UnsafeMutableRawBufferPointer(
                rebasing: scratch[..<min(scratch.count, count - done)])
            let read = try read(at: position + done, into: part)
            if read == 0 { return }
            done += read
        }
    }

    private static let scratchBytes = 131_072

    func write(_ bytes: RawSpan, at position: Int) throws(FileError) {
        let failed = bytes.withUnsafeBytes { buffer in writeAll(buffer, at: position) }
        if let failed { throw failed }
    }

    private func writeAll(_ buffer: UnsafeRawBufferPointer, at position: Int) -> FileError? {
        let descriptor = number.load(ordering: .relaxed)
        var done = 0
        while done < buffer.count {
            let rest = UnsafeRawBufferPointer(rebasing: buffer[done...])
            let count = retrying {
                pwrite(descriptor, rest.baseAddress, rest.count, off_t(position + done))
            }
            guard count >= 0 else { return FileError.current("write", path) }
            done += count
        }
        return nil
    }

    func truncate(to size: Int) throws(FileError) {
        guard retrying({ ftruncate(number.load(ordering: .relaxed), off_t(size)) }) == 0 else {
            throw FileError.current("truncate", path)
        }
    }

    func sync() throws(FileError) {
        guard retrying({ fdatasync(number.load(ordering: .relaxed)) }) == 0 else {
            throw FileError.current("sync", path)
        }
    }

    func startWriting() {
        mf_start_writing(number.load(ordering: .relaxed))
    }

    var size: Int {
        get throws(FileError) {
            var info = stat()
            guard fstat(number.load(ordering: .relaxed), &info) == 0 else {
                throw FileError.current("status", path)
            }
            return Int(info.st_size)
        }
    }
}

/// A whole-file lock of `fcntl`'s open-file kind, the kind that Java's `FileLock` respects too.
final class PosixFileLock: FileLock {
    private let number: Atomic<Int32>

    /// `nil` when another process holds the lock.
    init?(descriptor: Int32, path: String) throws(FileError) {
        number = Atomic(descriptor)
        var range = Glibc.flock()
        range.l_type = Int16(F_WRLCK)
        range.l_whence = Int16(SEEK_SET)
        // F_OFD_SETLK: unlike F_SETLK not given up when another descriptor of the file is closed.
        let result = retrying { fcntl(descriptor, 37, &range) }
        guard result == -1 else { return }
        let failure = FileError.current("lock", path)
        unlock()
        guard failure.code == EACCES || failure.code == EAGAIN else { throw failure }
        return nil
    }

    deinit { unlock() }

    func unlock() {
        let value = number.exchange(-1, ordering: .relaxed)
        if value >= 0 { Glibc.close(value) }
    }
}
