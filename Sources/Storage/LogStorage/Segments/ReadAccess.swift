import KafkaWire

/// Whether looking something up in a segment may wait for the disk.
enum ReadAccess {
    case any
    /// No: it fails with `FileError.notCached`, and what to prefetch is noted. So many bytes from
    /// the place on are of use to the reader.
    case cachedOnly(bytes: Int)
}

extension FileError {
    static func notCached(_ path: String) -> FileError {
        // EAGAIN
        FileError(operation: "read", path: path, code: 11, message: "not in memory")
    }
    var isNotCached: Bool { code == 11 && operation == "read" }
}

extension StorageFile {
    /// Reads as `access` allows; `nil` when that would wait for the disk.
    func read(
        at position: Int, into buffer: UnsafeMutableRawBufferPointer, _ access: ReadAccess
    ) throws(FileError) -> Int? {
        switch access {
        case .any: try unsafe read(at: position, into: buffer)
        case .cachedOnly: try unsafe readCached(at: position, into: buffer)
        }
    }
}

extension LogSegment {
    /// Runs a lookup that does not wait for the disk: what to prefetch before it is tried again, if
    /// it came to that.
    func lookUpCached<T>(
        bytes: Int, _ body: () throws(FileError) -> T
    ) throws(FileError) -> Result<T, ColdRead> {
        access = .cachedOnly(bytes: bytes)
        defer { access = .any }
        do throws(FileError) {
            return .success(try body())
        } catch {
            guard error.isNotCached, let slice = takeColdSlice() else { throw error }
            return .failure(ColdRead(slice: slice))
        }
    }
}

/// What has to come from the disk before a read can go on.
struct ColdRead: Error {
    let slice: FileSlice
}
