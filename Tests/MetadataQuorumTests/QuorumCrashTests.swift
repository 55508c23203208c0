import Foundation
import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage
import Testing

@testable import MetadataQuorum

/// Ends the life of a member of the quorum at each of its calls to the file system, with each power
/// cut that may leave something else: what it promised is there again, and nothing half done.
@Suite struct QuorumCrashTests {
    enum Script: String, CaseIterable, CustomTestStringConvertible {
        case leader, follower
        var testDescription: String { rawValue }
    }

    /// Most power cuts for one call; where there may be more, a selection is tried.
    private static let limit =
        ProcessInfo.processInfo.environment["POWER_CUTS"].flatMap(Int.init) ?? 4

    @Test(arguments: Script.allCases)
    func aPowerCutAtAnyCallIsRecoveredFrom(_ script: Script) throws {
        var (calls, cases, complete) = (0, 0, 0)
        while true {
            let life = try QuorumLife()
            life.files.fail(.init(after: calls, isPermanent: true, partialBytes: .max))
            var isWhole = false
            do {
                switch script {
                case .leader: try life.lead()
                case .follower: try life.follow()
                }
                isWhole = true
            } catch {}
            life.files.fail(nil)
            let cuts = PowerCuts(of: life.files, limit: Self.limit)
            for (number, left) in cuts.enumerated() {
                let wrong = try life.faults(in: left)
                #expect(wrong == [], "call \(calls), power cut \(number)")
                cases += 1
            }
            let wrong = try life.faults(in: life.files.afterKill())
            #expect(wrong == [], "call \(calls), a kill")
            calls += 1
            if cuts.isComplete { complete += 1 }
            if isWhole { break }
        }
        #expect(calls > 80, "the script does something")
        if Self.limit > 4 {
            print("\(script): \(calls) calls, every power cut at \(complete), \(cases) in all")
        }
    }
}

/// A scripted life of a member, and what may be found after it.
private final class QuorumLife {
    let files = MemoryFileSystem()
    /// The topics that its records may make: the last element is what is asked for, those before
    /// are what was there until that is durable.
    private var topics: [[String]] = [[]]
    private var states: [QuorumState] = [QuorumState()]
    private static let now = QuorumTime(monotonic: 0, wall: 5)
    private static let root = "/meta"
    private static let directory = "/meta/__cluster_metadata-0"

    init() throws {
        try files.createDirectory(Self.root)
        try files.syncDirectory("/")
    }

    private func settings(voters: [Int32]) -> QuorumSettings {
        var settings = QuorumSettings(
            staticVoters: VoterSet(
                voters.map { Voter(key: MemberKey(BrokerID($0)), listeners: []) }),
            listenerName: "CONTROLLER", mayVote: true)
        // Segments of a few batches, and snapshots that go as soon as they may.
        settings.segmentBytes = 400
        settings.retentionBytes = 0
        return settings
    }

    private func open(_ files: MemoryFileSystem, voters: [Int32]) throws -> QuorumReplica {
        try QuorumReplica(
            logDirectory: Self.root, nodeID: BrokerID(1),
            directoryID: KafkaUUID(high: 3, low: 300), clusterID: "c",
            settings: settings(voters: voters), fileSystem: files, random: SplitMix64(seed: 1),
            now: Self.now)
    }

    private func record(_ name: String) -> MetadataRecord {
        let id = KafkaUUID(high: 9, low: UInt64(name.utf8.reduce(0) { $0 * 31 + UInt64($1) }))
        return .topicRecord(TopicRecord(name: name, topicID: id))
    }

    /// Does what leads to these topics; either is found while it is not done.
    private func change(to next: [String], _ body: () throws -> Void) throws {
        topics.append(next)
        try body()
        topics = [next]
    }

    private var current: [String] { topics[topics.count - 1] }

    // MARK: Scripts

    /// The only voter appends, writes snapshots, drops old ones, and starts again.
    func lead() throws {
        for start in 0..<3 {
            let quorum = try open(files, voters: [1])
            try quorum.start(now: Self.now)
            for round in 0..<2 {
                for number in 0..<3 {
                    let names = ["t\(start)-\(round)-\(number)", "u\(start)-\(round)-\(number)"]
                    try change(to: current + names) {
                        _ = try quorum.append(names.map(record), now: Self.now) { _ in 0 }
                    }
                }
                try quorum.writeSnapshot(
                    of: current.map(record), upTo: quorum.highWatermark, now: Self.now
                ) { _ in 0 }
            }
        }
    }

    /// A follower copies, is cut back, takes a leader's snapshot, and votes.
    func follow() throws {
        let log = try MetadataLog(
            logDirectory: Self.root, settings: settings(voters: [1, 2, 3]), fileSystem: files,
            now: Self.now.wall)
        for epoch in Int32(1)...3 {
            try vote(QuorumState(leaderEpoch: epoch, votedID: 2, dataVersion: 0))
            try vote(QuorumState(leaderID: 2, leaderEpoch: epoch, votedID: 2, dataVersion: 0))
            let begin = log.endOffset
            for number in 0..<4 { try copy(["t\(epoch)-\(number)"], epoch, to: log) }
            // Segments go one by one, the last one first.
            topics.append(current.dropLast())
            try change(to: current.dropLast()) { try log.truncate(to: begin + 2) }
            try copy(["u\(epoch)", "v\(epoch)"], epoch, to: log)
            try takeSnapshot(
                SnapshotID(endOffset: log.endOffset + 5, epoch: LeaderEpoch(epoch)), log)
            try copy(["w\(epoch)"], epoch, to: log)
        }
    }

    private func vote(_ state: QuorumState) throws {
        states.append(state)
        try state.write(in: Self.directory, files)
        states = [state]
    }

    private func copy(_ names: [String], _ epoch: Int32, to log: MetadataLog) throws {
        let bytes = try MetadataBatch.data(
            names.map(record), at: log.endOffset, epoch: LeaderEpoch(epoch), now: Self.now.wall
        ) { _ in 0 }
        try change(to: current + names) { try log.append(bytes) }
    }

    private func takeSnapshot(_ id: SnapshotID, _ log: MetadataLog) throws {
        let names = current + ["s\(id.endOffset)"]
        let bytes = try SnapshotContents(records: names.map(record)).encoded(
            epoch: id.epoch, now: Self.now.wall
        ) { _ in 0 }
        try change(to: names) {
            let partial = try PartialSnapshot(id, in: log)
            try partial.append(Array(bytes[..<(bytes.count / 2)]))
            try partial.append(Array(bytes[(bytes.count / 2)...]))
            _ = try partial.finish(in: log)
            try log.start(behind: id)
        }
        try log.clean(now: Self.now.wall)
    }

    // MARK: Checks

    /// What is wrong with what a member finds here when it starts.
    func faults(in left: MemoryFileSystem) throws -> [String] {
        var wrong: [String] = []
        let isFollower = states.contains { $0.votedID == 2 }
        let quorum = try open(left, voters: isFollower ? [1, 2, 3] : [1])
        if isFollower, !states.contains(quorum.state) {
            wrong.append("state \(quorum.state.text)")
        }
        let found = try names(quorum)
        if !topics.contains(found) { wrong.append("topics \(found), not one of \(topics)") }
        for snapshot in quorum.log.snapshots { _ = try quorum.log.contents(of: snapshot) }
        let again = try names(open(left.afterPowerCut(), voters: isFollower ? [1, 2, 3] : [1]))
        if again != found { wrong.append("topics \(again) after another power cut") }
        return wrong
    }

    /// The topics of the newest snapshot and of the log behind it.
    private func names(_ quorum: QuorumReplica) throws -> [String] {
        var records: [MetadataRecord] = []
        var next = quorum.log.startOffset
        if let newest = quorum.log.snapshots.last {
            records = try quorum.log.contents(of: newest).records
            next = max(next, newest.endOffset)
        }
        while next < quorum.endOffset {
            let bytes = try quorum.log.read(from: next, maxBytes: 1 << 20)
            for batch in try MetadataBatch.all(in: bytes, path: quorum.directory)
            where batch.baseOffset >= next {
                records += batch.records
                next = batch.lastOffset + 1
            }
        }
        return records.compactMap {
            if case .topicRecord(let topic) = $0 { topic.name } else { nil }
        }
    }
}
