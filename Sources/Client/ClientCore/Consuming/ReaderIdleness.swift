/// Which share of the time the reader of a consumer waits for records, rather than works on those
/// that it has. Told by who reads when it begins and ends to wait, so that records cost nothing.
struct ReaderIdleness {
    private var waited = Duration.zero
    private var waitingSince: ClientInstant?
    /// When the time began that the next share is of; `nil` before anybody has read.
    private var began: ClientInstant?

    mutating func beginWait(_ now: ClientInstant) {
        began = began ?? now
        waitingSince = now
    }

    mutating func endWait(_ now: ClientInstant) {
        if let since = waitingSince.take() { waited += now - since }
    }

    /// The share since the last call, 0 to 1; `nil` when nobody has read or no time has passed.
    mutating func take(_ now: ClientInstant) -> Double? {
        guard let began, now > began else { return nil }
        if let since = waitingSince {
            waited += now - since
            waitingSince = now
        }
        defer { (self.began, waited) = (now, .zero) }
        return Double(waited.wholeNanoseconds) / Double((now - began).wholeNanoseconds)
    }
}
