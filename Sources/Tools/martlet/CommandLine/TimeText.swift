/// Points in time and durations in ISO 8601, as Kafka's tools take them.
enum TimeText {
    private static let millisecondsOfDay: Int64 = 86_400_000

    /// Milliseconds since 1970 of `yyyy-MM-ddTHH:mm:ss[.SSS]`, in UTC unless it ends with an
    /// offset: `Z`, `+hh`, `+hhmm` or `+hh:mm`.
    static func dateTime(_ text: String) throws(Failure) -> Int64 {
        let pattern =
            #/
            (\d{4})-(\d\d?)-(\d\d?) T (\d\d?):(\d\d?):(\d\d?) (?:\.(\d{3}))?
            (Z|([+-])(\d\d):?(\d\d)?)?
            /#
        guard let match = text.wholeMatch(of: pattern)?.output,
            let year = Int64(match.1), let month = Int64(match.2), let day = Int64(match.3),
            let hour = Int64(match.4), let minute = Int64(match.5), let second = Int64(match.6),
            (1...12).contains(month), (1...daysOfMonth(year, month)).contains(day),
            hour < 24, minute < 60, second < 60
        else { throw invalid(text, "a time", "Write YYYY-MM-DDThh:mm:ss.sss, in UTC.") }
        var time = days(year, month, day) * millisecondsOfDay
        time += ((hour * 60 + minute) * 60 + second) * 1000
        time += match.7.flatMap { Int64($0) } ?? 0
        guard let sign = match.9 else { return time }
        let hours = match.10.flatMap { Int64($0) } ?? 0
        let minutes = match.11.flatMap { Int64($0) } ?? 0
        guard hours < 24, minutes < 60 else {
            throw invalid(text, "a time", "Its offset from UTC is out of range.")
        }
        let offset = (hours * 60 + minutes) * 60_000
        return sign == "+" ? time - offset : time + offset
    }

    /// `yyyy-MM-ddTHH:mm:ss[.S…]Z` of milliseconds since 1970; a fraction only where there is one.
    static func utc(_ milliseconds: Int64) -> String {
        var (day, time) = milliseconds.quotientAndRemainder(dividingBy: millisecondsOfDay)
        if time < 0 { (day, time) = (day - 1, time + millisecondsOfDay) }
        // Close enough to begin with; never too late by more than a year.
        var year = 1970 + day / 366
        while days(year + 1, 1, 1) <= day { year += 1 }
        while days(year, 1, 1) > day { year -= 1 }
        var month: Int64 = 1
        while month < 12, days(year, month + 1, 1) <= day { month += 1 }
        func digits(_ number: Int64, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        var fraction = digits(time % 1000, 3)
        while fraction.last == "0" { fraction.removeLast() }
        let date =
            "\(digits(year, 4))-\(digits(month, 2))-\(digits(day - days(year, month, 1) + 1, 2))"
        let clock =
            "\(digits(time / 3_600_000, 2)):\(digits(time / 60_000 % 60, 2)):"
            + digits(time / 1000 % 60, 2)
        return "\(date)T\(clock)\(fraction.isEmpty ? "" : ".")\(fraction)Z"
    }

    /// Milliseconds of `PnDTnHnMn.nS`, with a sign before the whole or before any part.
    static func duration(_ text: String) throws(Failure) -> Int64 {
        let remedy = "Write PnDTnHnMnS, such as PT1H30M or P7D."
        let pattern =
            #/
            ([-+]?) P (?:([-+]?\d+)D)?
            (T (?:([-+]?\d+)H)? (?:([-+]?\d+)M)? (?:([-+]?)(\d+)(?:[.,](\d{0,9}))?S)?)?
            /#
        guard let match = text.wholeMatch(of: pattern.ignoresCase())?.output, match.3?.count != 1,
            match.2 != nil || match.3 != nil
        else { throw invalid(text, "a duration", remedy) }
        let parts: [(Substring?, Int64)] = [
            (match.2, millisecondsOfDay), (match.4, 3_600_000), (match.5, 60_000),
        ]
        var total: Int64 = 0
        func add(_ digits: Substring?, times unit: Int64) throws(Failure) {
            guard let digits else { return }
            guard let number = Int64(digits) else { throw invalid(text, "a duration", remedy) }
            let (product, isTooLong) = number.multipliedReportingOverflow(by: unit)
            let (sum, isTooMuch) = total.addingReportingOverflow(product)
            guard !isTooLong, !isTooMuch, sum != .min else {
                throw invalid(text, "a duration", "It is longer than can be counted.")
            }
            total = sum
        }
        for (digits, unit) in parts { try add(digits, times: unit) }
        let isNegative: Int64 = match.6 == "-" ? -1 : 1
        try add(match.7, times: isNegative * 1000)
        try add(match.8.map { ($0 + "000").prefix(3) }, times: isNegative)
        return match.1 == "-" ? -total : total
    }

    private static func invalid(_ text: String, _ what: String, _ remedy: String) -> Failure {
        Failure("'\(text)' is not \(what).", remedy: remedy)
    }

    private static func isLeap(_ year: Int64) -> Bool {
        year % 4 == 0 && year % 100 != 0 || year % 400 == 0
    }

    private static func daysOfMonth(_ year: Int64, _ month: Int64) -> Int64 {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01 to a date of the Gregorian calendar.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let past = year - 1
        var days = past * 365 + past / 4 - past / 100 + past / 400 - 719_162
        for earlier in 1..<month { days += daysOfMonth(year, earlier) }
        return days + day - 1
    }
}
