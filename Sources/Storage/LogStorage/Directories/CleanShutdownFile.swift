/// The marker of an orderly stop, `.kafka_cleanshutdown`: `{"version":0,"brokerEpoch":N}`.
///
/// With it, the logs need no recovery, and the node may prove to the controller that it lost
/// nothing since that broker epoch (KIP-966).
public struct CleanShutdownFile: Sendable {
    /// The marker's name in the log directory.
    public static let fileName = ".kafka_cleanshutdown"

    /// What the marker says.
    public struct Content: Equatable, Sendable {
        /// The broker epoch at the stop; `nil` when the file does not say (older versions, damage).
        public var brokerEpoch: Int64?
    }

    private let directory: String
    private let fileSystem: any FileSystem
    private var path: String { SmallFile.path(directory, Self.fileName) }

    /// The marker of `directory`, whether it is there or not.
    public init(in directory: String, fileSystem: any FileSystem) {
        self.directory = directory
        self.fileSystem = fileSystem
    }

    /// What the marker says; `nil` when it is not there: the last stop was a crash.
    public func read() throws(LogDirectoryError) -> Content? {
        guard let bytes = try SmallFile.read(path, in: fileSystem) else { return nil }
        return Content(brokerEpoch: Self.brokerEpoch(in: bytes))
    }

    /// Reads the marker and removes it durably, so that a crash from now on is seen as one.
    public func take() throws(LogDirectoryError) -> Content? {
        guard let content = try read() else { return nil }
        do throws(FileError) {
            try fileSystem.remove(path)
            try fileSystem.syncDirectory(directory)
        } catch {
            throw .io(error)
        }
        return content
    }

    /// Writes the marker durably; the last thing done in a directory before its lock is released.
    public func write(brokerEpoch: Int64) throws(FileError) {
        let text = "{\"version\":0,\"brokerEpoch\":\(brokerEpoch)}"
        try SmallFile.replace(path, with: Array(text.utf8), in: fileSystem)
    }

    /// The number after `"brokerEpoch":`; all that is of interest in the JSON object.
    private static func brokerEpoch(in bytes: [UInt8]) -> Int64? {
        let text = String(decoding: bytes, as: UTF8.self)
        let packed = text.filter { !$0.isWhitespace }
        guard packed.first == "{", packed.last == "}" else { return nil }
        for member in packed.dropFirst().dropLast().split(separator: ",") {
            let parts = member.split(separator: ":", maxSplits: 1)
            if parts.count == 2, parts[0] == "\"brokerEpoch\"" { return Int64(parts[1]) }
        }
        return nil
    }
}
