import KafkaRecords
import KafkaWire
import LogStorage

/// Whole logs: what is in a partition's directory is opened, read, written to and opened again.
let logTargets = [FuzzTarget("log", fuzzLog), FuzzTarget("append", fuzzAppend)]

private let topicPartition = TopicPartition(topic: "t", partition: 0)
private let topicID = KafkaUUID(high: 1, low: 2)
private let now: Int64 = 1_700_000_000_000

/// How a log is opened, as the first bytes of an input say.
private struct Opening {
    var cleanShutdown: Bool
    var recoveryPoint: Offset
    var logStartOffset: Offset
    var cleanedOffset: Offset
    var config = LogConfig()

    init(_ input: inout FuzzInput) {
        let flags = input.byte()
        cleanShutdown = flags & 1 == 1
        config.compact = flags & 2 == 2
        config.indexIntervalBytes = flags & 4 == 4 ? 1 : 4096
        config.segmentBytes = flags & 8 == 8 ? 1024 : 1 << 20
        recoveryPoint = Offset(max(0, input.number()))
        logStartOffset = Offset(max(0, input.number()))
        cleanedOffset = Offset(max(0, input.number()))
    }

    /// Everything that the log gives has been checked when it was opened.
    var checksEverything: Bool { !cleanShutdown && recoveryPoint == .zero }

    func open(_ disk: MemoryFileSystem) throws(LogError) -> PartitionLog {
        try PartitionLog.open(
            directory: "/d", topicPartition: topicPartition, topicID: topicID, config: config,
            fileSystem: disk, recoveryPoint: recoveryPoint, logStartOffset: logStartOffset,
            cleanedOffset: cleanedOffset, cleanShutdown: cleanShutdown, now: now)
    }
}

/// Files of a partition, each with a byte for its kind, its base offset, and a piece for its bytes.
/// Opening them ends with an error, or with a log that can be read, used, closed and opened again.
private func fuzzLog(_ bytes: RawSpan) {
    var input = FuzzInput(bytes)
    var opening = Opening(&input)
    var files: [String: [UInt8]] = [:]
    while !input.isAtEnd, files.count < 16 {
        let kind = input.byte()
        let base = Offset(max(0, input.number()))
        var content = input.piece()
        if kind & 0x80 != 0 { repair(&content, kind) }
        files[fileName(kind, base)] = content
    }
    let disk = disk(files)
    guard let log = try? opening.open(disk) else { return }
    read(log, isChecked: opening.checksEverything)
    use(log)
    guard let (start, end) = close(log) else { return }
    opening.cleanShutdown = true
    opening.logStartOffset = start
    guard let again = try? opening.open(disk) else {
        return require(false, "a log that was closed cleanly does not open")
    }
    require(again.logEndOffset == end, "the log ended at \(end), now at \(again.logEndOffset)")
    require(
        again.logStartOffset == start, "the log began at \(start), now at \(again.logStartOffset)")
    read(again, isChecked: opening.checksEverything)
}

private func fileName(_ kind: UInt8, _ base: Offset) -> String {
    let kinds = SegmentFileKind.allCases
    let states = SegmentFileName.State.allCases
    let choice = Int(kind & 0x1F)
    guard choice < kinds.count * states.count else {
        return choice & 1 == 0 ? "leader-epoch-checkpoint" : PartitionMetadataFile.fileName
    }
    return SegmentFileName(
        baseOffset: base, kind: kinds[choice % kinds.count], state: states[choice / kinds.count]
    ).text
}

/// Makes checksums right, which a fuzzer never does.
private func repair(_ content: inout [UInt8], _ kind: UInt8) {
    let kinds = SegmentFileKind.allCases
    switch kinds[Int(kind & 0x1F) % kinds.count] {
    case .log: repairBatches(&content)
    case .producerSnapshot: repairSnapshot(&content)
    case .offsetIndex, .timeIndex, .transactionIndex: break
    }
}

/// Reads all of the log, whose offsets must grow.
private func read(_ log: PartitionLog, isChecked: Bool) {
    require(log.logStartOffset <= log.logEndOffset, "the log ends before it starts")
    require(log.flushedOffset <= log.logEndOffset, "more is flushed than there is")
    var next = log.logStartOffset
    while next < log.logEndOffset {
        guard
            let found = try? log.read(
                from: next, maxBytes: 512, upTo: log.logEndOffset, atLeastOneBatch: true),
            let slice = found.slice, let bytes = try? slice.bytes()
        else { break }
        require(found.nextOffset > next, "reading at \(next) does not get on")
        if isChecked { bytes.withSpan { checkBatches($0, upTo: found.nextOffset) } }
        next = found.nextOffset
    }
    let end = log.logEndOffset
    let stable = log.lastStableOffset(highWatermark: end)
    require(stable <= end, "the last stable offset is past the end")
    _ = try? log.abortedTransactions(from: log.logStartOffset, upTo: end)
    _ = try? log.offset(forTimestamp: now, upTo: end)
    _ = try? log.offset(forTimestamp: 0, upTo: end)
    _ = try? log.maxTimestampOffset()
    _ = log.endOffset(forEpoch: log.latestEpoch)
    _ = log.epoch(of: log.logStartOffset)
}

private func checkBatches(_ bytes: RawSpan, upTo end: Offset) {
    var batches = BatchIterator(bytes)
    do throws(BatchError) {
        while let batch = try batches.next() {
            try RecordBatchHeader.verifyCRC(
                bytes, at: batch.range.lowerBound, header: batch.header)
            require(batch.header.lastOffset < end, "a batch reaches past the read's end")
        }
        require(batches.trailingBytes == 0, "a read gave a piece of a batch")
    } catch {
        require(false, "what recovery let pass is damaged: \(error)")
    }
}

/// Appends as a leader and as an idempotent producer, then lets time pass.
private func use(_ log: PartitionLog) {
    for producer in [ProducerID.none, ProducerID(7)] {
        var builder = RecordBatchBuilder(
            .init(
                producerID: producer, producerEpoch: producer == .none ? -1 : 0,
                baseSequence: producer == .none ? -1 : 0))
        builder.append(timestamp: now, key: [1], value: [2])
        guard var batch = try? builder.finish() else { return }
        var span = batch.mutableSpan
        // Bytes have no padding.
        var bytes = unsafe span.mutableBytes
        let end = log.logEndOffset
        let epoch = LeaderEpoch(max(0, log.latestEpoch.rawValue))
        guard
            let info = try? log.append(&bytes, origin: .client, leaderEpoch: epoch, now: now)
        else { continue }
        require(info.isDuplicate || info.baseOffset == end, "an append went to another place")
    }
    log.expireProducers(now: now + 1)
    _ = log.activeProducers()
    _ = try? log.applyRetention(now: now, highWatermark: log.logEndOffset)
}

private func close(_ log: PartitionLog) -> (start: Offset, end: Offset)? {
    let range = (log.logStartOffset, log.logEndOffset)
    return (try? log.close(clean: true)) == nil ? nil : range
}

/// Whether a coordinator, which is trusted, would write these batches.
private func isCoordinators(_ batches: [UInt8]) -> Bool {
    // Bytes have no padding.
    var iterator = unsafe BatchIterator(batches.span.bytes)
    do throws(BatchError) {
        while let batch = try iterator.next() {
            let header = batch.header
            guard header.magic == 2, header.recordCount > 0,
                header.lastOffsetDelta == header.recordCount - 1
            else { return false }
        }
        return iterator.trailingBytes == 0 && !batches.isEmpty
    } catch {
        return false
    }
}

/// Batches as a producer, a leader or a coordinator sends them, one piece an append. The first byte
/// of each says who appends and whether its checksums are made right.
private func fuzzAppend(_ bytes: RawSpan) {
    var input = FuzzInput(bytes)
    var opening = Opening(&input)
    opening.logStartOffset = .zero
    opening.cleanShutdown = false
    opening.recoveryPoint = .zero
    let disk = disk([:])
    guard let log = try? opening.open(disk) else {
        return require(false, "an empty directory does not open")
    }
    for _ in 0..<16 where !input.isAtEnd {
        let mode = input.byte()
        var batches = input.piece()
        if mode & 0x80 != 0 { repairBatches(&batches) }
        let end = log.logEndOffset
        if mode & 3 == 0 {
            batches.withSpan { _ = try? log.appendReplicated($0) }
        } else if mode & 3 == 1 && !batches.isEmpty || isCoordinators(batches) {
            var span = batches.mutableSpan
            // Bytes have no padding.
            var bytes = unsafe span.mutableBytes
            _ = try? log.append(
                &bytes, origin: mode & 3 == 1 ? .client : .coordinator,
                leaderEpoch: LeaderEpoch(Int32(mode >> 2 & 7)), now: now)
        }
        require(log.logEndOffset >= end, "an append shortened the log")
        if mode & 0x40 != 0 { log.expireProducers(now: now) }
    }
    read(log, isChecked: true)
    guard let (start, end) = close(log), end > .zero else { return }
    guard let again = try? opening.open(disk) else {
        return require(false, "a log does not open after a crash")
    }
    require(again.logEndOffset == end, "recovery ends at \(again.logEndOffset), not \(end)")
    require(again.logStartOffset == start, "recovery begins at \(again.logStartOffset)")
    read(again, isChecked: true)
}
