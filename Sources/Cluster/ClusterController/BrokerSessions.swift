import KafkaWire

/// When each broker was last heard of: soft state of the active controller, in no log.
///
/// A new controller starts with what the image says and gives every unfenced broker a full session.
public struct BrokerSessions: Sendable {
    private struct Session {
        var epoch: Int64
        var lastContact: Int64
        /// How far the broker has applied the metadata log.
        var metadataOffset: Int64 = -1
        /// What all active brokers must have applied before a broker that stops may go.
        var shutdownOffset: Int64?
        /// Directories that have failed since its process began.
        var failedDirectories: [KafkaUUID] = []
    }

    private var sessions: [Int32: Session] = [:]
    /// Milliseconds after which a silent broker's session ends.
    public let timeoutMs: Int64

    /// Sessions of all brokers that are not fenced in `image`, as if heard of at `now`.
    ///
    /// - Parameter restarted: a broker that is known to have gone, such as the one that shares the
    ///   controller's process: it gets no session, and may register at once.
    public init(
        image: MetadataImage, timeoutMs: Int64, now: Int64, except restarted: Int32? = nil
    ) {
        self.timeoutMs = timeoutMs
        for broker in image.sortedBrokers where !broker.isFenced && broker.id != restarted {
            sessions[broker.id] = Session(epoch: broker.epoch, lastContact: now)
        }
    }

    /// Notes a sign of life of a broker at `epoch`.
    public mutating func touch(_ broker: Int32, epoch: Int64, metadataOffset: Int64, now: Int64) {
        var session = sessions[broker] ?? Session(epoch: epoch, lastContact: now)
        if session.epoch != epoch { session = Session(epoch: epoch, lastContact: now) }
        session.lastContact = now
        session.metadataOffset = metadataOffset
        sessions[broker] = session
    }

    /// Notes the directories that a broker says have failed since its process began; it names them
    /// all each time.
    public mutating func noteFailed(_ directories: [KafkaUUID], of broker: Int32) {
        sessions[broker]?.failedDirectories = directories
    }

    /// Directories that have failed since a broker's process began, as far as it was heard.
    public func failedDirectories(of broker: Int32) -> [KafkaUUID] {
        sessions[broker]?.failedDirectories ?? []
    }

    /// Forgets a broker: it was fenced, unregistered or replaced.
    public mutating func end(_ broker: Int32) { sessions[broker] = nil }

    /// Whether a process with this id and epoch was heard of within the timeout.
    public func isValid(_ broker: Int32, epoch: Int64, now: Int64) -> Bool {
        guard let session = sessions[broker], session.epoch == epoch else { return false }
        return now - session.lastContact < timeoutMs
    }

    /// The brokers whose sessions have timed out, sorted: to be fenced one at a time.
    public func expired(now: Int64) -> [Int32] {
        sessions.filter { now - $0.value.lastContact >= timeoutMs }.keys.sorted()
    }

    /// When the next session will time out, milliseconds since the epoch; `nil` without any.
    public var nextExpiry: Int64? {
        sessions.values.map(\.lastContact).min().map { $0 + timeoutMs }
    }

    /// Notes that a broker may stop once all active ones have applied `offset`. Only the first call
    /// of one shutdown counts.
    public mutating func noteShutdown(of broker: Int32, at offset: Int64) {
        if sessions[broker]?.shutdownOffset == nil { sessions[broker]?.shutdownOffset = offset }
    }

    /// Whether all active brokers know that `broker` leads nothing any more.
    func mayStop(_ broker: Int32, active: [Int32]) -> Bool {
        guard let offset = sessions[broker]?.shutdownOffset else { return true }
        return active.allSatisfy { (sessions[$0]?.metadataOffset ?? -1) >= offset }
    }
}
