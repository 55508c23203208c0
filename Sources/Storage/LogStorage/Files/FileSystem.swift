/// A failed call to the file system.
public struct FileError: Error, Sendable, Equatable {
    /// What was tried: `open`, `read`, `write`, `sync`, `rename`…
    public var operation: String
    public var path: String
    /// `errno`.
    public var code: Int32
    /// What the system says about `code`.
    public var message: String

    public init(operation: String, path: String, code: Int32, message: String) {
        self.operation = operation
        self.path = path
        self.code = code
        self.message = message
    }

    /// Whether the file or a directory on its path is not there (ENOENT).
    public var isNotFound: Bool { code == 2 }
    /// Whether the disk or the quota is full (ENOSPC, EDQUOT).
    public var isDiskFull: Bool { code == 28 || code == 122 }
}

extension FileError: CustomStringConvertible {
    public var description: String { "\(operation) \(path): \(message) (errno \(code))" }
}

/// How a file is opened.
public enum OpenMode: Sendable {
    /// Reading only; the file must exist.
    case read
    /// Reading and writing; the file must exist.
    case readWrite
    /// Reading and writing; an absent file is made, a present one keeps its bytes.
    case create
}

/// What `stat` tells of a path.
public struct FileStatus: Sendable, Equatable {
    public var isDirectory: Bool
    /// Bytes; meaningless for a directory.
    public var size: Int
    /// When the content last changed, in milliseconds since the epoch.
    public var modified: Int64

    public init(isDirectory: Bool, size: Int, modified: Int64) {
        self.isDirectory = isDirectory
        self.size = size
        self.modified = modified
    }
}

/// A lock that other processes respect; it goes with the object at the latest.
public protocol FileLock: AnyObject, Sendable {
    func unlock()
}

/// The few blocking calls that storage needs. Paths are absolute, or relative to the process.
///
/// A name (of a file that was made, renamed or removed) survives a power cut only once its
/// directory is synced, and bytes only once their file is.
public protocol FileSystem: Sendable {
    func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any StorageFile
    /// The names in a directory, sorted, without `.` and `..`.
    func list(_ directory: String) throws(FileError) -> [String]
    /// `nil` when nothing is there.
    func status(_ path: String) throws(FileError) -> FileStatus?
    /// Makes a directory and those on its path; no error when it exists.
    func createDirectory(_ path: String) throws(FileError)
    /// Removes a file or an empty directory.
    func remove(_ path: String) throws(FileError)
    /// Removes a directory with all that is in it, or a file; no error when it is absent.
    func removeTree(_ path: String) throws(FileError)
    /// Renames in one step, and replaces what has the new name.
    func rename(_ path: String, to newPath: String) throws(FileError)
    /// Makes the names in a directory durable.
    func syncDirectory(_ path: String) throws(FileError)
    /// Locks a file, made if absent, against other processes; `nil` when another one holds it.
    func lock(_ path: String) throws(FileError) -> (any FileLock)?
    /// Bytes of the volume that holds `path`, and how many of them are free for us; `nil` when
    /// unknown.
    func space(of path: String) -> (total: Int64, usable: Int64)?
}

/// An open file. It stays readable after its name is gone, and closes with its last reference.
public protocol StorageFile: AnyObject, Sendable {
    /// Fills the buffer from `position` on; fewer bytes than asked for only at the end of the file.
    func read(
        at position: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws(FileError) -> Int
    /// Reads like `read` what is in memory; `nil` when some of it would have to come from the disk.
    func readCached(
        at position: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws(FileError) -> Int?
    /// Whether reading these bytes would not wait for the disk.
    func isCached(at position: Int, count: Int) -> Bool
    /// Brings these bytes, as many of them as the file has, into memory; blocks.
    func prefetch(at position: Int, count: Int) throws(FileError)
    /// Writes all of the bytes at `position`. After a failure any prefix may have been written.
    func write(_ bytes: RawSpan, at position: Int) throws(FileError)
    func truncate(to size: Int) throws(FileError)
    /// Makes the bytes durable (`fdatasync`). After a failure their state is unknown for good.
    func sync() throws(FileError)
    /// Begins to write unsynced bytes to the disk; a hint that promises nothing.
    func startWriting()
    var size: Int { get throws(FileError) }
    /// Closes at once; every later call fails.
    func close()
    /// For `sendfile`; `nil` when the file is not one of the operating system.
    var descriptor: Int32? { get }
}

extension FileSystem {
    public func space(of path: String) -> (total: Int64, usable: Int64)? { nil }
}
