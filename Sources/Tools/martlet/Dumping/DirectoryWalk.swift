import LogStorage
import PosixFiles

/// Finds the files below a directory that `dump-log` understands.
enum DirectoryWalk {
    private static let suffixes = [
        ".log", ".index", ".timeindex", ".txnindex", ".snapshot", ".checkpoint",
    ]

    /// The file itself, or all files below the directory, sorted by path.
    static func files(_ path: String) throws -> [String] {
        let fileSystem = PosixFileSystem()
        guard let status = try fileSystem.status(path), status.isDirectory else { return [path] }
        var found: [String] = []
        for name in try fileSystem.list(path).sorted() {
            let child = path + "/" + name
            if try fileSystem.status(child)?.isDirectory == true {
                found += try files(child)
            } else if suffixes.contains(where: name.hasSuffix) {
                found.append(child)
            }
        }
        return found
    }
}
