import KafkaWire

/// The `meta.properties` of all log directories of one node, and whether they fit together.
public struct MetaPropertiesEnsemble: Sendable {
    /// What was found in one directory.
    public enum Found: Sendable {
        /// No `meta.properties`: not formatted, or replaced by an empty disk.
        case empty
        case valid(MetaProperties)
        /// The file could not be read or makes no sense; the directory starts offline.
        case failed(LogDirectoryError)
    }
    /// One directory with what was found in it.
    public struct Entry: Sendable {
        public var directory: String
        public var found: Found
    }

    /// One entry for each directory, sorted by path.
    public private(set) var entries: [Entry]
    /// The directory of the metadata log, which must be readable; one of `entries`.
    public let metadataDirectory: String?

    /// Reads what each directory holds. A directory that fails is an entry, not an error.
    public static func load(
        directories: [String], metadataDirectory: String?, from fileSystem: any FileSystem
    ) -> MetaPropertiesEnsemble {
        let all = Set(directories).union(metadataDirectory.map { [$0] } ?? [])
        let entries = all.sorted().map { directory in
            Entry(directory: directory, found: find(in: directory, fileSystem))
        }
        return MetaPropertiesEnsemble(entries: entries, metadataDirectory: metadataDirectory)
    }

    private static func find(in directory: String, _ fileSystem: any FileSystem) -> Found {
        do throws(LogDirectoryError) {
            guard let found = try MetaProperties.read(from: directory, in: fileSystem) else {
                return .empty
            }
            return .valid(found)
        } catch {
            return .failed(error)
        }
    }

    /// The properties that could be read, by directory.
    public var valid: [(directory: String, properties: MetaProperties)] {
        entries.compactMap { entry in
            guard case .valid(let properties) = entry.found else { return nil }
            return (entry.directory, properties)
        }
    }
    /// Directories without a `meta.properties`.
    public var emptyDirectories: [String] {
        entries.compactMap { entry in
            guard case .empty = entry.found else { return nil }
            return entry.directory
        }
    }
    /// Directories whose `meta.properties` cannot be read, with the reason.
    public var failedDirectories: [(directory: String, error: LogDirectoryError)] {
        entries.compactMap { entry in
            guard case .failed(let error) = entry.found else { return nil }
            return (entry.directory, error)
        }
    }
    /// The cluster that the directories belong to, if one of them says so.
    public var clusterID: String? { valid.lazy.compactMap(\.properties.clusterID).first }
    /// The node that the directories belong to, if one of them says so.
    public var nodeID: BrokerID? { valid.lazy.compactMap(\.properties.nodeID).first }
    /// The id of one directory, if it has one.
    public func directoryID(of directory: String) -> KafkaUUID? {
        valid.first { $0.directory == directory }?.properties.directoryID
    }

    /// Checks that all directories belong to one cluster and one node, that no directory id is
    /// reserved or used twice, and that the metadata directory can be read.
    ///
    /// `clusterID` and `nodeID` are what the configuration expects; `nil` where it does not know
    /// yet.
    public func verify(
        clusterID expectedClusterID: String? = nil, nodeID expectedNodeID: BrokerID? = nil,
        requireValid: Bool = false
    ) throws(LogDirectoryError) {
        if requireValid, valid.isEmpty {
            let all = entries.map(\.directory).joined(separator: ", ")
            throw .inconsistent(
                "no readable \(MetaProperties.fileName) in \(all); format the directories first "
                    + "(martlet storage format)")
        }
        var cluster = expectedClusterID
        var node = expectedNodeID
        var owners: [KafkaUUID: String] = [:]
        for (directory, properties) in valid {
            let path = SmallFile.path(directory, MetaProperties.fileName)
            try Self.check(properties, path, cluster: &cluster, node: &node)
            guard let id = properties.directoryID else { continue }
            if id.high == 0, id.low < 100 {
                throw .inconsistent("\(path): the directory.id \(id) is reserved")
            }
            if let other = owners.updateValue(directory, forKey: id) {
                throw .inconsistent("\(other) and \(directory) both have the directory.id \(id)")
            }
        }
        if let failed = failedDirectories.first(where: { $0.directory == metadataDirectory }) {
            throw .inconsistent("the metadata log directory cannot be used: \(failed.error)")
        }
    }

    private static func check(
        _ properties: MetaProperties, _ path: String, cluster: inout String?, node: inout BrokerID?
    ) throws(LogDirectoryError) {
        if let found = properties.clusterID {
            if let cluster, cluster != found {
                throw .inconsistent("\(path): cluster.id is \(found) where \(cluster) is expected")
            }
            cluster = found
        }
        if let found = properties.nodeID {
            if let node, node != found {
                throw .inconsistent(
                    "\(path): node.id is \(found) where \(node) is expected; set node.id=\(found) "
                        + "to use this data, or choose an empty directory for a new node")
            }
            node = found
        }
    }

    /// Gives every readable directory an id and formats the empty ones, then writes what changed.
    ///
    /// Directories that cannot be written become `failed`. Empty ones are left alone unless both
    /// ids are known from the arguments or from another directory.
    public mutating func complete(
        clusterID: String?, nodeID: BrokerID?, in fileSystem: any FileSystem,
        using generator: inout some RandomNumberGenerator
    ) {
        let cluster = clusterID ?? self.clusterID
        let node = nodeID ?? self.nodeID
        for index in entries.indices {
            var changed: MetaProperties
            switch entries[index].found {
            case .failed: continue
            case .empty:
                guard let cluster, let node else { continue }
                changed = MetaProperties(clusterID: cluster, nodeID: node, directoryID: nil)
            case .valid(let properties): changed = properties
            }
            guard changed.directoryID == nil else { continue }
            changed.directoryID = unusedID(&generator)
            do throws(LogDirectoryError) {
                try changed.write(to: entries[index].directory, in: fileSystem)
                entries[index].found = .valid(changed)
            } catch {
                entries[index].found = .failed(error)
            }
        }
    }

    private func unusedID(_ generator: inout some RandomNumberGenerator) -> KafkaUUID {
        while true {
            let id = KafkaUUID.random(using: &generator)
            if !valid.contains(where: { $0.properties.directoryID == id }) { return id }
        }
    }
}
