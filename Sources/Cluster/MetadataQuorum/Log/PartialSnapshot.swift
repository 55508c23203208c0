import KafkaWire
import LogStorage

/// A snapshot that is being fetched, in a file of its own until all of it is there and checked.
final class PartialSnapshot {
    static let suffix = ".checkpoint.part"

    let id: SnapshotID
    /// Bytes written so far.
    private(set) var size = 0
    private let path: String
    private let file: any StorageFile

    init(_ id: SnapshotID, in log: MetadataLog) throws(FileError) {
        self.id = id
        path = log.path(of: id) + ".part"
        file = try log.fileSystem.open(path, .create)
        try file.truncate(to: 0)
    }

    func append(_ bytes: [UInt8]) throws(FileError) {
        // Bytes have no padding that could be read.
        try unsafe file.write(bytes.span.bytes, at: size)
        size += bytes.count
    }

    /// Makes the file the snapshot that it is to be, durably, and gives its contents.
    ///
    /// - Throws: `corrupt` when what came is not a whole snapshot.
    func finish(in log: MetadataLog) throws(QuorumError) -> SnapshotContents {
        let bytes = try log.onDisk { () throws(FileError) in
            try file.sync()
            return try file.readBytes(at: 0, count: size)
        }
        let contents = try SnapshotContents(decoding: bytes, path: path)
        file.close()
        try log.onDisk { () throws(FileError) in
            try log.fileSystem.rename(path, to: log.path(of: id))
            try log.fileSystem.syncDirectory(log.directory)
        }
        log.note(id)
        return contents
    }

    /// Leaves nothing behind.
    func discard(in log: MetadataLog) throws(FileError) {
        file.close()
        try log.fileSystem.remove(path)
    }
}
