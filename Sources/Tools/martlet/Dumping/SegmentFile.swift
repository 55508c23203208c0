#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import KafkaRecords

/// A file of record batches (`.log`, `.checkpoint`), read one batch at a time.
final class SegmentFile {
    /// A batch with its place in the file.
    struct Batch {
        var header: RecordBatchHeader
        /// First byte in the file.
        var position: Int
        var bytes: [UInt8]
    }

    let path: String
    /// Bytes in the file.
    let size: Int
    private let descriptor: Int32

    /// Opens the file for reading; throws `Failure` naming it.
    init(_ path: String) throws(Failure) {
        self.path = path
        descriptor = open(path, O_RDONLY)
        var status = stat()
        guard descriptor >= 0, fstat(descriptor, &status) == 0 else {
            throw Failure("Cannot open \(path): \(String(cString: strerror(errno))).")
        }
        size = Int(status.st_size)
    }
    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Up to `count` bytes from `position`; fewer at the end of the file.
    func read(at position: Int, count: Int) throws(Failure) -> [UInt8] {
        let wanted = max(0, min(count, size - position))
        var failure = false
        let bytes = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, initialized in
            while initialized < wanted, let base = buffer.baseAddress {
                let got = pread(
                    descriptor, base + initialized, wanted - initialized,
                    off_t(position + initialized))
                if got > 0 {
                    initialized += got
                } else if got == 0 || errno != EINTR {
                    failure = got < 0
                    return
                }
            }
        }
        guard !failure else {
            throw Failure("Cannot read \(path): \(String(cString: strerror(errno))).")
        }
        return bytes
    }

    /// The batch that begins at `position`; `nil` when none is all there before `limit`.
    ///
    /// Throws `BatchError` for a header that makes no sense.
    func batch(at position: Int, limit: Int = .max) throws -> Batch? {
        let end = min(size, limit)
        let head = try read(at: position, count: min(RecordBatchHeader.byteCount, end - position))
        guard head.count >= 17 else { return nil }
        let header: RecordBatchHeader
        do { header = try RecordBatchHeader(head.span.bytes) } catch .truncated { return nil }
        guard header.sizeInBytes <= end - position else { return nil }
        let bytes = try read(at: position, count: header.sizeInBytes)
        guard bytes.count == header.sizeInBytes else { return nil }
        return Batch(header: header, position: position, bytes: bytes)
    }
}

/// What a dump found wrong.
final class DamageReport {
    private(set) var notes: [String] = []
    private let console: Console

    init(_ console: Console) { self.console = console }

    /// Whether nothing is wrong.
    var isEmpty: Bool { notes.isEmpty }

    /// Reports a fault of a file at once, on standard error.
    func add(_ path: String, _ what: String) {
        notes.append("\(path): \(what)")
        console.error("\(path): \(what)")
    }
}
