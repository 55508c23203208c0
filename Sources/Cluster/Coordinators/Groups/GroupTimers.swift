import HeapModule

/// Names a timer: what is due, of which group and member (empty where there is none).
struct GroupTimer: Hashable {
    enum Kind: UInt8 {
        /// A classic member has been silent for its session timeout, or never came back to join.
        case classicSession
        /// The time for members to join a classic group's next generation is over.
        case classicJoin
        /// Members of a new classic generation have not asked for their assignment.
        case classicSync
        /// A member of a consumer group has been silent for its session timeout.
        case consumerSession
        /// It has not given up partitions within its rebalance timeout.
        case consumerRevocation
        /// A member of a consumer group that speaks the classic protocol has not joined again.
        case consumerJoin
        /// It has not asked for its assignment.
        case consumerSync
        /// Committed offsets are looked through for expired ones.
        case offsetExpiry
    }
    var kind: Kind
    var group = ""
    var member = ""
}

/// The timers of a shard's groups.
///
/// Cheap to put off: `set` only notes the new deadline; the queue's entry is looked at when it
/// comes up, and goes back in with the deadline that holds by then. Equal instants are due in the
/// order in which they were queued.
struct GroupTimers {
    private struct State {
        var deadline: Int64
        /// The instant of the queue's entry that stands for this timer, never after `deadline`.
        var queuedAt: Int64
    }
    private struct Entry: Comparable {
        var instant: Int64
        var sequence: UInt64
        var timer: GroupTimer
        static func < (a: Entry, b: Entry) -> Bool {
            (a.instant, a.sequence) < (b.instant, b.sequence)
        }
    }
    private var states: [GroupTimer: State] = [:]
    private var heap = Heap<Entry>()
    private var nextSequence: UInt64 = 0

    /// When `popDue` may have something, in monotonic ms; never late, at times early.
    var next: Int64? { heap.min?.instant }

    /// The deadline of a timer that is set.
    func deadline(of timer: GroupTimer) -> Int64? { states[timer]?.deadline }

    /// Sets a timer, or moves it.
    mutating func set(_ timer: GroupTimer, at deadline: Int64) {
        if let index = states.index(forKey: timer), states.values[index].queuedAt <= deadline {
            states.values[index].deadline = deadline
        } else {
            states[timer] = State(deadline: deadline, queuedAt: deadline)
            push(timer, deadline)
        }
    }

    mutating func cancel(_ timer: GroupTimer) { states[timer] = nil }

    /// Removes and returns a timer whose deadline is at `now` or before.
    mutating func popDue(by now: Int64) -> GroupTimer? {
        while let first = heap.min, first.instant <= now {
            heap.removeMin()
            guard let state = states[first.timer], state.queuedAt == first.instant else { continue }
            if state.deadline <= now {
                states[first.timer] = nil
                return first.timer
            }
            states[first.timer]?.queuedAt = state.deadline
            push(first.timer, state.deadline)
        }
        return nil
    }

    private mutating func push(_ timer: GroupTimer, _ instant: Int64) {
        heap.insert(Entry(instant: instant, sequence: nextSequence, timer: timer))
        nextSequence += 1
    }
}
