/// The file in a copy that has been given its partition's name while the original still has it too.
///
/// Where the node finds two directories of a partition, the one without the marker counts. In a
/// directory that is alone the marker means nothing: the original was set aside.
public enum PlacedCopyMarker {
    /// Its name in the partition's directory.
    public static let fileName = "placed-copy"

    /// Writes it durably.
    public static func write(in directory: String, _ fileSystem: any FileSystem) throws(FileError) {
        _ = try fileSystem.open(path(directory), .create)
        try fileSystem.syncDirectory(directory)
    }

    public static func isIn(
        _ directory: String, _ fileSystem: any FileSystem
    ) throws(FileError) -> Bool {
        try fileSystem.status(path(directory)) != nil
    }

    /// Removes it, if it is there.
    public static func remove(
        from directory: String, _ fileSystem: any FileSystem
    ) throws(FileError) {
        if try isIn(directory, fileSystem) { try fileSystem.remove(path(directory)) }
    }

    private static func path(_ directory: String) -> String { SmallFile.path(directory, fileName) }
}
