/// Numbers with a fixed number of decimals, as `%.2f` writes them.
enum Decimals {
    /// `value` rounded half up to `digits` decimals (0 to 6); `NaN` and infinities by name.
    static func text(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : "Infinity" }
        var scale: Double = 1
        for _ in 0..<digits { scale *= 10 }
        let scaled = (abs(value) * scale).rounded()
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return sign + String(UInt64(scaled)) }
        let whole = UInt64(scaled / scale)
        let fraction = String(UInt64(scaled - Double(whole) * scale))
        let zeros = String(repeating: "0", count: max(0, digits - fraction.utf8.count))
        return "\(sign)\(whole).\(zeros)\(fraction)"
    }
}
