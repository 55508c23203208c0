import HeapModule

/// Virtual time: events in order of their instant, equal instants in order of their making.
///
/// The whole simulation runs on one thread inside of `runNext`; nothing else moves the clock.
final class Scheduler {
    /// Where an event's action lies, aside from the heap: what that moves about is plain bits.
    private struct Entry: Comparable {
        var instant: Int64
        var number: UInt64
        var slot: Int
        static func < (a: Entry, b: Entry) -> Bool {
            a.instant == b.instant ? a.number < b.number : a.instant < b.instant
        }
        static func == (a: Entry, b: Entry) -> Bool { a.number == b.number }
    }
    private var heap = Heap<Entry>()
    private var actions: [(() -> Void)?] = []
    private var freeSlots: [Int] = []
    private var nextNumber: UInt64 = 0
    /// Nanoseconds since the simulation began.
    private(set) var now: Int64 = 0
    /// Events that have run.
    private(set) var count = 0

    /// Runs `action` at an instant; one in the past runs next.
    func at(_ instant: Int64, _ action: @escaping () -> Void) {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            actions[slot] = action
        } else {
            slot = actions.count
            actions.append(action)
        }
        heap.insert(Entry(instant: max(now, instant), number: nextNumber, slot: slot))
        nextNumber += 1
    }

    /// Forgets all that was to happen, and whatever that holds.
    func clear() {
        heap = Heap()
        actions = []
        freeSlots = []
    }

    /// Runs `action` after so many nanoseconds.
    func after(_ delay: Int64, _ action: @escaping () -> Void) { at(now + delay, action) }

    /// Runs the next event; `false` when there is none up to `limit`, where the clock then stands.
    func runNext(upTo limit: Int64) -> Bool {
        guard let next = heap.min, next.instant <= limit else {
            now = max(now, limit)
            return false
        }
        heap.removeMin()
        now = next.instant
        count += 1
        let action = actions[next.slot]
        actions[next.slot] = nil
        freeSlots.append(next.slot)
        action?()
        return true
    }
}
