/// The memory that connections hold for what is under way, all together, and who may take in more
/// (`martlet.memory.max`).
///
/// A connection that holds no more than `smallBytes` is read from always. Once the total has
/// reached the limit, of the others only one is, the *favoured*: so a frame of any size gets whole,
/// is served and gives its memory back, and the total stays below the limit and one frame. A
/// favoured connection that makes no progress for `patienceMs` is closed. Below the limit all are
/// read from again.
///
/// Invariants: a paused connection is not the favoured one; while any is paused, one is favoured.
public struct MemoryBudget {
    /// What has to be done with a connection.
    public enum Order: Equatable, Sendable {
        case pause(ConnectionID)
        case resume(ConnectionID)
        case close(ConnectionID)
    }

    /// What each connection may hold in any case.
    public static let smallBytes = 65_536
    /// How long the favoured connection may do nothing.
    public static let patienceMs: Int64 = 5000

    /// Bytes.
    public let limit: Int
    /// Bytes held now.
    public private(set) var total = 0
    /// The limit is reached: what is kept without need is to be given back.
    public var isShort: Bool { total >= limit }
    private var held: [ConnectionID: Int] = [:]
    private var paused: Set<ConnectionID> = []
    private var favoured: ConnectionID?
    private var lastProgress: Int64 = 0

    public init(limit: Int) { self.limit = limit }

    /// A connection holds so many bytes now; 0 when it is closed.
    ///
    /// - Parameter now: monotonic, in ns.
    public mutating func holds(_ connection: ConnectionID, _ bytes: Int, now: Int64) -> [Order] {
        let before = held.updateValue(bytes, forKey: connection) ?? 0
        if bytes == 0 { held[connection] = nil }
        total += bytes - before
        if connection == favoured { lastProgress = now }
        guard total >= limit else { return resumeAll() }
        var orders: [Order] = []
        if bytes <= Self.smallBytes {
            if paused.remove(connection) != nil, bytes > 0 { orders.append(.resume(connection)) }
            if connection == favoured { favoured = nil }
        } else if favoured == nil, paused.isEmpty {
            favour(connection, now)
        } else if connection != favoured, paused.insert(connection).inserted {
            orders.append(.pause(connection))
        }
        if favoured == nil, let next = largestPaused {
            paused.remove(next)
            favour(next, now)
            orders.append(.resume(next))
        }
        return orders
    }

    /// Closes the favoured connection if it has done nothing for too long; to be called every now
    /// and then.
    public mutating func check(now: Int64) -> [Order] {
        guard let favoured, now - lastProgress > Self.patienceMs * 1_000_000 else { return [] }
        lastProgress = now
        return [.close(favoured)]
    }

    private mutating func favour(_ connection: ConnectionID, _ now: Int64) {
        favoured = connection
        lastProgress = now
    }

    private mutating func resumeAll() -> [Order] {
        favoured = nil
        guard !paused.isEmpty else { return [] }
        defer { paused = [] }
        return paused.sorted { $0.rawValue < $1.rawValue }.map { .resume($0) }
    }

    /// The one whose frame gives back most.
    private var largestPaused: ConnectionID? {
        paused.max { (held[$0] ?? 0, $1.rawValue) < (held[$1] ?? 0, $0.rawValue) }
    }
}
