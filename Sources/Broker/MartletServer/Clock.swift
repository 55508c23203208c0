import BrokerCore
import Glibc

/// The machine's clocks.
struct Clock: Sendable {
    var now: ClockReading {
        ClockReading(
            wallMs: Self.nanoseconds(CLOCK_REALTIME) / 1_000_000,
            monotonicNs: Self.nanoseconds(CLOCK_MONOTONIC))
    }
    var wallMs: Int64 { Self.nanoseconds(CLOCK_REALTIME) / 1_000_000 }

    var monotonicMs: Int64 { Self.nanoseconds(CLOCK_MONOTONIC) / 1_000_000 }

    private static func nanoseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
