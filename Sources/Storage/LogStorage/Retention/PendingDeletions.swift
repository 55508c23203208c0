/// Files and directories that are out of use and wait for `file.delete.delay.ms` to pass.
///
/// Until then a reader that found a file before it was given up can still use it.
public struct PendingDeletions: Sendable {
    private struct Item {
        var due: Int64
        var path: String
        var isDirectory: Bool
    }
    private var items: [Item] = []

    public init() {}

    /// Whether nothing waits.
    public var isEmpty: Bool { items.isEmpty }
    /// When the next is due, in milliseconds since the epoch.
    public var nextDue: Int64? { items.first?.due }

    /// Queues a file, or a directory with all that is in it, for removal at `due`.
    public mutating func add(_ path: String, due: Int64, isDirectory: Bool = false) {
        let item = Item(due: due, path: path, isDirectory: isDirectory)
        let index = items.lastIndex { $0.due <= due }.map { $0 + 1 } ?? 0
        items.insert(item, at: index)
    }

    /// Removes from the file system what is due by `now`; what is gone already is no error.
    ///
    /// Returns the first failure, and goes on with the rest. Meant for an I/O thread: takes no
    /// lock.
    public mutating func removeDue(_ now: Int64, in fileSystem: any FileSystem) -> FileError? {
        let due = items.prefix { $0.due <= now }
        items.removeFirst(due.count)
        var failure: FileError?
        for item in due {
            do throws(FileError) {
                guard try fileSystem.status(item.path) != nil else { continue }
                if item.isDirectory {
                    try fileSystem.removeTree(item.path)
                } else {
                    try fileSystem.remove(item.path)
                }
            } catch {
                failure = failure ?? error
            }
        }
        return failure
    }

    /// Takes what is due by `now` out of the queue, for a thread that removes it without the
    /// owner's lock.
    public mutating func takeDue(_ now: Int64) -> PendingDeletions {
        let due = items.prefix { $0.due <= now }
        items.removeFirst(due.count)
        var taken = PendingDeletions()
        taken.items = Array(due)
        return taken
    }
}
