public import KafkaWire

/// What one flush makes durable: made under the log's lock, run off it, completed under it.
public final class FlushTicket: Sendable {
    /// Everything below is durable once `run` has returned.
    public let endOffset: Offset
    let generation: Int
    private let log: LogIdentity
    /// The base offsets of the rolled segments that are synced, and the snapshots.
    let segments: [Offset]
    let snapshots: [Offset]
    /// How many names the log had made.
    let nameCount: Int
    let files: [any StorageFile]
    let epochs: (path: String, text: String)?
    let directories: [String]
    let fileSystem: any FileSystem
    /// Set when the files to sync could not even be found.
    let failure: FileError?

    init(
        endOffset: Offset, of log: LogIdentity, files: [any StorageFile],
        unsynced: PartitionLog.Unsynced, epochs: (path: String, text: String)?,
        directories: [String], fileSystem: any FileSystem, failure: FileError? = nil
    ) {
        self.failure = failure
        self.log = log
        self.endOffset = endOffset
        generation = unsynced.generation
        segments = unsynced.segments.map(\.baseOffset)
        snapshots = unsynced.snapshots
        nameCount = unsynced.nameCount
        self.files = files
        self.epochs = epochs
        self.directories = directories
        self.fileSystem = fileSystem
    }

    /// Whether it is a flush of that log.
    func isFlush(of log: LogIdentity) -> Bool { self.log === log }

    /// Has the system begin to write what `run` will wait for; a hint, whose failure shows there.
    public func startWriting() {
        for file in files { file.startWriting() }
    }

    /// Syncs; blocks, and needs no lock. What came of it is for `PartitionLog.completeFlush`,
    /// whatever it is.
    public func run() -> FlushResult {
        do throws(FileError) {
            try sync()
            return FlushResult(ticket: self, failure: nil)
        } catch {
            if PlantedBug.ignoredSyncError.isPlanted {
                return FlushResult(ticket: self, failure: nil)
            }
            return FlushResult(ticket: self, failure: error)
        }
    }

    private func sync() throws(FileError) {
        if let failure { throw failure }
        if PlantedBug.unsyncedAck.isPlanted { return }
        for file in files { try file.sync() }
        if let epochs { try fileSystem.replaceFile(epochs.path, with: Array(epochs.text.utf8)) }
        if PlantedBug.unsyncedNames.isPlanted { return }
        for directory in directories { try fileSystem.syncDirectory(directory) }
    }
}

/// What came of a flush. After a failure nobody can tell what is on disk, and a later sync that
/// succeeds would say nothing about it.
public struct FlushResult: Sendable {
    let ticket: FlushTicket
    let failure: FileError?
}

extension PartitionLog {
    /// Notes what is to be synced for all that the log holds now; `nil` when all is on disk.
    ///
    /// A log that never held a record has nothing to lose: its files are made anew when they are
    /// gone.
    ///
    /// The ticket of a failed log fails when it is run. There is none for a retired one.
    public func beginFlush() -> FlushTicket? {
        if isRetired { return nil }
        let isClean =
            logEndOffset == .zero
            || flushedOffset >= logEndOffset && unsynced.segments.isEmpty && !unsynced.epochs
                && !unsynced.names && !unsynced.directory
        if isClean && failure == nil { return nil }
        if let failure { return ticket([], failure) }
        do throws(FileError) {
            return ticket(try filesToSync(), nil)
        } catch {
            markFailed(error)
            return ticket([], error)
        }
    }

    private func ticket(_ files: [any StorageFile], _ failure: FileError?) -> FlushTicket {
        FlushTicket(
            endOffset: logEndOffset, of: identity, files: files, unsynced: unsynced,
            epochs: unsynced.epochs ? (epochPath, epochs.text) : nil,
            directories: directoriesToSync, fileSystem: fileSystem, failure: failure)
    }

    /// Oldest first, so that what is on disk after a power cut is a prefix of the log.
    private func filesToSync() throws(FileError) -> [any StorageFile] {
        var files: [any StorageFile] = []
        if unsynced.metadata {
            let path = directory + "/" + PartitionMetadataFile.fileName
            files.append(try fileSystem.open(path, .readWrite))
        }
        for segment in unsynced.segments where !PlantedBug.unsyncedRoll.isPlanted {
            files.append(try segment.file())
            files += try segment.finishIndexes()
            segment.closeFiles()
        }
        for offset in unsynced.snapshots {
            files.append(try fileSystem.open(snapshotPath(offset), .create))
        }
        if active.size > 0 || unsynced.names { files.append(try active.file()) }
        return files
    }

    var epochPath: String { directory + "/" + LeaderEpochCache.fileName }

    private var directoriesToSync: [String] {
        var directories: [String] = []
        if unsynced.names || unsynced.epochs || unsynced.directory { directories.append(directory) }
        if unsynced.directory, let slash = directory.lastIndex(of: "/") {
            directories.append(String(directory[..<slash]))
        }
        return directories
    }

    /// Takes over what a ticket has made durable. A failed one fails the log for good: its owner
    /// takes the directory offline. What a ticket of a log did that this one has replaced is of no
    /// interest.
    public func completeFlush(_ result: FlushResult) throws(FileError) {
        guard result.ticket.isFlush(of: identity) else { return }
        if let error = result.failure {
            sometimes(.syncFailed)
            markFailed(error)
            throw error
        }
        let ticket = result.ticket
        // A truncation since then may have put other records below the ticket's end.
        guard ticket.generation == unsynced.generation else {
            return
        }
        noteFlushed(to: min(ticket.endOffset, logEndOffset))
        if let epochs = ticket.epochs, epochs.text == self.epochs.text { unsynced.epochs = false }
        unsynced.segments.removeAll { ticket.segments.contains($0.baseOffset) }
        unsynced.snapshots.removeAll { ticket.snapshots.contains($0) }
        unsynced.syncedNameCount = max(unsynced.syncedNameCount, ticket.nameCount)
        if !ticket.directories.isEmpty {
            unsynced.directory = false
            unsynced.metadata = false
        }
    }

    private func noteFlushed(to end: Offset) {
        guard let held = moving?.heldFlush else {
            flushedOffset = max(flushedOffset, end)
            return
        }
        moving?.heldFlush = max(held, end)
    }

    /// Flushes at once, on the caller's thread.
    public func flush() throws(LogError) {
        guard let ticket = beginFlush() else { return }
        let result = ticket.run()
        try failingLog { () throws(FileError) in try completeFlush(result) }
    }
}
