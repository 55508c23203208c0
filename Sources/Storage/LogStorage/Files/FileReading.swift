extension StorageFile {
    /// Up to `count` bytes from `position` on, fewer at the end of the file.
    public func readBytes(at position: Int, count: Int) throws(FileError) -> [UInt8] {
        var failure: FileError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(FileError) {
                initialized = try unsafe read(
                    at: position, into: UnsafeMutableRawBufferPointer(buffer))
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Reads to fill `bytes`; how many bytes were there.
    func read(at position: Int, into bytes: inout [UInt8]) throws(FileError) -> Int {
        var failure: FileError?
        // The closure's result and error leave through variables: `withUnsafe...` rethrows untyped.
        let count = unsafe bytes.withUnsafeMutableBytes { buffer in
            do throws(FileError) {
                return try unsafe read(at: position, into: buffer)
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return count
    }
}

extension FileSystem {
    /// The whole content of a file of at most `limit` bytes; `nil` when it does not exist.
    public func readFile(_ path: String, limit: Int) throws(FileError) -> [UInt8]? {
        guard let status = try status(path), !status.isDirectory else { return nil }
        let file = try open(path, .read)
        let size = try file.size
        guard size <= limit else {
            throw FileError(
                operation: "read", path: path, code: 27,
                message: "\(size) bytes are more than the \(limit) that such a file may have")
        }
        return try file.readBytes(at: 0, count: size)
    }

    /// Replaces a small file so that a power cut leaves the old content or the new.
    ///
    /// Writes `PATH.tmp`, syncs it and renames it. The new name is durable once the directory is
    /// synced, which is done here if `syncingDirectory` names it.
    public func replaceFile(
        _ path: String, with bytes: [UInt8], syncingDirectory directory: String? = nil
    ) throws(FileError) {
        let temporary = path + ".tmp"
        let file = try open(temporary, .create)
        try file.truncate(to: 0)
        // Bytes have no padding that could be read.
        try unsafe file.write(bytes.span.bytes, at: 0)
        try file.sync()
        file.close()
        try rename(temporary, to: path)
        if let directory { try syncDirectory(directory) }
    }
}
