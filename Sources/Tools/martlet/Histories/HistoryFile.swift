#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The lines of a history, read as they come: the file is never held.
struct HistoryFile {
    let path: String

    /// Calls `body` with the number of each line, from 1, and its text.
    func forEachLine(_ body: (Int, String) throws(Failure) -> Void) throws(Failure) {
        let descriptor = path == "-" ? 0 : open(path, O_RDONLY)
        guard descriptor >= 0 else {
            throw Failure(
                "Cannot read \(path): \(String(cString: strerror(errno))).",
                remedy: "Check the path and its permissions.")
        }
        defer { if descriptor != 0 { close(descriptor) } }
        var lines = InputLines(descriptor: descriptor)
        var number = 0
        while case .line(let bytes) = try lines.next(milliseconds: -1) {
            number += 1
            try body(number, String(decoding: bytes, as: UTF8.self))
        }
    }

    /// The texts of the lines with these numbers.
    func lines(_ numbers: Set<Int>) throws(Failure) -> [Int: String] {
        var texts: [Int: String] = [:]
        guard path != "-", !numbers.isEmpty else { return texts }
        try forEachLine { number, text throws(Failure) in
            if numbers.contains(number) { texts[number] = text }
        }
        return texts
    }
}
