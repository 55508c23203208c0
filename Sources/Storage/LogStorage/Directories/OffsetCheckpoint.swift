import KafkaWire

/// The text files at the top of a log directory that hold one offset for each partition.
///
/// Version line (`0`), count, then `topic partition offset` a line. All are caches: without them
/// recovery reads more, and nothing else changes.
public struct OffsetCheckpoint: Sendable {
    /// Which offset a file holds.
    public enum Kind: String, Sendable, CaseIterable {
        /// Everything below is on disk; recovery after a crash begins here.
        case recoveryPoint = "recovery-point-offset-checkpoint"
        /// The high watermark when it was last written.
        case highWatermark = "replication-offset-checkpoint"
        /// Log start offsets that lie above the first segment's base offset (`DeleteRecords`).
        case logStartOffset = "log-start-offset-checkpoint"
        /// The first offset that the cleaner has not compacted yet.
        case cleaner = "cleaner-offset-checkpoint"
    }

    /// The format version that is written and read.
    public static let version = 0

    /// The file, in its log directory.
    public let path: String
    private let fileSystem: any FileSystem

    /// The file of that kind in `directory`; it need not be there yet.
    public init(_ kind: Kind, in directory: String, fileSystem: any FileSystem) {
        path = SmallFile.path(directory, kind.rawValue)
        self.fileSystem = fileSystem
    }

    /// All offsets; none when the file is not there or empty.
    ///
    /// Throws `corrupt` when a line cannot be read, when the count is wrong or the version unknown;
    /// the caller then goes on as if the file held nothing, and reports it.
    public func read() throws(LogDirectoryError) -> [TopicPartition: Offset] {
        guard let bytes = try SmallFile.read(path, in: fileSystem) else { return [:] }
        var lines = bytes.split(separator: 10, omittingEmptySubsequences: false)[...]
        if let last = lines.last, last.isEmpty { lines.removeLast() }
        guard let version = lines.popFirst() else { return [:] }
        guard Self.number(version) == Int64(Self.version) else {
            throw corrupt(version, "unknown version")
        }
        guard let countLine = lines.popFirst() else { return [:] }
        guard let count = Self.number(countLine), count == lines.count else {
            throw corrupt(countLine, "the count does not fit the \(lines.count) lines that follow")
        }
        var offsets: [TopicPartition: Offset] = [:]
        offsets.reserveCapacity(lines.count)
        for line in lines {
            guard let (partition, offset) = Self.entry(line) else {
                throw corrupt(line, "not 'topic partition offset'")
            }
            offsets[partition] = offset
        }
        return offsets
    }

    /// Replaces the file with these offsets, durably and as a whole, sorted by partition.
    public func write(_ offsets: [TopicPartition: Offset]) throws(FileError) {
        var text = "\(Self.version)\n\(offsets.count)\n"
        for (partition, offset) in offsets.sorted(by: { $0.key < $1.key }) {
            text += "\(partition.topic) \(partition.partition) \(offset)\n"
        }
        try SmallFile.replace(path, with: Array(text.utf8), in: fileSystem)
    }

    /// Takes these partitions out of the file, durably. A file that cannot be read says nothing of
    /// any.
    public func remove(_ partitions: Set<TopicPartition>) throws(FileError) {
        let offsets: [TopicPartition: Offset]
        do throws(LogDirectoryError) {
            offsets = try read()
        } catch {
            if case .io(let cause) = error { throw cause }
            return
        }
        let left = offsets.filter { !partitions.contains($0.key) }
        if left.count < offsets.count { try write(left) }
    }

    private func corrupt(_ line: ArraySlice<UInt8>, _ reason: String) -> LogDirectoryError {
        let shown = String(decoding: line.prefix(80), as: UTF8.self)
        return .corrupt(path: path, reason: "\(reason): '\(shown)'")
    }

    private static func number(_ line: ArraySlice<UInt8>) -> Int64? {
        Int64(String(decoding: line.filter { $0 != 13 }, as: UTF8.self))
    }

    private static func entry(_ line: ArraySlice<UInt8>) -> (TopicPartition, Offset)? {
        let parts = line.split { $0 == 32 || $0 == 9 || $0 == 13 }
        guard parts.count == 3, let id = number(parts[1]), let offset = number(parts[2]),
            let partition = Int32(exactly: id), partition >= 0, offset >= 0
        else { return nil }
        let topic = String(decoding: parts[0], as: UTF8.self)
        return (TopicPartition(topic: topic, partition: partition), Offset(offset))
    }
}
