import KafkaProtocol
import KafkaWire

/// All that the metadata log says, after some prefix of it: an immutable value once published.
///
/// Only `replay` changes it, on the leader, on followers and after a restart alike. A copy shares
/// all storage with the original; a later change clones small pieces only (`ShardedMap`).
public struct MetadataImage: Equatable, Sendable {
    public internal(set) var features = FeaturesImage()
    public internal(set) var brokers: [Int32: BrokerRegistration] = [:]
    public internal(set) var controllers: [Int32: ControllerRegistration] = [:]
    public internal(set) var topics = TopicsImage()
    public internal(set) var configs = ConfigsImage()
    public internal(set) var quotas = ClientQuotasImage()
    public internal(set) var security = SecurityImage()
    /// The first producer id that no block has been allocated of; -1 before the first block.
    public internal(set) var nextProducerID: Int64 = -1
    /// The metadata transaction that is open, with what there was before it (KIP-868).
    var transaction: MetadataTransaction?

    /// The image before any record.
    public static let empty = MetadataImage()

    /// The level that records are written at: the agreed one, or the oldest one before there is
    /// one.
    public var metadataVersion: MetadataVersion { features.metadataVersion ?? .minimum }

    /// Whether a metadata transaction is open: the image must not be published or snapshot then.
    public var isInTransaction: Bool { transaction != nil }

    /// The image without the records of an open transaction.
    public var committed: MetadataImage { transaction?.image ?? self }

    /// Brokers sorted by id.
    public var sortedBrokers: [BrokerRegistration] {
        brokers.values.sorted { $0.id < $1.id }
    }

    /// Controllers sorted by id.
    public var sortedControllers: [ControllerRegistration] {
        controllers.values.sorted { $0.id < $1.id }
    }

    /// What shapes the records that are written now.
    var recordOptions: RecordOptions {
        RecordOptions(
            version: metadataVersion, eligibleLeaderReplicas: features.keepsEligibleLeaders)
    }
}

/// An open metadata transaction: what an abort goes back to.
final class MetadataTransaction: Equatable, Sendable {
    let name: String?
    let image: MetadataImage
    let delta: MetadataDelta

    init(name: String?, image: MetadataImage, delta: MetadataDelta) {
        self.name = name
        self.image = image
        self.delta = delta
    }

    static func == (a: MetadataTransaction, b: MetadataTransaction) -> Bool {
        a === b || (a.name == b.name && a.image == b.image)
    }
}
