/// Why a log directory, or one of the small files at its top, cannot be used.
///
/// Every case names the path, so that the text alone tells an operator where to look.
public enum LogDirectoryError: Error, Sendable {
    /// The operating system refused; the directory is to be taken offline.
    case io(FileError)
    /// A file is there and does not have the form that it must have.
    case corrupt(path: String, reason: String)
    /// Another process, or another node of this process, holds the directory's lock.
    case locked(directory: String)
    /// Directories that do not belong together, or not to this node.
    case inconsistent(String)
}

extension LogDirectoryError: CustomStringConvertible {
    /// One sentence with the cause and, where there is one, the remedy.
    public var description: String {
        switch self {
        case .io(let error):
            return "\(error.operation) failed on \(error.path): \(error.message)"
        case .corrupt(let path, let reason):
            return "\(path) is damaged: \(reason)"
        case .locked(let directory):
            return "the log directory \(directory) is in use by another node; stop that node, "
                + "or give this one a directory of its own (log.dirs)"
        case .inconsistent(let reason):
            return reason
        }
    }
}
