import ClusterController

/// Brokers that were fenced a moment ago: Metadata names them a little longer.
///
/// A client that learns at once of a partition's new leader and that the old one is gone closes the
/// old one's connection first, and may look for the leader anew because of it: librdkafka loses a
/// second. So the leaders move first, and the address goes later. Nothing else counts them in.
struct LingeringBrokers {
    /// Until when, in monotonic ms.
    private var until: [Int32: Int64] = [:]

    /// How long a fenced broker is still named: more than clients need to look for leaders.
    static let lingerMs: Int64 = 3000

    var ids: Set<Int32> { Set(until.keys) }
    var nextExpiry: Int64 { until.values.min() ?? .max }

    /// Notes who was fenced, or is back.
    mutating func note(
        _ changed: Set<Int32>, before: MetadataImage, after: MetadataImage, now: Int64
    ) {
        for id in changed {
            let isFenced = after.brokers[id]?.isFenced == true
            if isFenced, before.brokers[id]?.isFenced == false {
                until[id] = now + Self.lingerMs
            } else if !isFenced {
                until[id] = nil
            }
        }
    }

    /// Forgets those whose time is over; whether there were any.
    mutating func expire(now: Int64) -> Bool {
        let count = until.count
        until = until.filter { $0.value > now }
        return until.count != count
    }
}
