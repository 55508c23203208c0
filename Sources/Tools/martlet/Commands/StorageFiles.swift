import KafkaProtocol
import LogStorage

extension InitialVoters {
    /// Writes what a controller's metadata directory begins with.
    func write(
        bootstrap: [MetadataRecord], features: [String: Int16], in directory: String,
        _ node: NodeProperties, _ fileSystem: any FileSystem
    ) throws {
        throw Failure("This build cannot format a controller's directory yet.")
    }
}
