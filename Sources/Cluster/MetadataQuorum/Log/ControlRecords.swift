import KafkaProtocol
import KafkaRecords
import KafkaWire

/// A control record of the metadata log or of a snapshot (KIP-595, KIP-630, KIP-853).
public enum QuorumControlRecord: Sendable {
    case leaderChange(LeaderChangeMessage)
    case snapshotHeader(SnapshotHeaderRecord)
    case snapshotFooter(SnapshotFooterRecord)
    case kraftVersion(KRaftVersionRecord)
    case voters(VotersRecord)

    /// The number in the record's key.
    var type: Int16 {
        switch self {
        case .leaderChange: 2
        case .snapshotHeader: 3
        case .snapshotFooter: 4
        case .kraftVersion: 5
        case .voters: 6
        }
    }

    /// The record's key: version 0 and the type.
    var key: [UInt8] { [0, 0, 0, UInt8(type)] }

    /// The record's value.
    func value() throws(WireError) -> [UInt8] {
        switch self {
        case .leaderChange(let body): try body.encoded(version: 0)
        case .snapshotHeader(let body): try body.encoded(version: 0)
        case .snapshotFooter(let body): try body.encoded(version: 0)
        case .kraftVersion(let body): try body.encoded(version: 0)
        case .voters(let body): try body.encoded(version: 0)
        }
    }

    /// Reads a control record; `nil` for the types that the metadata log does not use.
    init?(_ record: Record) throws(WireError) {
        guard let key = record.key, key.count >= 4, let value = record.value else { return nil }
        switch Int16(key[2]) << 8 | Int16(key[3]) {
        case 2: self = .leaderChange(try LeaderChangeMessage(decoding: value, version: 0))
        case 3: self = .snapshotHeader(try SnapshotHeaderRecord(decoding: value, version: 0))
        case 4: self = .snapshotFooter(try SnapshotFooterRecord(decoding: value, version: 0))
        case 5: self = .kraftVersion(try KRaftVersionRecord(decoding: value, version: 0))
        case 6: self = .voters(try VotersRecord(decoding: value, version: 0))
        default: return nil
        }
    }
}
