import KafkaWire

/// Brings the files of one partition into order and finds out what they hold.
struct LogLoader {
    let directory: String
    let config: LogConfig
    let fileSystem: any FileSystem
    let recoveryPoint: Offset
    let logStartOffset: Offset
    let cleanedOffset: Offset
    let cleanShutdown: Bool
    let now: Int64

    func load() throws(FileError) -> LoadedLog {
        let files = try settledFiles()
        var segments = try openSegments(files)
        var snapshots = files.filter { $0.kind == .producerSnapshot }.map(\.baseOffset).sorted()
        var unsynced = PartitionLog.Unsynced()
        var epochs = try loadEpochs()
        var producers: ProducerTable?

        var first = firstToRecover(segments, files)
        var end: Offset?
        if first == nil, let last = segments.last {
            let found = try last.end()
            end = found.nextOffset
            // Records written after what is no batch would never be found again.
            if found.position < last.size { first = segments.count - 1 }
        }
        if let first {
            var recovery = LogRecovery(loader: self, segments: segments, snapshots: snapshots)
            recovery.epochs = epochs
            try recovery.run(from: first)
            segments = recovery.segments
            snapshots = recovery.snapshots
            epochs = recovery.epochs
            producers = recovery.producers
            unsynced.segments = Array(segments[min(first, segments.count)...].dropLast())
            unsynced.epochs = true
            unsynced.names = true
            end = try segments.last?.nextOffset()
        }
        if let found = end, found < logStartOffset {
            // The files that reached the log start are gone: nothing here is readable.
            for segment in segments { try removeFiles(of: segment) }
            for snapshot in snapshots { try remove(snapshot) }
            (segments, snapshots, producers, end) = ([], [], nil, nil)
            epochs.removeAll()
        }
        if segments.isEmpty {
            segments = [try makeSegment(at: logStartOffset)]
            unsynced.names = true
        }
        let logEnd = end ?? logStartOffset
        let logStart = max(logStartOffset, segments[0].baseOffset)
        // In this order: an empty log has no epoch, as the next start finds it.
        var changed = epochs.truncate(fromStart: logStart)
        changed = epochs.truncate(fromEnd: logEnd) || changed
        unsynced.epochs = unsynced.epochs || changed
        try removeStraySnapshots(&snapshots, segments, logEnd)
        let table: ProducerTable
        if let producers {
            table = producers
        } else {
            table = try loadProducers(&snapshots, segments, logEnd)
        }
        for segment in segments { segment.closeFiles() }
        return LoadedLog(
            logStartOffset: logStart, logEndOffset: logEnd,
            flushedOffset: cleanShutdown ? logEnd : max(min(recoveryPoint, logEnd), logStart),
            segments: segments, producers: table, snapshots: snapshots, epochs: epochs,
            unsynced: unsynced)
    }

    // MARK: Files

    /// Finishes what a crash interrupted, and lists the segment files that are left.
    ///
    /// What the cleaner had not finished is dropped (`.cleaned`), what it had is put in place
    /// (`.swap`), what was given up is removed (`.deleted`), and so are indexes without a log.
    private func settledFiles() throws(FileError) -> [SegmentFileName] {
        var files: [SegmentFileName] = []
        for name in try fileSystem.list(directory) {
            guard let file = SegmentFileName(name) else { continue }
            if file.state == .deleted {
                sometimes(.deletedFilesRemoved)
                try remove(file)
            } else {
                files.append(file)
            }
        }
        let cleaned = files.filter { $0.state == .cleaned }
        let unfinished = cleaned.map(\.baseOffset).min()
        files.removeAll { $0.state == .cleaned }
        for file in cleaned { try remove(file) }
        if let unfinished {
            sometimes(.cleanedFilesRemoved)
            // A `.swap` at or after a `.cleaned` is of a split that was not finished either.
            for file in files where file.state == .swap && file.baseOffset >= unfinished {
                try remove(file)
            }
            files.removeAll { $0.state == .swap && $0.baseOffset >= unfinished }
        }
        try finishSwap(&files)
        let logs = Set(files.filter { $0.kind == .log }.map(\.baseOffset))
        for file in files where isOrphan(file, logs) { try remove(file) }
        files.removeAll { isOrphan($0, logs) }
        return files
    }

    private func isOrphan(_ file: SegmentFileName, _ logs: Set<Offset>) -> Bool {
        file.kind != .log && file.kind != .producerSnapshot && !logs.contains(file.baseOffset)
    }

    /// Removes the segments that the swap files replace, and gives those their names.
    private func finishSwap(_ files: inout [SegmentFileName]) throws(FileError) {
        let swaps = files.filter { $0.state == .swap }
        guard let low = swaps.map(\.baseOffset).min() else { return }
        sometimes(.swapFinished)
        var high = low
        for swap in swaps where swap.kind == .log {
            high = max(high, try openSegment(swap).nextOffset())
        }
        // An empty one covers no offset, and replaces the segment of its name all the same.
        let bases = Set(swaps.filter { $0.kind == .log }.map(\.baseOffset))
        let isReplaced = { (file: SegmentFileName) in
            file.state == .live && file.kind != .producerSnapshot
                && (file.baseOffset >= low && file.baseOffset < high
                    || bases.contains(file.baseOffset))
        }
        for file in files where isReplaced(file) { try remove(file) }
        files.removeAll(where: isReplaced)
        for swap in swaps {
            var live = swap
            live.state = .live
            try fileSystem.rename(path(swap), to: path(live))
            if let index = files.firstIndex(of: swap) { files[index] = live }
        }
    }

    func path(_ file: SegmentFileName) -> String { directory + "/" + file.text }

    private func remove(_ file: SegmentFileName) throws(FileError) {
        try fileSystem.remove(path(file))
    }

    /// Removes the producer snapshot of that offset.
    func remove(_ snapshot: Offset) throws(FileError) {
        let file = SegmentFileName(baseOffset: snapshot, kind: .producerSnapshot)
        if try fileSystem.status(path(file)) != nil { try remove(file) }
    }

    func removeFiles(of segment: LogSegment) throws(FileError) {
        segment.closeFiles()
        for kind in SegmentFileKind.allCases where kind != .producerSnapshot {
            let path = segment.path(kind)
            if try fileSystem.status(path) != nil { try fileSystem.remove(path) }
        }
    }

    // MARK: Segments

    private func openSegment(_ file: SegmentFileName) throws(FileError) -> LogSegment {
        let status = try fileSystem.status(path(file))
        return LogSegment(
            directory: directory, baseOffset: file.baseOffset, state: file.state,
            size: status?.size ?? 0, modified: status?.modified ?? now,
            indexIntervalBytes: config.indexIntervalBytes, fileSystem: fileSystem, now: now)
    }

    private func openSegments(
        _ files: [SegmentFileName]
    ) throws(FileError) -> [LogSegment] {
        var segments: [LogSegment] = []
        let logs = files.filter { $0.kind == .log }.sorted { $0.baseOffset < $1.baseOffset }
        for file in logs { segments.append(try openSegment(file)) }
        return segments
    }

    private func makeSegment(at offset: Offset) throws(FileError) -> LogSegment {
        try LogSegment.create(
            directory: directory, baseOffset: offset,
            indexIntervalBytes: config.indexIntervalBytes, fileSystem: fileSystem, now: now)
    }

    /// Everything below is on disk, gaps and all.
    var trustedBelow: Offset { cleanShutdown ? Offset(.max) : recoveryPoint }

    /// The first segment that cannot be trusted as it is: the one that holds the last record below
    /// the recovery point (a flush syncs the indexes of closed segments only), or an earlier one
    /// that has lost an index, and with it perhaps the one of aborted transactions, which not every
    /// segment has.
    private func firstToRecover(_ segments: [LogSegment], _ files: [SegmentFileName]) -> Int? {
        let indexed = [SegmentFileKind.offsetIndex, .timeIndex].map { kind in
            Set(files.filter { $0.kind == kind }.map(\.baseOffset))
        }
        let damaged = segments.firstIndex { segment in
            !indexed.allSatisfy { $0.contains(segment.baseOffset) }
        }
        guard !cleanShutdown, !segments.isEmpty else { return damaged }
        if PlantedBug.unrecoveredLog.isPlanted { return damaged }
        let unsynced = segments.lastIndex { $0.baseOffset < recoveryPoint } ?? 0
        return min(damaged ?? unsynced, unsynced)
    }

    // MARK: Epochs and producers

    private func loadEpochs() throws(FileError) -> LeaderEpochCache {
        let path = directory + "/" + LeaderEpochCache.fileName
        guard let bytes = try fileSystem.readFile(path, limit: 64 << 20) else {
            return LeaderEpochCache()
        }
        // A damaged file is as good as none: recovery finds the epochs in the log.
        return LeaderEpochCache(text: String(decoding: bytes, as: UTF8.self)) ?? LeaderEpochCache()
    }

    /// Snapshots are of use at segment boundaries, and the newest one anywhere.
    private func removeStraySnapshots(
        _ snapshots: inout [Offset], _ segments: [LogSegment], _ logEnd: Offset
    ) throws(FileError) {
        guard !snapshots.isEmpty else { return }
        let bases = Set(segments.map(\.baseOffset))
        let newest = snapshots.last { $0 <= logEnd }
        let strays = snapshots.filter { $0 > logEnd || ($0 != newest && !bases.contains($0)) }
        sometimes(.strayProducerSnapshot, when: !strays.isEmpty)
        for stray in strays { try remove(stray) }
        snapshots.removeAll { $0 > logEnd || ($0 != newest && !bases.contains($0)) }
    }

    private func loadProducers(
        _ snapshots: inout [Offset], _ segments: [LogSegment], _ logEnd: Offset
    ) throws(FileError) -> ProducerTable {
        // A log that was closed cleanly and has no snapshot was written before there were any.
        if snapshots.isEmpty && cleanShutdown { return ProducerTable(endOffset: logEnd) }
        return try ProducerReplay(loader: self).table(
            upTo: logEnd, segments, from: segments[0].baseOffset, &snapshots)
    }
}
