/// Virtual time: events in order of their instant, equal instants in order of their making.
///
/// The whole simulation runs on one thread inside of `runNext`; nothing else moves the clock.
final class Scheduler {
    private struct Entry {
        var instant: Int64
        var number: UInt64
        var action: () -> Void
        func isBefore(_ other: Entry) -> Bool {
            (instant, number) < (other.instant, other.number)
        }
    }
    private var heap: [Entry] = []
    private var nextNumber: UInt64 = 0
    /// Nanoseconds since the simulation began.
    private(set) var now: Int64 = 0
    /// Events that have run.
    private(set) var count = 0

    /// Runs `action` at an instant; one in the past runs next.
    func at(_ instant: Int64, _ action: @escaping () -> Void) {
        heap.append(Entry(instant: max(now, instant), number: nextNumber, action: action))
        nextNumber += 1
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Runs `action` after so many nanoseconds.
    func after(_ delay: Int64, _ action: @escaping () -> Void) { at(now + delay, action) }

    /// Runs the next event; `false` when there is none up to `limit`, where the clock then stands.
    func runNext(upTo limit: Int64) -> Bool {
        guard let first = heap.first, first.instant <= limit else {
            now = max(now, limit)
            return false
        }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        now = first.instant
        count += 1
        first.action()
        return true
    }

    private func sink() {
        var parent = 0
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
