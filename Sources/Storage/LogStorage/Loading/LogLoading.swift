public import KafkaWire

/// What loading a directory gives a log.
struct LoadedLog {
    var logStartOffset: Offset
    var logEndOffset: Offset
    var flushedOffset: Offset
    var segments: [LogSegment]
    var producers: ProducerTable
    var snapshots: [Offset]
    var epochs: LeaderEpochCache
    var unsynced: PartitionLog.Unsynced
}

extension PartitionLog {
    /// Opens the log in `directory`, or makes an empty one there.
    ///
    /// Touches nothing outside of the directory, so that several threads may open several logs.
    /// After a clean shutdown what is on disk is trusted; else the segments from the one that holds
    /// `recoveryPoint` on are read, they are cut off where they are not whole and valid or do not
    /// continue each other, and their
    /// indexes and the producers' state are built anew.
    /// - Parameters:
    ///   - topicID: written to `partition.metadata` when it is not there yet.
    ///   - recoveryPoint: the log is known to be on disk up to here.
    ///   - logStartOffset: from the checkpoint; nothing below is readable.
    ///   - cleanedOffset: from `cleaner-offset-checkpoint`; below it the log may have gaps.
    ///   - now: milliseconds since the epoch.
    /// - Throws: `corrupt` when `partition.metadata` is damaged or of another topic.
    public static func open(
        directory: String, topicPartition: TopicPartition, topicID: KafkaUUID?,
        config: LogConfig, fileSystem: any FileSystem, recoveryPoint: Offset,
        logStartOffset: Offset, cleanedOffset: Offset = .zero, cleanShutdown: Bool, now: Int64
    ) throws(LogError) -> PartitionLog {
        let isNew: Bool
        let found: KafkaUUID?
        do throws(FileError) {
            isNew = try fileSystem.status(directory) == nil
            if isNew { try fileSystem.createDirectory(directory) }
        } catch {
            throw .io(error)
        }
        found = try PartitionMetadataFile.read(directory, fileSystem)
        if let topicID, let found, topicID != found {
            throw .corrupt(
                "\(directory) belongs to the topic with the id \(found), not \(topicID)")
        }
        let loader = LogLoader(
            directory: directory, config: config, fileSystem: fileSystem,
            recoveryPoint: recoveryPoint, logStartOffset: logStartOffset,
            cleanedOffset: cleanedOffset, cleanShutdown: cleanShutdown, now: now)
        do throws(FileError) {
            var loaded = try loader.load()
            if isNew || !cleanShutdown || loaded.logEndOffset == .zero {
                // An empty log is made without syncs, and a crash leaves in doubt which names
                // had reached the disk: the first flush makes sure of them.
                loaded.unsynced.directory = true
                loaded.unsynced.names = true
                loaded.unsynced.metadata = found != nil
            }
            let log = PartitionLog(
                topicPartition: topicPartition, topicID: found, directory: directory,
                config: config, fileSystem: fileSystem, loaded: loaded, now: now)
            if let topicID, found == nil { try log.writeMetadata(topicID) }
            return log
        } catch {
            throw .io(error)
        }
    }

    /// Gives the partition its topic's id. The next flush makes it durable, with or before the
    /// first record.
    private func writeMetadata(_ id: KafkaUUID) throws(FileError) {
        let path = directory + "/" + PartitionMetadataFile.fileName
        let file = try fileSystem.open(path, .create)
        try file.truncate(to: 0)
        let bytes = PartitionMetadataFile.encode(id)
        // Bytes have no padding.
        try unsafe file.write(bytes.span.bytes, at: 0)
        topicID = id
        unsynced.metadata = true
        unsynced.names = true
    }

    /// Closes the log. With `clean`, all of it is made durable first, with a snapshot of the
    /// producers, so that the next start after a clean shutdown can trust it.
    ///
    /// - Throws: with `clean`, when the log cannot be trusted: `failed` when it had failed before.
    public func close(clean: Bool = true) throws(LogError) {
        if clean {
            if let failure { throw .failed(failure) }
            try failingLog { () throws(FileError) in
                if active.isChanged { try active.finishIndexes() }
                try writeSnapshot(at: logEndOffset)
            }
            try flush()
        }
        closeIdleFiles()
        markFailed(
            FileError(operation: "use", path: directory, code: 9, message: "the log is closed"))
    }
}
