import KafkaWire

/// What `meta.properties` at the top of a log directory says: to which cluster and node it belongs.
///
/// Version 1 is KRaft's and has `cluster.id` and `node.id`; version 0 is older, names the node
/// `broker.id` and may lack everything. `directory.id` (KIP-858) is optional in both.
public struct MetaProperties: Equatable, Sendable {
    /// The format of the file.
    public enum Version: Int, Sendable {
        case v0 = 0
        case v1 = 1
    }

    /// The file's name in the log directory.
    public static let fileName = "meta.properties"

    public var version: Version
    public var clusterID: String?
    public var nodeID: BrokerID?
    public var directoryID: KafkaUUID?

    /// What a formatted directory of a KRaft node holds.
    public init(clusterID: String, nodeID: BrokerID, directoryID: KafkaUUID?) {
        self.version = .v1
        self.clusterID = clusterID
        self.nodeID = nodeID
        self.directoryID = directoryID
    }

    /// Reads the file's bytes; `path` is only used to name the file in an error.
    ///
    /// Throws `corrupt` for an unknown version, an id that is not one, and a required key that is
    /// not there.
    public init(parsing bytes: [UInt8], path: String) throws(LogDirectoryError) {
        var values: [String: String] = [:]
        for pair in JavaProperties.parse(bytes) { values[pair.key] = pair.value }
        version = try Self.version(values["version"] ?? "0", path)
        clusterID = values["cluster.id"]
        let nodeKey = version == .v0 ? "broker.id" : "node.id"
        if let text = values[nodeKey] {
            guard let number = Int32(text.trimmingBlanks) else {
                throw .corrupt(path: path, reason: "\(nodeKey) is '\(text)', not a number")
            }
            nodeID = BrokerID(number)
        }
        if let text = values["directory.id"] {
            guard let id = KafkaUUID(text) else {
                throw .corrupt(path: path, reason: "directory.id is '\(text)', not an id")
            }
            directoryID = id
        }
        guard version == .v0 || clusterID != nil else {
            throw .corrupt(path: path, reason: "cluster.id is missing")
        }
        guard version == .v0 || nodeID != nil else {
            throw .corrupt(path: path, reason: "node.id is missing")
        }
    }

    private static func version(
        _ text: String, _ path: String
    ) throws(LogDirectoryError) -> Version {
        guard let number = Int(text.trimmingBlanks), let version = Version(rawValue: number) else {
            throw .corrupt(path: path, reason: "version is '\(text)'; 0 and 1 are known")
        }
        return version
    }

    /// The file's bytes, which Kafka reads as well.
    public func encoded() -> [UInt8] {
        var pairs = [(key: "version", value: String(version.rawValue))]
        if let clusterID { pairs.append((key: "cluster.id", value: clusterID)) }
        if let nodeID {
            let key = version == .v0 ? "broker.id" : "node.id"
            pairs.append((key: key, value: String(nodeID.rawValue)))
        }
        if let directoryID { pairs.append((key: "directory.id", value: directoryID.description)) }
        return JavaProperties.format(pairs)
    }

    /// What `directory` holds; `nil` when the file is not there, which is so before it is
    /// formatted.
    public static func read(
        from directory: String, in fileSystem: any FileSystem
    ) throws(LogDirectoryError) -> MetaProperties? {
        let path = SmallFile.path(directory, fileName)
        guard let bytes = try SmallFile.read(path, in: fileSystem) else { return nil }
        return try MetaProperties(parsing: bytes, path: path)
    }

    /// Replaces the file in `directory`, durably and as a whole.
    public func write(
        to directory: String, in fileSystem: any FileSystem
    ) throws(LogDirectoryError) {
        do throws(FileError) {
            let path = SmallFile.path(directory, Self.fileName)
            try SmallFile.replace(path, with: encoded(), in: fileSystem)
        } catch {
            throw .io(error)
        }
    }
}

extension String {
    fileprivate var trimmingBlanks: Substring {
        var text = self[...]
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }
}
