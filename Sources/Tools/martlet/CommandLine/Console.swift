#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Where a tool's output goes: the process's standard output and error, or memory in tests.
///
/// Standard output is buffered (64 KiB) and written when full, on `flush`, and before anything goes
/// to standard error, so that the two keep their order.
final class Console {
    private let captures: Bool
    private let isSilent: Bool
    /// File descriptor of standard input.
    let input: Int32
    private var buffer: [UInt8] = []
    private(set) var capturedOutput: [UInt8] = []
    private(set) var capturedErrors = ""
    /// False once standard output is closed at its other end (`| head`).
    private(set) var isOpen = true
    /// Bytes gathered before they are written.
    static let bufferBytes = 64 << 10

    /// `captures`: keep everything in memory instead of writing it.
    /// `isSilent`: drop standard output. `input`: read from this in the place of standard input.
    init(captures: Bool = false, isSilent: Bool = false, input: Int32 = 0) {
        self.input = input
        self.captures = captures
        self.isSilent = isSilent
    }

    /// What went to standard output so far, as text.
    var output: String { String(decoding: capturedOutput + buffer, as: UTF8.self) }

    /// Writes text to standard output, without a line end.
    func write(_ text: String) {
        guard !isSilent else { return }
        buffer.append(contentsOf: text.utf8)
        if buffer.count >= Self.bufferBytes { flush() }
    }
    /// Writes bytes to standard output.
    func write(_ bytes: [UInt8]) {
        guard !isSilent else { return }
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferBytes { flush() }
    }
    /// Writes a line to standard output.
    func print(_ line: String = "") {
        write(line)
        write("\n")
    }
    /// Writes a line to standard error.
    func error(_ line: String) {
        flush()
        if captures {
            capturedErrors += line + "\n"
        } else {
            _ = Self.writeAll(2, Array((line + "\n").utf8))
        }
    }
    /// Writes what is buffered.
    func flush() {
        guard !buffer.isEmpty else { return }
        if captures {
            capturedOutput += buffer
        } else if isOpen {
            isOpen = Self.writeAll(1, buffer)
        }
        buffer.removeAll(keepingCapacity: true)
    }

    private static func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { raw in
            var sent = 0
            while sent < raw.count, let base = raw.baseAddress {
                let count = systemWrite(descriptor, base + sent, raw.count - sent)
                if count > 0 { sent += count } else if errno != EINTR { return false }
            }
            return true
        }
    }

    /// Whether both standard input and output are terminals, so that a prompt makes sense.
    var promptsForInput: Bool { !captures && isatty(0) == 1 && isatty(1) == 1 }

    /// Columns of the terminal that standard output is; 80 where it does not say.
    var width: Int {
        var size = winsize()
        guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Whether standard error is a terminal, so that progress may be shown.
    var showsProgress: Bool { !captures && isatty(2) == 1 }
}

private func systemWrite(_ descriptor: Int32, _ base: UnsafeRawPointer, _ count: Int) -> Int {
    write(descriptor, base, count)
}
