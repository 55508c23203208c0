import KafkaWire

/// All log directories of a node, in the order of the configuration.
///
/// A value that its owner guards. A directory goes from online to offline once, at its first
/// failure, and never back; the others serve on.
public struct LogDirectories: Sendable {
    /// Every directory, online or not.
    public private(set) var all: [LogDirectory]

    /// Creates what is missing and locks every directory.
    ///
    /// A directory that the operating system refuses starts offline. Throws `locked` when another
    /// node uses one, and `inconsistent` when one is given twice or none can be used; locks taken
    /// so far are then released.
    public static func open(
        _ paths: [String], in fileSystem: any FileSystem
    ) throws(LogDirectoryError) -> LogDirectories {
        var directories = LogDirectories(all: [])
        do throws(LogDirectoryError) {
            for path in paths.map(normalized) {
                guard !directories.all.contains(where: { $0.path == path }) else {
                    throw .inconsistent("the log directory \(path) is given twice in log.dirs")
                }
                directories.all.append(try open(path, fileSystem))
            }
            guard !directories.online.isEmpty else {
                let reasons = directories.offline.map { "\($0.directory): \($0.reason)" }
                throw .inconsistent(
                    "none of the log directories can be used: "
                        + reasons.joined(separator: "; "))
            }
        } catch {
            directories.releaseLocks()
            throw error
        }
        return directories
    }

    private static func open(
        _ path: String, _ fileSystem: any FileSystem
    ) throws(LogDirectoryError) -> LogDirectory {
        let lock: (any FileLock)?
        do throws(FileError) {
            try create(path, fileSystem)
            lock = try fileSystem.lock(SmallFile.path(path, LogDirectory.lockFileName))
        } catch {
            let reason = LogDirectoryError.io(error).description
            return LogDirectory(path: path, state: .offline(reason: reason))
        }
        guard let lock else { throw .locked(directory: path) }
        return LogDirectory(path: path, state: .online, lock: lock)
    }

    /// Makes the directory and those on its path, durably: a node that had formatted and filled it
    /// would lose everything with its name.
    private static func create(_ path: String, _ fileSystem: any FileSystem) throws(FileError) {
        var missing: [String] = []
        var next = path
        while next != "/", next != ".", try fileSystem.status(next) == nil {
            missing.append(next)
            next = SmallFile.parent(of: next)
        }
        try fileSystem.createDirectory(path)
        for made in missing.reversed() {
            try fileSystem.syncDirectory(SmallFile.parent(of: made))
        }
    }

    private static func normalized(_ path: String) -> String {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }

    /// Takes over the ids that `meta.properties` gives; a directory whose file cannot be read goes
    /// offline.
    public mutating func adopt(_ ensemble: MetaPropertiesEnsemble) {
        for index in all.indices {
            all[index].id = ensemble.directoryID(of: all[index].path)
        }
        for failed in ensemble.failedDirectories {
            fail(failed.directory, reason: failed.error.description)
        }
    }

    // MARK: State

    /// Directories that serve.
    public var online: [LogDirectory] { all.filter(\.isOnline) }
    /// Directories that do not, with the reason.
    public var offline: [(directory: String, reason: String)] {
        all.compactMap { directory in
            guard case .offline(let reason) = directory.state else { return nil }
            return (directory.path, reason)
        }
    }
    /// The directory with that path.
    public func directory(at path: String) -> LogDirectory? { all.first { $0.path == path } }

    /// Takes a directory offline and gives up its lock; false when it was offline already.
    @discardableResult
    public mutating func fail(_ path: String, reason: String) -> Bool {
        guard let index = all.firstIndex(where: { $0.path == path }), all[index].isOnline else {
            return false
        }
        all[index].state = .offline(reason: reason)
        all[index].lock?.unlock()
        all[index].lock = nil
        return true
    }

    /// Marks exactly these paths as cordoned.
    public mutating func cordon(_ paths: Set<String>) {
        for index in all.indices { all[index].isCordoned = paths.contains(all[index].path) }
    }

    /// Notes that the directory holds `change` replicas more (or, if negative, fewer).
    public mutating func countPartitions(_ change: Int, in path: String) {
        guard let index = all.firstIndex(where: { $0.path == path }) else { return }
        all[index].partitionCount += change
        precondition(all[index].partitionCount >= 0, "\(path) holds a negative number of replicas")
    }

    /// Where to put a new replica, best first: the one that was asked for, else those with the
    /// fewest replicas; none when no directory is online.
    ///
    /// Cordoned directories are passed over as long as there are others.
    public func choices(preferring id: KafkaUUID? = nil) -> [LogDirectory] {
        let online = self.online
        if let id, let asked = online.first(where: { $0.id == id }) { return [asked] }
        let open = online.filter { !$0.isCordoned }
        guard !open.isEmpty else { return Array(online.prefix(1)) }
        // Equal counts keep the order of the configuration.
        return open.enumerated()
            .sorted {
                ($0.element.partitionCount, $0.offset) < ($1.element.partitionCount, $1.offset)
            }
            .map(\.element)
    }

    /// Releases every lock; the last thing that a node does with its directories.
    public mutating func releaseLocks() {
        for index in all.indices {
            all[index].lock?.unlock()
            all[index].lock = nil
        }
    }
}
