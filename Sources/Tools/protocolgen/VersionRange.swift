/// An inclusive range of message versions.
struct VersionRange: Equatable {
    var low: Int
    var high: Int

    func contains(_ version: Int) -> Bool { version >= low && version <= high }

    func intersection(_ other: VersionRange) -> VersionRange? {
        let result = VersionRange(low: max(low, other.low), high: min(high, other.high))
        return result.low <= result.high ? result : nil
    }

    /// The smallest range that holds both.
    func union(_ other: VersionRange) -> VersionRange {
        VersionRange(low: min(low, other.low), high: max(high, other.high))
    }

    /// Parses `3`, `3-5` or, open to `top`, `3+`.
    init?(_ text: some StringProtocol, top: Int) {
        if text.hasSuffix("+") {
            guard let low = Int(text.dropLast()) else { return nil }
            self.init(low: low, high: top)
        } else {
            let ends = text.split(separator: "-", omittingEmptySubsequences: false)
            guard (1...2).contains(ends.count), let low = Int(ends[0]),
                let high = Int(ends[ends.count - 1])
            else { return nil }
            self.init(low: low, high: high)
        }
        guard low >= 0, low <= high else { return nil }
    }

    init(low: Int, high: Int) {
        self.low = low
        self.high = high
    }

    /// `3-5`, or `3` for a single version.
    var text: String { low == high ? "\(low)" : "\(low)-\(high)" }

    /// Swift that tells whether `version`, known to lie in `possible`, is in this range; `nil` when
    /// it always is.
    func condition(within possible: VersionRange) -> String? {
        switch (low <= possible.low, high >= possible.high) {
        case (true, true): nil
        case (false, true): "version >= \(low)"
        case (true, false): "version <= \(high)"
        case (false, false):
            low == high ? "version == \(low)" : "(\(low)...\(high)).contains(version)"
        }
    }
}
