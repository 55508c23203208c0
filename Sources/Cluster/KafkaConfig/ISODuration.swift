/// Milliseconds of an ISO 8601 duration of days and less (`P2DT3H4M5.5S`), in any case. Nil for
/// text of another form, a negative amount, or one beyond 64 bits.
func isoDurationMilliseconds(_ text: String) -> Int64? {
    var rest = Array(text.uppercased().utf8)[...]
    guard rest.popFirst() == UInt8(ascii: "P") else { return nil }
    var total: Int64 = 0
    var units: [(letter: UInt8, milliseconds: Int64)] = [(UInt8(ascii: "D"), 86_400_000)]
    var inTime = false
    var parts = 0
    while let next = rest.first {
        if next == UInt8(ascii: "T"), !inTime {
            inTime = true
            parts = 0
            rest.removeFirst()
            units = [
                (UInt8(ascii: "H"), 3_600_000), (UInt8(ascii: "M"), 60_000),
                (UInt8(ascii: "S"), 1000),
            ]
            continue
        }
        guard let amount = takeAmount(&rest), let letter = rest.popFirst(),
            let unit = units.firstIndex(where: { $0.letter == letter })
        else { return nil }
        if amount.thousandths != 0, letter != UInt8(ascii: "S") { return nil }
        let (product, tooLarge) = amount.whole.multipliedReportingOverflow(
            by: units[unit].milliseconds)
        let (partial, overflow) = total.addingReportingOverflow(product)
        let (sum, overflowAgain) = partial.addingReportingOverflow(amount.thousandths)
        if tooLarge || overflow || overflowAgain { return nil }
        total = sum
        units.removeFirst(unit + 1)
        parts += 1
    }
    return parts > 0 ? total : nil
}

/// Takes `12` or `12.5` off the front; further digits than thousandths are dropped.
private func takeAmount(_ rest: inout ArraySlice<UInt8>) -> (whole: Int64, thousandths: Int64)? {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    let whole = rest.prefix { digits.contains($0) }
    guard !whole.isEmpty, let number = Int64(String(decoding: whole, as: UTF8.self)) else {
        return nil
    }
    rest.removeFirst(whole.count)
    guard rest.first == UInt8(ascii: ".") else { return (number, 0) }
    rest.removeFirst()
    let fraction = rest.prefix { digits.contains($0) }
    rest.removeFirst(fraction.count)
    var thousandths: Int64 = 0
    for index in 0..<3 {
        let position = fraction.startIndex + index
        let digit = position < fraction.endIndex ? Int64(fraction[position] - digits.lowerBound) : 0
        thousandths = thousandths * 10 + digit
    }
    return (number, thousandths)
}
