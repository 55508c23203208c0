import KafkaProtocol
import KafkaWire

/// The voters and kraft.version that the log sets, by the offsets of their records (KIP-853).
///
/// It covers all of the log, committed or not: a new voter set holds as soon as it is appended.
struct ControlHistory {
    private let staticVoters: VoterSet
    private var voterSets: [(offset: Offset, value: VoterSet)] = []
    private var versions: [(offset: Offset, value: Int16)] = []

    /// Where the records of the snapshot at offset 0 count as being.
    static let formatted = Offset(-1)

    init(staticVoters: VoterSet) { self.staticVoters = staticVoters }

    var voters: VoterSet { voterSets.last?.value ?? staticVoters }
    /// Where the voters were set; `nil` for static ones.
    var votersOffset: Offset? { voterSets.last?.offset }
    var kraftVersion: Int16 { versions.last?.value ?? 0 }
    var isReconfigurable: Bool { kraftVersion >= 1 }

    /// The voters of the log's records before `end`; `nil` for static ones.
    func voters(before end: Offset) -> VoterSet? {
        voterSets.last { $0.offset < end }?.value
    }
    /// The version that the log's records before `end` set; `nil` for none.
    func kraftVersion(before end: Offset) -> Int16? {
        versions.last { $0.offset < end }?.value
    }

    mutating func note(_ batch: MetadataBatch) {
        for (index, control) in batch.controls.enumerated() {
            note(control, at: batch.baseOffset + Int64(index))
        }
    }

    private mutating func note(_ control: QuorumControlRecord, at offset: Offset) {
        switch control {
        case .voters(let record): voterSets.append((offset, VoterSet(record)))
        case .kraftVersion(let record): versions.append((offset, record.kRaftVersion))
        case .leaderChange, .snapshotHeader, .snapshotFooter: break
        }
    }

    /// Takes what a snapshot says for all that was known.
    mutating func replace(with contents: SnapshotContents, at offset: Offset) {
        voterSets = contents.voters.map { [(offset, VoterSet($0))] } ?? []
        versions = contents.kraftVersion.map { [(offset, $0.kRaftVersion)] } ?? []
    }

    /// Forgets what was set at `end` or later.
    mutating func truncate(to end: Offset) {
        voterSets.removeAll { $0.offset >= end }
        versions.removeAll { $0.offset >= end }
    }

    /// Forgets what was superseded before `start`.
    mutating func trim(before start: Offset) {
        while voterSets.count > 1, voterSets[1].offset < start { voterSets.removeFirst() }
        while versions.count > 1, versions[1].offset < start { versions.removeFirst() }
    }
}
