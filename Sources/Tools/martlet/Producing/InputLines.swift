#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Lines of a file descriptor, read in large pieces; `\n`, `\r` and `\r\n` end a line.
struct InputLines {
    /// What there is to do next.
    enum Event: Equatable {
        /// A line, without its end.
        case line([UInt8])
        /// Nothing has come for as long as was asked.
        case idle
        /// The input has ended.
        case end
    }

    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var start = 0
    private var isAtEnd = false
    /// The last line ended in `\r`: a `\n` right after it belongs to it.
    private var skipsLineFeed = false
    /// Bytes asked for in one read.
    private static let chunk = 256 << 10

    /// Reads from `descriptor` (0: standard input).
    init(descriptor: Int32) { self.descriptor = descriptor }

    /// The next line, or `idle` after `milliseconds` (-1: wait for ever).
    mutating func next(milliseconds: Int) throws(Failure) -> Event {
        while true {
            if let line = takeLine() { return .line(line) }
            if isAtEnd {
                guard start < buffer.count else { return .end }
                let line = Array(buffer[start...])
                start = buffer.count
                return .line(line)
            }
            var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&poller, 1, Int32(clamping: milliseconds))
            if ready == 0 { return .idle }
            if ready > 0 { try fill() }
        }
    }

    private mutating func takeLine() -> [UInt8]? {
        if skipsLineFeed, start < buffer.count {
            skipsLineFeed = false
            if buffer[start] == 10 { start += 1 }
        }
        let end = buffer.withUnsafeBytes { bytes -> Int? in
            guard let base = bytes.baseAddress, start < bytes.count else { return nil }
            let count = bytes.count - start
            let feed = memchr(base + start, 10, count).map { UnsafeRawPointer($0) - base }
            // A carriage return counts only before the line feed, if there is one.
            let limit = feed.map { $0 - start } ?? count
            let mark = memchr(base + start, 13, limit).map { UnsafeRawPointer($0) - base }
            return mark ?? feed
        }
        guard let end else { return nil }
        let line = Array(buffer[start..<end])
        skipsLineFeed = buffer[end] == 13
        start = end + 1
        return line
    }

    private mutating func fill() throws(Failure) {
        buffer.removeFirst(start)
        start = 0
        let used = buffer.count
        buffer.append(contentsOf: repeatElement(0, count: Self.chunk))
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { read(descriptor, $0 + used, Self.chunk) } ?? 0
        }
        let failure = errno
        buffer.removeLast(Self.chunk - max(0, count))
        if count == 0 { isAtEnd = true }
        guard count >= 0 || failure == EINTR || failure == EAGAIN else {
            throw Failure("Cannot read the input: \(String(cString: strerror(failure))).")
        }
    }
}
