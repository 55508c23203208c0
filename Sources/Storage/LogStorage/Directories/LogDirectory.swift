import KafkaWire

/// One directory of `log.dirs`: where it is, whose it is, and whether it can be used.
public struct LogDirectory: Sendable {
    /// Whether the directory serves. Once offline, it stays so until the node restarts.
    public enum State: Sendable, Equatable {
        case online
        /// With the first failure, in words for an operator.
        case offline(reason: String)
    }

    /// Name of the file whose lock keeps a second node out.
    public static let lockFileName = ".lock"

    /// As the configuration gives it.
    public let path: String
    /// `directory.id` of `meta.properties`; `nil` as long as the directory is not formatted.
    public internal(set) var id: KafkaUUID?
    public internal(set) var state: State
    /// Takes no new partitions (`cordoned.log.dirs`, KIP-1066).
    public var isCordoned = false
    /// Replicas in it, without those that are being moved there.
    public internal(set) var partitionCount = 0
    var lock: (any FileLock)?

    /// Whether it serves.
    public var isOnline: Bool { state == .online }

    /// Its marker of an orderly stop.
    public func cleanShutdownFile(in fileSystem: any FileSystem) -> CleanShutdownFile {
        CleanShutdownFile(in: path, fileSystem: fileSystem)
    }

    /// The path of a partition's directory in it.
    public func path(of name: PartitionDirectoryName) -> String { SmallFile.path(path, name.name) }

    /// Renames a partition's directory durably: to delete it later, to set it aside as a stray, or
    /// to make a future replica the current one.
    public func rename(
        _ old: PartitionDirectoryName, to new: PartitionDirectoryName,
        in fileSystem: any FileSystem
    ) throws(FileError) {
        try fileSystem.rename(path(of: old), to: path(of: new))
        try fileSystem.syncDirectory(path)
    }
}
