public import KafkaWire

/// The log of one partition: segments of record batches on disk in Kafka's formats, the state of
/// its producers and transactions, and the history of its leader epochs.
///
/// Not for several threads at once: whoever owns it holds one lock for each log. Off the lock run
/// only `FlushTicket.run()` and reads of a `FileSlice`.
///
/// Offsets: `logStartOffset` ≤ `logEndOffset`; `flushedOffset` ≤ `logEndOffset`, and a power cut
/// loses nothing below it. After a failed write that could not be undone, or a failed sync, the log
/// is failed for good: it takes and gives nothing until it is opened again and recovered.
public final class PartitionLog {
    public let topicPartition: TopicPartition
    /// The id of the topic; `nil` only for a log that has no `partition.metadata`.
    public internal(set) var topicID: KafkaUUID?
    public internal(set) var directory: String
    /// Takes effect with the next call.
    public var config: LogConfig
    /// The earliest offset that can be read.
    public internal(set) var logStartOffset: Offset
    /// The offset that the next record gets.
    public internal(set) var logEndOffset: Offset
    /// Everything below is on disk, and the recovery of a crashed log begins here.
    public internal(set) var flushedOffset: Offset
    /// Bytes appended since the log was opened.
    public internal(set) var appendedBytes = 0
    /// The failure after which the log is closed to everything.
    public internal(set) var failure: FileError?
    /// Set while the log is being moved to another log directory (`LogMove`).
    var moving: MovingState?
    /// Its topic is gone (`retire`).
    public internal(set) var isRetired = false
    /// Tells the flushes of this log from those of another one of the same partition.
    let identity = LogIdentity()

    let fileSystem: any FileSystem
    /// The latest time that the log was told, in milliseconds since the epoch.
    var now: Int64
    /// By base offset; the last one is active. Never empty.
    var segments: [LogSegment]
    var producers: ProducerTable
    /// The offsets of the producer snapshots on disk, ascending.
    var snapshots: [Offset]
    var epochs: LeaderEpochCache
    var unsynced: Unsynced

    /// What a flush is to make durable besides the active segment.
    struct Unsynced {
        /// Segments that were rolled since, oldest first.
        var segments: [LogSegment] = []
        var snapshots: [Offset] = []
        /// The epoch history is newer than its file.
        var epochs = false
        /// How often names were made or removed in the partition's directory, and how many of those
        /// changes are durable.
        var nameCount = 0
        var syncedNameCount = 0
        var names: Bool {
            get { nameCount > syncedNameCount }
            set { if newValue { nameCount += 1 } }
        }
        /// The partition's directory was made; its `partition.metadata` was written.
        var directory = false
        var metadata = false
        /// Counts truncations, so that a flush begun before one does not count after it.
        var generation = 0
    }

    init(
        topicPartition: TopicPartition, topicID: KafkaUUID?, directory: String,
        config: LogConfig, fileSystem: any FileSystem, loaded: LoadedLog, now: Int64
    ) {
        self.topicPartition = topicPartition
        self.topicID = topicID
        self.directory = directory
        self.config = config
        self.fileSystem = fileSystem
        self.now = now
        logStartOffset = loaded.logStartOffset
        logEndOffset = loaded.logEndOffset
        flushedOffset = loaded.flushedOffset
        segments = loaded.segments
        producers = loaded.producers
        snapshots = loaded.snapshots
        epochs = loaded.epochs
        unsynced = loaded.unsynced
    }

    var active: LogSegment { segments[segments.count - 1] }

    /// The newest leader epoch in the log; none when it is empty or of old formats only.
    public var latestEpoch: LeaderEpoch { epochs.latest }
    /// Bytes of all `.log` files.
    public var sizeInBytes: Int { segments.reduce(0) { $0 + $1.size } }
    public var segmentCount: Int { segments.count }
    /// The base offset of the segment that is written to.
    public var activeSegmentBaseOffset: Offset { active.baseOffset }

    /// Notes that `epoch` begins at the log's end, unless it has begun before.
    ///
    /// A leader does so before it writes: it may be asked about an epoch that its log never had.
    public func begin(epoch: LeaderEpoch) {
        guard epoch > latestEpoch, epochs.assign(epoch, at: logEndOffset) else { return }
        unsynced.epochs = true
    }

    /// Where readers of committed data stop: the begin of the earliest transaction that is not
    /// known to have ended below the high watermark, or the high watermark.
    public func lastStableOffset(highWatermark: Offset) -> Offset {
        producers.forgetEnded(below: highWatermark)
        if PlantedBug.unstableOffset.isPlanted { return highWatermark }
        guard let first = producers.firstUnstableOffset(highWatermark: highWatermark) else {
            return highWatermark
        }
        return min(first, highWatermark)
    }

    /// What the log remembers of its idempotent and transactional producers, by id.
    public func activeProducers() -> [ProducerState] { producers.sorted }
    /// What it remembers of one.
    public func producer(_ id: ProducerID) -> ProducerState? { producers[id] }

    /// Forgets producers that have been silent for `producer.id.expiration.ms`.
    public func expireProducers(now: Int64) {
        producers.expire(now: now, after: config.producerIDExpirationMs)
    }

    /// Closes the log to everything: the disk has failed it.
    public func markFailed(_ error: FileError) { failure = failure ?? error }

    /// Lets go of all file descriptors; they are opened again when they are needed.
    public func closeIdleFiles() { for segment in segments { segment.closeFiles() } }

    func segmentIndex(of offset: Offset) -> Int {
        var low = 0
        var high = segments.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if segments[middle].baseOffset <= offset { low = middle } else { high = middle - 1 }
        }
        return low
    }

    /// Runs what must not fail half-way: a failure in it fails the log.
    func failingLog<T>(_ body: () throws(FileError) -> T) throws(LogError) -> T {
        if let failure { throw .failed(failure) }
        do throws(FileError) {
            return try body()
        } catch {
            markFailed(error)
            throw .io(error)
        }
    }

    /// Runs a read, whose failure leaves the log as it is.
    func reading<T>(_ body: () throws(FileError) -> T) throws(LogError) -> T {
        if let failure { throw .failed(failure) }
        do throws(FileError) { return try body() } catch { throw .io(error) }
    }
}
