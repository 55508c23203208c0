import KafkaWire

/// A file of fixed-size big-endian entries that grows at its end.
///
/// New entries wait in memory and are written a few kilobytes at a time; the file is opened when it
/// is needed and let go by `closeFile`. What is in it is a cache of the log: never synced before
/// its segment is, and rebuilt when it is in doubt.
final class IndexFile {
    let entrySize: Int
    private(set) var path: String
    private let fileSystem: any FileSystem
    private var opened: (any StorageFile)?
    /// Entries in the file.
    private var written: Int
    /// Entries that wait to be written.
    private var tail: [UInt8] = []
    private static let tailLimit = 4096
    var access = ReadAccess.any
    /// What a lookup that may not wait for the disk would have waited for.
    private(set) var cold: FileSlice?

    /// `count`: how many entries the file holds; what is beyond them is cut off with the next
    /// write.
    init(path: String, entrySize: Int, count: Int, fileSystem: any FileSystem) {
        self.path = path
        self.entrySize = entrySize
        self.fileSystem = fileSystem
        written = count
    }

    var count: Int { written + tail.count / entrySize }

    private func file() throws(FileError) -> any StorageFile {
        if let opened { return opened }
        let file = try fileSystem.open(path, .create)
        opened = file
        return file
    }

    /// Makes room for more entries: after this, `append` of a few thousand cannot fail.
    func makeRoom() throws(FileError) {
        if tail.count >= Self.tailLimit { try flush() }
    }

    func append(_ entry: (inout [UInt8]) -> Void) {
        entry(&tail)
        assert(tail.count.isMultiple(of: entrySize), "an index entry of the wrong size")
    }

    /// Hands what waits to the operating system.
    func flush() throws(FileError) {
        guard !tail.isEmpty else { return }
        let file = try file()
        let waiting = tail
        // Bytes have no padding.
        try unsafe file.write(waiting.span.bytes, at: written * entrySize)
        written += tail.count / entrySize
        tail.removeAll()
    }

    /// Hands everything over and cuts off what is beyond the last entry; makes the file if it is
    /// absent. The open file, for a sync off the lock.
    @discardableResult
    func finish() throws(FileError) -> any StorageFile {
        try flush()
        let file = try file()
        if try file.size != written * entrySize { try file.truncate(to: written * entrySize) }
        return file
    }

    func truncate(toCount count: Int) throws(FileError) {
        precondition(count >= 0 && count <= self.count, "an index cannot be truncated upwards")
        if count >= written {
            tail.removeLast((self.count - count) * entrySize)
            return
        }
        tail.removeAll()
        written = count
        try file().truncate(to: count * entrySize)
    }

    func takeCold() -> FileSlice? {
        defer { cold = nil }
        return cold
    }

    /// Lets go of the descriptor; what waits stays in memory.
    func closeFile() { opened = nil }

    func moved(to path: String) {
        self.path = path
        opened = nil
    }

    /// The big-endian integer at `offset` in entry `index`, which must exist.
    func integer<T: FixedWidthInteger & BitwiseCopyable>(
        _: T.Type, entry index: Int, at offset: Int
    ) throws(FileError) -> T {
        precondition(index >= 0 && index < count, "there is no such index entry")
        let size = MemoryLayout<T>.size
        if index >= written {
            var value: T = 0
            let start = (index - written) * entrySize + offset
            for byte in tail[start..<start + size] {
                value = value << 8 | T(truncatingIfNeeded: byte)
            }
            return value
        }
        let file = try file()
        var value: T = 0
        var failure: FileError?
        let access = self.access
        let count = unsafe withUnsafeMutableBytes(of: &value) { buffer -> Int? in
            do throws(FileError) {
                return try unsafe file.read(
                    at: index * entrySize + offset, into: buffer, access)
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        if count == nil {
            // A lookup goes all over the file, which is small.
            cold = FileSlice(file: file, position: 0, count: written * entrySize)
            throw FileError.notCached(path)
        }
        guard count == size else {
            throw FileError(
                operation: "read", path: path, code: 5, message: "the index is shorter than it was")
        }
        return T(bigEndian: value)
    }

    /// The last entry for which `isNotAbove` holds; -1 when it holds for none. It must hold for a
    /// prefix of the entries.
    func lastIndex(
        where isNotAbove: (Int) throws(FileError) -> Bool
    ) throws(FileError) -> Int {
        var low = -1
        var high = count - 1
        // The newest entries are in memory and asked for most.
        if written > 0, written < count, try isNotAbove(written) {
            low = written
        } else if written < count, written > 0 {
            high = written - 1
        }
        while low < high {
            let middle = low + (high - low + 1) / 2
            if try isNotAbove(middle) { low = middle } else { high = middle - 1 }
        }
        return low
    }
}

extension [UInt8] {
    /// Appends an integer, big endian.
    mutating func appendBigEndian<T: FixedWidthInteger & UnsignedInteger>(_ value: T) {
        for shift in stride(from: T.bitWidth - 8, through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: value >> T(shift)))
        }
    }
}
