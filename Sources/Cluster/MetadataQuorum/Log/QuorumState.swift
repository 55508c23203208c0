import KafkaWire
import LogStorage

/// The election state of a quorum member, as `quorum-state` keeps it (KIP-595, KIP-853).
///
/// It must be on disk before any vote or leadership takes effect: a member that forgot its vote
/// could vote twice in one epoch.
public struct QuorumState: Equatable, Sendable {
    /// The leader of the epoch, -1 when unknown.
    public var leaderID: Int32
    public var leaderEpoch: Int32
    /// The candidate that got this member's vote in the epoch, -1 for none.
    public var votedID: Int32
    public var votedDirectoryID: KafkaUUID
    /// 0 without, 1 with directory ids (kraft.version 1).
    public var dataVersion: Int16
    /// The voters of data version 0, which lists them here.
    public var currentVoters: [Int32]

    public init(
        leaderID: Int32 = -1, leaderEpoch: Int32 = 0, votedID: Int32 = -1,
        votedDirectoryID: KafkaUUID = .zero, dataVersion: Int16 = 1, currentVoters: [Int32] = []
    ) {
        self.leaderID = leaderID
        self.leaderEpoch = leaderEpoch
        self.votedID = votedID
        self.votedDirectoryID = votedDirectoryID
        self.dataVersion = dataVersion
        self.currentVoters = currentVoters
    }

    /// The file's name within the metadata log's directory.
    public static let fileName = "quorum-state"

    /// The leader, where it is known.
    var leader: BrokerID? { leaderID < 0 ? nil : BrokerID(leaderID) }
    /// Who got the vote.
    var voted: MemberKey? {
        votedID < 0 ? nil : MemberKey(BrokerID(votedID), votedDirectoryID)
    }

    /// Reads the state of a metadata log's directory; the state of a new member when there is none.
    init(in directory: String, _ fileSystem: any FileSystem) throws(QuorumError) {
        let path = "\(directory)/\(Self.fileName)"
        let bytes: [UInt8]?
        do throws(FileError) {
            bytes = try fileSystem.readFile(path, limit: 1 << 20)
        } catch {
            throw .io(error)
        }
        guard let bytes else {
            self.init()
            return
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let state = QuorumState(text: text) else {
            throw .corrupt(path, "not a quorum state: \(text.prefix(80))")
        }
        self = state
    }

    /// Makes the state durable.
    func write(in directory: String, _ fileSystem: any FileSystem) throws(QuorumError) {
        do throws(FileError) {
            try fileSystem.replaceFile(
                "\(directory)/\(Self.fileName)", with: Array(text.utf8),
                syncingDirectory: directory)
        } catch {
            throw .io(error)
        }
    }

    /// The JSON text that Kafka writes.
    public var text: String {
        let common =
            "\"leaderId\":\(leaderID),\"leaderEpoch\":\(leaderEpoch),\"votedId\":\(votedID)"
        if dataVersion == 0 {
            let voters = currentVoters.map { "{\"voterId\":\($0)}" }.joined(separator: ",")
            return "{\"clusterId\":\"\",\(common),\"appliedOffset\":0,"
                + "\"currentVoters\":[\(voters)],\"data_version\":0}"
        }
        return "{\(common),\"votedDirectoryId\":\"\(votedDirectoryID)\",\"data_version\":1}"
    }

    /// Reads what Kafka or Martlet wrote; `nil` for anything else.
    public init?(text: String) {
        guard let epoch = Self.number("leaderEpoch", in: text),
            let version = Self.number("data_version", in: text), (0...1).contains(version)
        else { return nil }
        self.init(
            leaderID: Self.number("leaderId", in: text) ?? -1, leaderEpoch: epoch,
            votedID: Self.number("votedId", in: text) ?? -1,
            votedDirectoryID: Self.string("votedDirectoryId", in: text)
                .flatMap { KafkaUUID($0) } ?? .zero,
            dataVersion: Int16(version), currentVoters: Self.numbers("voterId", in: text))
    }

    /// The text behind each `"key":` of a flat JSON object.
    private static func values(_ key: String, in text: String) -> [Substring] {
        let quoted = Array("\"\(key)\"".utf8)
        let bytes = Array(text.utf8)
        var found: [Substring] = []
        var index = 0
        while index + quoted.count <= bytes.count {
            guard Array(bytes[index..<index + quoted.count]) == quoted else {
                index += 1
                continue
            }
            index += quoted.count
            while index < bytes.count, [32, 58, 9].contains(bytes[index]) { index += 1 }
            let start = index
            while index < bytes.count, ![44, 125, 93].contains(bytes[index]) { index += 1 }
            found.append(Substring(String(decoding: bytes[start..<index], as: UTF8.self)))
        }
        return found
    }
    private static func numbers(_ key: String, in text: String) -> [Int32] {
        values(key, in: text).compactMap { Int32($0.filter { $0 != " " }) }
    }
    private static func number(_ key: String, in text: String) -> Int32? {
        numbers(key, in: text).first
    }
    private static func string(_ key: String, in text: String) -> String? {
        values(key, in: text).first.map { $0.filter { $0 != "\"" && $0 != " " } }
    }
}
