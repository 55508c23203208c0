#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The two clocks that tools need.
enum Clocks {
    /// Milliseconds since 1970.
    static var wall: Int64 { milliseconds(CLOCK_REALTIME) }
    /// Milliseconds of a clock that never goes back.
    static var monotonic: Int64 { milliseconds(CLOCK_MONOTONIC) }

    /// Stops the calling thread for a while.
    static func pause(milliseconds: Int) { usleep(UInt32(clamping: milliseconds * 1000)) }

    private static func milliseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

/// A point in time by which something must be done.
struct Deadline {
    private let at: Int64

    /// `milliseconds` from now.
    init(milliseconds: Int) { at = Clocks.monotonic + Int64(milliseconds) }

    var hasPassed: Bool { Clocks.monotonic >= at }
}

/// Whether the user has asked to stop (Ctrl-C, SIGTERM), for tools that end in good order.
enum Interruption {
    nonisolated(unsafe) private static var flag: sig_atomic_t = 0

    /// True once a signal has come.
    static var isRequested: Bool { flag != 0 }

    /// From now on SIGINT and SIGTERM set the flag; the second one ends the process at once.
    static func watch() {
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                Interruption.flag = 1
                signal(number, SIG_DFL)
            }
        }
    }
}
