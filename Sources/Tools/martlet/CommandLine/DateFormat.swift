#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Times of day in local time, after the numeric letters of Java's `SimpleDateFormat`: `y`, `M`,
/// `d`, `H`, `m`, `s` and `S`, each as often as there are to be digits.
struct DateFormat: Sendable {
    static let standard = "yyyy-MM-dd HH:mm:ss:SSS"
    private let runs: [(letter: Character, count: Int)]

    /// Throws for other letters, which stand for words.
    init(_ pattern: String) throws(Failure) {
        var runs: [(letter: Character, count: Int)] = []
        for letter in pattern {
            guard !letter.isLetter || "yMdHmsS".contains(letter) else {
                throw Failure(
                    "The date format '\(pattern)' has '\(letter)'.",
                    remedy: "Use y, M, d, H, m, s, S and signs, such as \(Self.standard).")
            }
            if let last = runs.last, last.letter == letter, letter.isLetter {
                runs[runs.count - 1].count += 1
            } else {
                runs.append((letter, 1))
            }
        }
        self.runs = runs
    }

    /// - Parameter milliseconds: since 1970.
    func text(_ milliseconds: Int64) -> String {
        var seconds = time_t(milliseconds / 1000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return runs.map { letter, count in
            let number: Int
            switch letter {
            case "y":
                let year = Int(parts.tm_year) + 1900
                number = count == 2 ? year % 100 : year
            case "M": number = Int(parts.tm_mon) + 1
            case "d": number = Int(parts.tm_mday)
            case "H": number = Int(parts.tm_hour)
            case "m": number = Int(parts.tm_min)
            case "s": number = Int(parts.tm_sec)
            case "S": number = Int(milliseconds % 1000)
            default: return String(letter)
            }
            let digits = String(number)
            return String(repeating: "0", count: max(0, count - digits.count)) + digits
        }.joined()
    }
}
