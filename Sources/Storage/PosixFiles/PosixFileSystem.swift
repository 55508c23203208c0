import Glibc
public import LogStorage

/// The operating system's files. All calls block.
public struct PosixFileSystem: FileSystem {
    public init() {}

    public func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any StorageFile {
        let flags: Int32 =
            switch mode {
            case .read: O_RDONLY
            case .readWrite: O_RDWR
            case .create: O_RDWR | O_CREAT
            }
        let descriptor = retrying { Glibc.open(path, flags | O_CLOEXEC, 0o644) }
        guard descriptor >= 0 else { throw FileError.current("open", path) }
        return PosixFile(descriptor: descriptor, path: path)
    }

    public func list(_ directory: String) throws(FileError) -> [String] {
        guard let stream = opendir(directory) else { throw FileError.current("list", directory) }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else { break }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        guard errno == 0 else { throw FileError.current("list", directory) }
        return names.sorted()
    }

    public func status(_ path: String) throws(FileError) -> FileStatus? {
        var info = stat()
        guard stat(path, &info) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw FileError.current("status", path)
        }
        let milliseconds =
            Int64(info.st_mtim.tv_sec) * 1000 + Int64(info.st_mtim.tv_nsec) / 1_000_000
        return FileStatus(
            isDirectory: info.st_mode & S_IFMT == S_IFDIR, size: Int(info.st_size),
            modified: milliseconds)
    }

    public func createDirectory(_ path: String) throws(FileError) {
        if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw FileError.current("createDirectory", path)
        }
        try createDirectory(String(path[..<slash]))
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
            throw FileError.current("createDirectory", path)
        }
    }

    public func remove(_ path: String) throws(FileError) {
        guard Glibc.remove(path) == 0 else { throw FileError.current("remove", path) }
    }

    public func removeTree(_ path: String) throws(FileError) {
        var info = stat()
        guard lstat(path, &info) == 0 else {
            if errno == ENOENT { return }
            throw FileError.current("removeTree", path)
        }
        if info.st_mode & S_IFMT == S_IFDIR {
            for name in try list(path) { try removeTree("\(path)/\(name)") }
        }
        guard Glibc.remove(path) == 0 || errno == ENOENT else {
            throw FileError.current("removeTree", path)
        }
    }

    public func rename(_ path: String, to newPath: String) throws(FileError) {
        guard Glibc.rename(path, newPath) == 0 else { throw FileError.current("rename", path) }
    }

    public func syncDirectory(_ path: String) throws(FileError) {
        let descriptor = retrying { Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw FileError.current("syncDirectory", path) }
        defer { Glibc.close(descriptor) }
        guard retrying({ fsync(descriptor) }) == 0 else {
            throw FileError.current("syncDirectory", path)
        }
    }

    public func space(of path: String) -> (total: Int64, usable: Int64)? {
        var volume = statvfs()
        guard statvfs(path, &volume) == 0 else { return nil }
        let block = Int64(volume.f_frsize)
        return (Int64(volume.f_blocks) * block, Int64(volume.f_bavail) * block)
    }

    public func lock(_ path: String) throws(FileError) -> (any FileLock)? {
        let descriptor = retrying { Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644) }
        guard descriptor >= 0 else { throw FileError.current("lock", path) }
        return try PosixFileLock(descriptor: descriptor, path: path)
    }
}

extension FileError {
    /// The failure that `errno` tells of.
    static func current(_ operation: String, _ path: String) -> FileError {
        let code = errno
        return FileError(
            operation: operation, path: path, code: code, message: String(cString: strerror(code)))
    }
}

/// Calls again for as long as a signal interrupts the call.
func retrying<T: SignedInteger>(_ call: () -> T) -> T {
    while true {
        let result = call()
        if result == -1 && errno == EINTR { continue }
        return result
    }
}
