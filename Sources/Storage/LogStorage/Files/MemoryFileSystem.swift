import KafkaWire
import Synchronization

/// A file system in memory that can lose its power and fail on demand, for tests and simulation.
///
/// It promises no more than POSIX does: unsynced bytes and unsynced names are gone after a power
/// cut, or some of them are. One lock guards everything, so that several threads may use it.
public final class MemoryFileSystem: FileSystem, @unchecked Sendable {
    // Unchecked: `root`, the nodes below it and all else are only touched under `lock`.
    private let lock = Mutex(())
    private var root: MemoryNode
    private var locked: Set<String> = []
    /// The time that changes are stamped with, in milliseconds since the epoch.
    private var time: Int64 = 0
    private var failure: Failure?
    private var waits = 0
    /// What paths of directories led to, as long as no directory goes or gets another name.
    private var directories: [String: MemoryNode] = [:]

    /// A fault to come.
    public struct Failure: Sendable {
        /// Changes (write, truncate, sync, create, rename, remove, directory sync) that still
        /// succeed.
        public var after: Int
        /// Only calls of this operation count, or all changes. Reads of files fail only when this
        /// says `read`.
        public var operation: String?
        /// Only paths that end in this.
        public var suffix: String
        /// Only paths that begin with this: one disk of several.
        public var prefix: String
        public var code: Int32
        /// Every later change fails too, as after a power cut; else just the one.
        public var isPermanent: Bool
        /// Of the write that fails, so many bytes are written all the same.
        public var partialBytes: Int

        public init(
            after: Int = 0, operation: String? = nil, suffix: String = "",
            prefix: String = "", code: Int32 = 5, isPermanent: Bool = false,
            partialBytes: Int = 0
        ) {
            self.after = after
            self.operation = operation
            self.suffix = suffix
            self.prefix = prefix
            self.code = code
            self.isPermanent = isPermanent
            self.partialBytes = partialBytes
        }
    }

    public init() { root = MemoryNode(.directory) }
    private init(root: MemoryNode, time: Int64) {
        self.root = root
        self.time = time
    }

    // MARK: Faults

    /// What a machine finds after a power cut at this moment; this file system stays as it is.
    ///
    /// Without a seed nothing unsynced survives; with one, a legal part of it.
    public func afterPowerCut(seed: UInt64? = nil) -> MemoryFileSystem {
        var survival = PowerCutSurvival(seed.map { .drawn(SplitMix64(seed: $0)) } ?? .nothing)
        return left(by: &survival)
    }

    func left(by survival: inout PowerCutSurvival) -> MemoryFileSystem {
        lock.withLock { _ in
            var made: [ObjectIdentifier: MemoryNode] = [:]
            return MemoryFileSystem(root: root.afterPowerCut(&survival, &made), time: time)
        }
    }

    /// Forgets what is cached of all files: each is read from the disk until it is prefetched.
    public func dropCaches() {
        lock.withLock { _ in Self.dropCache(root) }
    }

    private static func dropCache(_ node: MemoryNode) {
        node.isCold = node.kind == .file
        for child in node.names.values { dropCache(child) }
    }

    /// How many reads had to wait for the disk since the caches were dropped first.
    public var readsFromDisk: Int { lock.withLock { _ in waits } }

    /// What another process finds after this one was killed: everything that was written.
    public func afterKill() -> MemoryFileSystem {
        lock.withLock { _ in
            var made: [ObjectIdentifier: MemoryNode] = [:]
            return MemoryFileSystem(root: Self.copy(root, &made), time: time)
        }
    }

    private static func copy(
        _ node: MemoryNode, _ made: inout [ObjectIdentifier: MemoryNode]
    ) -> MemoryNode {
        if let known = made[ObjectIdentifier(node)] { return known }
        let twin = MemoryNode(node.kind)
        made[ObjectIdentifier(node)] = twin
        twin.modified = node.modified
        twin.bytes = node.bytes
        twin.durableBytes = node.durableBytes
        twin.changes = node.changes
        for (name, child) in node.names.sorted(by: { $0.key < $1.key }) {
            twin.names[name] = copy(child, &made)
        }
        for (name, child) in node.durableNames.sorted(by: { $0.key < $1.key }) {
            twin.durableNames[name] = copy(child, &made)
        }
        for change in node.nameChanges {
            twin.nameChanges.append(change.map { ($0.name, $0.node.map { copy($0, &made) }) })
        }
        return twin
    }

    /// Sets the next fault, or none.
    public func fail(_ next: Failure?) { lock.withLock { _ in failure = next } }
    /// Sets the time that later changes are stamped with.
    public func setTime(_ ms: Int64) { lock.withLock { _ in time = ms } }

    /// Counts a call and throws when it is the one to fail. Called under the lock.
    private func willCall(_ operation: String, _ path: String) throws(FileError) {
        if var next = failure, next.operation ?? operation == operation,
            path.hasSuffix(next.suffix), path.hasPrefix(next.prefix)
        {
            if next.after <= 0 {
                if !next.isPermanent { failure = nil }
                throw FileError(
                    operation: operation, path: path, code: next.code, message: "injected fault")
            }
            next.after -= 1
            failure = next
        }
    }

    // MARK: Lookup

    private static func missing(_ operation: String, _ path: String) -> FileError {
        FileError(operation: operation, path: path, code: 2, message: "no such file or directory")
    }

    private static func split(_ path: String) -> (parent: String, name: String) {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return ("", path) }
        return (String(path[..<slash]), String(path[path.utf8.index(after: slash)...]))
    }

    private func find(_ path: String) -> MemoryNode? {
        let (parent, name) = Self.split(path)
        if let holder = directories[parent] { return name.isEmpty ? holder : holder.names[name] }
        guard let holder = walk(parent), holder.kind == .directory else { return nil }
        directories[parent] = holder
        return name.isEmpty ? holder : holder.names[name]
    }

    private func walk(_ path: String) -> MemoryNode? {
        var node = root
        for name in path.split(separator: "/") {
            guard let next = node.names[String(name)] else { return nil }
            node = next
        }
        return node
    }

    private func directory(
        _ path: String, _ operation: String
    ) throws(FileError) -> MemoryNode {
        guard let node = find(path), node.kind == .directory else {
            throw Self.missing(operation, path)
        }
        return node
    }

    /// `Mutex.withLock` with a typed throw.
    private func locked<T>(
        _ body: () throws(FileError) -> T
    ) throws(FileError) -> T {
        try lock.withLock { _ throws(FileError) in try body() }
    }

    // MARK: FileSystem

    public func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any StorageFile {
        try locked { () throws(FileError) in
            if let node = find(path) {
                guard node.kind == .file else { throw Self.missing("open", path) }
                return MemoryFile(self, node, path)
            }
            guard mode == .create else { throw Self.missing("open", path) }
            let (parent, name) = Self.split(path)
            let holder = try directory(parent, "open")
            try willCall("create", path)
            let node = MemoryNode(.file)
            node.modified = time
            holder.apply([(name, node)])
            return MemoryFile(self, node, path)
        }
    }

    public func list(_ path: String) throws(FileError) -> [String] {
        try locked { () throws(FileError) in try directory(path, "list").names.keys.sorted() }
    }

    public func status(_ path: String) throws(FileError) -> FileStatus? {
        lock.withLock { _ in
            guard let node = find(path) else { return nil }
            return FileStatus(
                isDirectory: node.kind == .directory, size: node.bytes.count,
                modified: node.modified)
        }
    }

    public func createDirectory(_ path: String) throws(FileError) {
        try locked { () throws(FileError) in
            var node = root
            for name in path.split(separator: "/") {
                if let next = node.names[String(name)] {
                    node = next
                } else {
                    try willCall("createDirectory", path)
                    let new = MemoryNode(.directory)
                    node.apply([(String(name), new)])
                    node = new
                }
            }
        }
    }

    public func remove(_ path: String) throws(FileError) {
        try locked { () throws(FileError) in
            guard let node = find(path) else { throw Self.missing("remove", path) }
            guard node.names.isEmpty else {
                throw FileError(
                    operation: "remove", path: path, code: 39, message: "directory not empty")
            }
            let (parent, name) = Self.split(path)
            try willCall("remove", path)
            try directory(parent, "remove").apply([(name, nil)])
            if node.kind == .directory { directories = [:] }
        }
    }

    public func removeTree(_ path: String) throws(FileError) {
        guard let status = try status(path) else { return }
        if status.isDirectory {
            for name in try list(path) { try removeTree("\(path)/\(name)") }
        }
        try remove(path)
    }

    public func rename(_ path: String, to newPath: String) throws(FileError) {
        try locked { () throws(FileError) in
            guard let node = find(path) else { throw Self.missing("rename", path) }
            let (parent, name) = Self.split(path)
            let (newParent, newName) = Self.split(newPath)
            let from = try directory(parent, "rename")
            let to = try directory(newParent, "rename")
            try willCall("rename", path)
            if node.kind == .directory { directories = [:] }
            if from === to {
                from.apply([(name, nil), (newName, node)])
            } else {
                to.apply([(newName, node)])
                from.apply([(name, nil)])
            }
        }
    }

    public func syncDirectory(_ path: String) throws(FileError) {
        try locked { () throws(FileError) in
            let node = try directory(path, "syncDirectory")
            try willCall("syncDirectory", path)
            node.syncNames()
        }
    }

    public func lock(_ path: String) throws(FileError) -> (any FileLock)? {
        _ = try open(path, .create)
        let isNew = lock.withLock { _ in locked.insert(path).inserted }
        return isNew ? MemoryFileLock(self, path) : nil
    }

    fileprivate func unlock(_ path: String) { lock.withLock { _ in _ = locked.remove(path) } }

    // MARK: Files

    fileprivate func isCold(_ node: MemoryNode) -> Bool { lock.withLock { _ in node.isCold } }

    fileprivate func prefetch(_ node: MemoryNode) { lock.withLock { _ in node.isCold = false } }

    fileprivate func read(
        _ node: MemoryNode, _ path: String, at position: Int,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(FileError) -> Int {
        try locked { () throws(FileError) in
            if failure?.operation == "read" { try willCall("read", path) }
            if node.isCold { waits += 1 }
            let count = max(0, min(buffer.count, node.bytes.count - position))
            guard count > 0 else { return 0 }
            // `count` bytes fit into the buffer.
            unsafe buffer.copyBytes(from: node.bytes[position..<position + count])
            return count
        }
    }

    fileprivate func change(
        _ node: MemoryNode, _ path: String, _ change: MemoryNode.FileChange
    ) throws(FileError) {
        try locked { () throws(FileError) in
            let partial = failure?.partialBytes ?? 0
            switch change {
            case .truncate: try willCall("truncate", path)
            case .write(let bytes, let position):
                do throws(FileError) {
                    try willCall("write", path)
                } catch {
                    if partial > 0 {
                        node.apply(.write(Array(bytes.prefix(partial)), at: position))
                    }
                    throw error
                }
            }
            node.apply(change)
            node.modified = time
        }
    }

    fileprivate func sync(_ node: MemoryNode, _ path: String) throws(FileError) {
        try locked { () throws(FileError) in
            try willCall("sync", path)
            node.sync()
        }
    }

    fileprivate func size(_ node: MemoryNode) -> Int { lock.withLock { _ in node.bytes.count } }
}

/// An open file of a `MemoryFileSystem`, whose lock guards the node.
private final class MemoryFile: StorageFile, @unchecked Sendable {
    // Unchecked: the node is only touched by the file system, under its lock.
    private let fileSystem: MemoryFileSystem
    private let node: MemoryNode
    private let path: String

    init(_ fileSystem: MemoryFileSystem, _ node: MemoryNode, _ path: String) {
        self.fileSystem = fileSystem
        self.node = node
        self.path = path
    }

    func read(
        at position: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws(FileError) -> Int {
        try unsafe fileSystem.read(node, path, at: position, into: buffer)
    }
    func readCached(
        at position: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws(FileError) -> Int? {
        if fileSystem.isCold(node) { return nil }
        return try unsafe fileSystem.read(node, path, at: position, into: buffer)
    }
    func isCached(at position: Int, count: Int) -> Bool { !fileSystem.isCold(node) }
    func prefetch(at position: Int, count: Int) { fileSystem.prefetch(node) }
    func write(_ bytes: RawSpan, at position: Int) throws(FileError) {
        let copy = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        try fileSystem.change(node, path, .write(copy, at: position))
    }
    func truncate(to size: Int) throws(FileError) {
        try fileSystem.change(node, path, .truncate(to: size))
    }
    func sync() throws(FileError) { try fileSystem.sync(node, path) }
    func startWriting() {}
    var size: Int { get throws(FileError) { fileSystem.size(node) } }
    func close() {}
    var descriptor: Int32? { nil }
}

/// A lock of a `MemoryFileSystem`.
private final class MemoryFileLock: FileLock {
    private let fileSystem: MemoryFileSystem
    private let path: String
    init(_ fileSystem: MemoryFileSystem, _ path: String) {
        self.fileSystem = fileSystem
        self.path = path
    }
    deinit { unlock() }
    func unlock() { fileSystem.unlock(path) }
}
