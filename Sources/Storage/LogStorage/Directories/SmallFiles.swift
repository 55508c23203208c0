/// Whole files at the top of a log directory: checkpoints, `meta.properties`, markers.
enum SmallFile {
    /// Most bytes that such a file may have; a checkpoint of a million partitions stays below it.
    static let byteLimit = 256 << 20

    /// The path of `name` in `directory`.
    static func path(_ directory: String, _ name: String) -> String {
        directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
    }

    /// The directory that holds `path`.
    static func parent(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The file's bytes, or `nil` when there is no such file.
    static func read(
        _ path: String, in fileSystem: any FileSystem
    ) throws(LogDirectoryError) -> [UInt8]? {
        do throws(FileError) {
            guard let status = try fileSystem.status(path), !status.isDirectory else { return nil }
            if status.size <= byteLimit {
                let file = try fileSystem.open(path, .read)
                defer { file.close() }
                return try file.bytes(at: 0, count: status.size)
            }
        } catch {
            throw .io(error)
        }
        throw .corrupt(path: path, reason: "it has more than \(byteLimit) bytes")
    }

    /// Replaces the file as a whole: after a power cut either the old or the new content is there.
    ///
    /// Writes `path.tmp`, syncs it, renames it over `path` and syncs the directory.
    static func replace(
        _ path: String, with bytes: [UInt8], in fileSystem: any FileSystem
    ) throws(FileError) {
        let temporary = path + ".tmp"
        let file = try fileSystem.open(temporary, .create)
        defer { file.close() }
        try file.truncate(to: 0)
        // The array outlives the call that borrows its bytes.
        unsafe try file.write(bytes.span.bytes, at: 0)
        try file.sync()
        try fileSystem.rename(temporary, to: path)
        try fileSystem.syncDirectory(parent(of: path))
    }
}

extension StorageFile {
    /// `count` bytes from `position` on; fewer at the end of the file.
    func bytes(at position: Int, count: Int) throws(FileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        // The array is alive while its span is.
        let read = unsafe try span.withUnsafeMutableBytes { (buffer) throws(FileError) in
            unsafe try self.read(at: position, into: buffer)
        }
        bytes.removeSubrange(read...)
        return bytes
    }
}
