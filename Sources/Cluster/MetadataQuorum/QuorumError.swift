import KafkaRecords
import KafkaWire
import LogStorage

/// Why the metadata log cannot be used.
public enum QuorumError: Error, Sendable {
    case io(FileError)
    case log(LogError)
    case append(AppendError)
    /// A file that cannot be understood: its path and what is wrong.
    case corrupt(String, String)
    /// A record that cannot be written in the version that the cluster's metadata.version asks for.
    case encode(WireError)
    /// A batch that cannot be built.
    case batch(CompressionError)
    /// Only the leader appends.
    case notLeader
    /// The leader epoch is the last that its field can hold, so that nobody can be elected.
    case lastEpoch
}
