#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Whole files as text, for small ones: properties, JSON.
enum TextFile {
    /// Largest file that is read, in bytes.
    static let limit = 64 << 20

    /// The file's text; throws `Failure` naming the file and the system's reason.
    static func read(_ path: String) throws(Failure) -> String {
        guard let text = String(validating: try bytes(path), as: UTF8.self) else {
            throw Failure("\(path) is not UTF-8 text.")
        }
        return text
    }

    /// The file's bytes.
    static func bytes(_ path: String) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { throw unreadable(path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = chunk.withUnsafeMutableBytes {
                systemRead(descriptor, $0.baseAddress, $0.count)
            }
            if count == 0 { return bytes }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw unreadable(path)
            }
            bytes += chunk[..<count]
            guard bytes.count <= limit else {
                throw Failure("\(path) is larger than \(limit) bytes.")
            }
        }
    }

    /// Whether there is a file of that name.
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Replaces the file's text, or makes the file; as a whole, by way of `path` with `.new`.
    static func write(_ path: String, _ text: String) throws(Failure) {
        let fresh = path + ".new"
        guard let file = fopen(fresh, "w") else { throw unwritable(path) }
        let bytes = Array(text.utf8)
        let isWritten = fwrite(bytes, 1, bytes.count, file) == bytes.count
        guard fclose(file) == 0, isWritten, rename(fresh, path) == 0 else {
            unlink(fresh)
            throw unwritable(path)
        }
    }

    private static func unwritable(_ path: String) -> Failure {
        Failure(
            "Cannot write \(path): \(String(cString: strerror(errno))).",
            remedy: "Check the directory and its permissions.")
    }

    private static func unreadable(_ path: String) -> Failure {
        Failure(
            "Cannot read \(path): \(String(cString: strerror(errno))).",
            remedy: "Check the path and its permissions.")
    }
}

private func systemRead(_ descriptor: Int32, _ base: UnsafeMutableRawPointer?, _ count: Int) -> Int
{
    guard let base else { return 0 }
    return read(descriptor, base, count)
}
