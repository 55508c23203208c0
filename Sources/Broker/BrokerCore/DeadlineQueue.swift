import HeapModule

/// Requests by the instant at which they are due, equal instants in order of number.
///
/// A request that was answered earlier stays until its instant and is then ignored by its owner.
struct DeadlineQueue {
    private struct Entry: Comparable {
        var instant: Int64
        var request: UInt64
        static func < (a: Entry, b: Entry) -> Bool {
            (a.instant, a.request) < (b.instant, b.request)
        }
    }
    private var heap = Heap<Entry>()

    /// The earliest instant.
    var next: Int64? { heap.min?.instant }

    mutating func add(_ request: UInt64, at instant: Int64) {
        heap.insert(Entry(instant: instant, request: request))
    }

    /// Removes and returns a request that is due by `instant`.
    mutating func popDue(by instant: Int64) -> UInt64? {
        guard let first = heap.min, first.instant <= instant else { return nil }
        return heap.removeMin().request
    }
}
