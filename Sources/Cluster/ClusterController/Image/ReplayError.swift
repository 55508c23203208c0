/// Why a record of the metadata log cannot be applied. The log is then not what this build, or any
/// correct controller, would have written: the node must not go on with the image it has.
public enum ReplayError: Error, Equatable, Sendable {
    /// The record contradicts the state before it, such as a change of a topic that does not exist.
    case inconsistent(String)
    /// `metadata.version` was set to a level that this build does not know.
    case unknownMetadataVersion(Int16)
    /// A metadata transaction begins within another, or ends without a beginning (KIP-868).
    case misplacedTransaction(String)
}

extension ReplayError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .inconsistent(let what):
            "metadata log is inconsistent: \(what)"
        case .unknownMetadataVersion(let level):
            "metadata.version \(level) is not supported, only "
                + "\(MetadataVersion.minimum.rawValue) to \(MetadataVersion.latest.rawValue) are"
        case .misplacedTransaction(let what):
            "metadata transaction out of place: \(what)"
        }
    }
}
