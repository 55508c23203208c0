/// Requests by the instant at which they are due: a binary heap, equal instants in order of number.
///
/// A request that was answered earlier stays until its instant and is then ignored by its owner.
struct DeadlineQueue {
    private struct Entry {
        var instant: Int64
        var request: UInt64
        func isBefore(_ other: Entry) -> Bool {
            (instant, request) < (other.instant, other.request)
        }
    }
    private var heap: [Entry] = []

    /// The earliest instant.
    var next: Int64? { heap.first?.instant }

    mutating func add(_ request: UInt64, at instant: Int64) {
        heap.append(Entry(instant: instant, request: request))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Removes and returns a request that is due by `instant`.
    mutating func popDue(by instant: Int64) -> UInt64? {
        guard let first = heap.first, first.instant <= instant else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink(0)
        }
        return first.request
    }

    private mutating func sink(_ start: Int) {
        var parent = start
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child].isBefore(heap[smallest]) {
                smallest = child
            }
            guard smallest != parent else { return }
            heap.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
