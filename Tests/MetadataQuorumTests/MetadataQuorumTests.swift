import KafkaProtocol
import KafkaWire
import LogStorage
import Testing

@testable import MetadataQuorum

/// The metadata log of one voter: append, snapshot, restart, damage, loss of power.
@Suite struct MetadataQuorumTests {
    private static let directory = "/meta"
    private static let logPath = "/meta/__cluster_metadata-0"

    private static let directoryID = KafkaUUID(high: 3, low: 300)
    private static let now = QuorumTime(monotonic: 0, wall: 5)

    /// What a restarted node finds.
    private struct Found {
        var quorum: QuorumReplica
        var topics: [String] = []
        var snapshot: SnapshotID?
        /// What begins the epoch.
        var controls: [QuorumControlRecord] = []
    }

    private func topic(_ number: Int) -> MetadataRecord {
        .topicRecord(
            TopicRecord(name: "t\(number)", topicID: KafkaUUID(high: 9, low: UInt64(number))))
    }

    private func names(_ records: [MetadataRecord]) -> [String] {
        records.compactMap { if case .topicRecord(let topic) = $0 { topic.name } else { nil } }
    }

    /// Starts the only voter; it leads on return.
    private func open(
        _ fileSystem: MemoryFileSystem, _ tune: (inout QuorumSettings) -> Void = { _ in }
    ) throws -> Found {
        let voter = Voter(key: MemberKey(BrokerID(1)), listeners: [])
        var settings = QuorumSettings(
            staticVoters: VoterSet([voter]), listenerName: "CONTROLLER", mayVote: true)
        tune(&settings)
        var found = Found(
            quorum: try QuorumReplica(
                logDirectory: Self.directory, nodeID: BrokerID(1), directoryID: Self.directoryID,
                clusterID: "c",
                settings: settings, fileSystem: fileSystem, random: SplitMix64(seed: 1),
                now: Self.now))
        try found.quorum.start(now: Self.now)
        for effect in found.quorum.takeEffects() {
            switch effect {
            case .installed(let id, let contents):
                found.snapshot = id
                found.topics = names(contents.records)
            case .committed(let batches):
                for batch in batches {
                    found.topics += names(batch.records)
                    found.controls = batch.controls
                }
            default: break
            }
        }
        #expect(found.quorum.isActiveLeader)
        return found
    }

    private func makeDisk() throws -> MemoryFileSystem {
        let fileSystem = MemoryFileSystem()
        try fileSystem.createDirectory(Self.directory)
        try fileSystem.syncDirectory("/")
        return fileSystem
    }

    private func append(_ numbers: Range<Int>, to quorum: QuorumReplica) throws {
        for number in numbers {
            _ = try quorum.append([topic(number)], now: Self.now) { _ in 0 }
        }
    }

    private func expected(_ count: Int) -> [String] { (0..<count).map { "t\($0)" } }

    @Test func whatIsAppendedIsReadBack() throws {
        let disk = try makeDisk()
        let first = try open(disk)
        #expect(first.topics.isEmpty && first.quorum.endOffset == Offset(1))
        try append(0..<3, to: first.quorum)
        #expect(first.quorum.highWatermark == first.quorum.endOffset)
        #expect(try open(disk.afterKill()).topics == expected(3))
    }

    @Test func aBatchIsAllOrNothing() throws {
        let disk = try makeDisk()
        let quorum = try open(disk).quorum
        let last = try quorum.append((0..<4).map(topic), now: Self.now) { _ in 0 }
        #expect(last == Offset(4))
        for seed in UInt64(0)..<20 {
            let torn = disk.afterKill()
            let second = try open(torn).quorum
            torn.fail(.init(operation: "sync", isPermanent: true))
            #expect(throws: QuorumError.self) {
                _ = try second.append((4..<8).map(topic), now: Self.now) { _ in 0 }
            }
            let count = try open(torn.afterPowerCut(seed: seed)).topics.count
            #expect(count == 4 || count == 8)
        }
    }

    @Test func eachStartLeadsInAHigherEpoch() throws {
        var disk = try makeDisk()
        for epoch in Int32(1)...4 {
            let quorum = try open(disk).quorum
            #expect(quorum.epoch == LeaderEpoch(epoch))
            disk = disk.afterPowerCut()
        }
    }

    @Test func committedRecordsSurviveAPowerCut() throws {
        for seed in UInt64(0)..<30 {
            let disk = try makeDisk()
            let quorum = try open(disk).quorum
            try append(0..<5, to: quorum)
            let next = try open(disk.afterPowerCut(seed: seed))
            #expect(next.topics == expected(5))
            try append(5..<6, to: next.quorum)
        }
    }

    @Test func aSnapshotStandsForTheLogBeforeIt() throws {
        let disk = try makeDisk()
        let quorum = try open(disk).quorum
        try append(0..<4, to: quorum)
        #expect(quorum.bytesSinceSnapshot > 0)
        try quorum.writeSnapshot(of: (0..<4).map(topic), upTo: quorum.highWatermark, now: Self.now)
        { _ in 0 }
        #expect(quorum.bytesSinceSnapshot == 0)
        try append(4..<6, to: quorum)
        let next = try open(disk.afterPowerCut())
        #expect(next.topics == expected(6))
        #expect(next.snapshot == SnapshotID(endOffset: Offset(5), epoch: LeaderEpoch(1)))
    }

    /// A log with a snapshot after every two records.
    private func snapshots(
        _ rounds: Int, on disk: MemoryFileSystem, _ tune: (inout QuorumSettings) -> Void
    ) throws -> (quorum: QuorumReplica, ends: [Int64]) {
        let quorum = try open(disk, tune).quorum
        for round in 1...rounds {
            let now = QuorumTime(monotonic: 0, wall: Int64(round) * 1000)
            for number in (round - 1) * 2..<round * 2 {
                _ = try quorum.append([topic(number)], now: now) { _ in 0 }
            }
            try quorum.writeSnapshot(
                of: (0..<round * 2).map(topic), upTo: quorum.highWatermark, now: now
            ) { _ in 0 }
        }
        let names = try disk.list(Self.logPath)
        return (
            quorum, names.compactMap { SnapshotID(fileName: $0)?.endOffset.rawValue }.sorted()
        )
    }

    @Test func snapshotsThatTakeTooMuchGoWithTheLogBeforeThem() throws {
        let disk = try makeDisk()
        let (quorum, ends) = try snapshots(5, on: disk) {
            $0.retentionBytes = 0
            $0.segmentBytes = 100
        }
        #expect(ends == [9, 11], "the newest two stay")
        #expect(quorum.log.startOffset == Offset(9))
        let logs = try disk.list(Self.logPath).filter { $0.hasSuffix(".log") }
        #expect(logs.count == quorum.log.log.segmentCount && logs.count < 4)
        #expect(try !disk.list(Self.logPath).contains { $0.hasSuffix(".deleted") })
        let next = try open(disk.afterKill())
        #expect(next.topics == expected(10))
        #expect(next.quorum.log.startOffset == Offset(9))
    }

    @Test func snapshotsThatAreTooOldGo() throws {
        let (quorum, ends) = try snapshots(5, on: try makeDisk()) { $0.retentionMs = 2500 }
        #expect(ends == [7, 9, 11], "those of the last 2.5 s")
        #expect(quorum.log.startOffset == Offset(7))
    }

    @Test func whatIsWithinItsLimitsStays() throws {
        for unlimited in [false, true] {
            let (quorum, ends) = try snapshots(5, on: try makeDisk()) {
                if unlimited { ($0.retentionBytes, $0.retentionMs) = (-1, -1) }
            }
            #expect(ends == [3, 5, 7, 9, 11])
            #expect(quorum.log.startOffset == .zero)
        }
    }

    @Test func aSnapshotThatWasNotFinishedIsPassedOver() throws {
        let disk = try makeDisk()
        let quorum = try open(disk).quorum
        try append(0..<4, to: quorum)
        for step in 0..<4 {
            let torn = disk.afterKill()
            let second = try open(torn).quorum
            torn.fail(.init(after: step, isPermanent: true))
            #expect(throws: QuorumError.self) {
                try second.writeSnapshot(
                    of: (0..<4).map(topic), upTo: second.highWatermark, now: Self.now
                ) { _ in 0 }
            }
            #expect(try open(torn.afterPowerCut()).topics == expected(4))
        }
    }

    @Test func aDamagedSnapshotStopsTheStart() throws {
        let disk = try makeDisk()
        let quorum = try open(disk).quorum
        try append(0..<4, to: quorum)
        try quorum.writeSnapshot(of: (0..<4).map(topic), upTo: quorum.highWatermark, now: Self.now)
        { _ in 0 }
        let name = SnapshotID(endOffset: Offset(5), epoch: LeaderEpoch(1)).fileName
        let path = "\(Self.logPath)/\(name)"
        let bytes = try #require(try disk.readFile(path, limit: 1 << 20))
        var flipped = bytes
        flipped[bytes.count / 2] ^= 0xFF
        for damaged in [flipped, Array(bytes.dropLast(20)), []] {
            let copy = disk.afterKill()
            try copy.replaceFile(path, with: damaged)
            let error = #expect(throws: QuorumError.self) { _ = try open(copy) }
            #expect("\(String(describing: error))".contains(name))
        }
    }

    @Test func aDamagedQuorumStateIsNamed() throws {
        let disk = try makeDisk()
        _ = try open(disk)
        for text in ["", "{}", "garbage", "{\"leaderEpoch\":1,\"data_version\":7}"] {
            let copy = disk.afterKill()
            try copy.replaceFile("\(Self.logPath)/quorum-state", with: Array(text.utf8))
            let error = #expect(throws: QuorumError.self) { _ = try open(copy) }
            #expect("\(String(describing: error))".contains("quorum-state"))
        }
    }

    /// A torn tail goes; what lies before it stays.
    @Test func aTornTailIsCut() throws {
        let disk = try makeDisk()
        let quorum = try open(disk).quorum
        try append(0..<4, to: quorum)
        let path = "\(Self.logPath)/00000000000000000000.log"
        let size = try #require(try disk.status(path)).size
        for cut in [1, 10, 60] {
            let copy = disk.afterKill()
            try copy.open(path, .readWrite).truncate(to: size - cut)
            let next = try open(copy)
            #expect(next.topics == expected(3))
            try append(3..<4, to: next.quorum)
            #expect(try open(copy.afterKill()).topics == expected(4))
        }
    }

    /// What the log no longer holds was in the snapshots.
    @Test func aLogWithoutTheSnapshotBeforeItIsRefused() throws {
        let disk = try makeDisk()
        _ = try snapshots(5, on: disk) {
            $0.retentionBytes = 0
            $0.segmentBytes = 100
        }
        for name in try disk.list(Self.logPath) where name.hasSuffix(".checkpoint") {
            try disk.remove("\(Self.logPath)/\(name)")
        }
        let error = #expect(throws: QuorumError.self) { _ = try open(disk) }
        guard case .corrupt(_, let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.hasSuffix("and no snapshot reaches that far"))
    }

    /// Nobody knows whether it voted in the log's last epoch.
    @Test func withoutItsStateAMemberVotesInNoEpochOfItsLog() throws {
        let disk = try makeDisk()
        for _ in 0..<3 { try append(0..<1, to: try open(disk).quorum) }
        try disk.remove("\(Self.logPath)/quorum-state")
        #expect(try open(disk).quorum.epoch == LeaderEpoch(4))
    }

    @Test func aRecordThatTheVersionCannotSayIsNotAppended() throws {
        let quorum = try open(try makeDisk()).quorum
        let end = quorum.endOffset
        let error = #expect(throws: QuorumError.self) {
            _ = try quorum.append([topic(0)], now: Self.now) { _ in 99 }
        }
        guard case .encode(.unsupportedVersion(99)) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(quorum.endOffset == end && quorum.isActiveLeader)
        try append(0..<1, to: quorum)
    }

    // MARK: Disks that fail

    private func isIO(_ body: () throws -> Void) -> Bool {
        do {
            try body()
        } catch QuorumError.io {
            return true
        } catch {}
        return false
    }

    @Test func aReadThatFailsIsTold() throws {
        let disk = try makeDisk()
        let quorum = try open(disk).quorum
        try append(0..<3, to: quorum)
        let error = #expect(throws: QuorumError.self) {
            try quorum.log.read(from: Offset(-1), maxBytes: 100)
        }
        guard case .log(.offsetOutOfRange) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        // The headers are read first, and then what is to be sent.
        for reads in 0..<2 {
            disk.fail(.init(after: reads, operation: "read", suffix: ".log"))
            #expect(throws: QuorumError.self) { try quorum.log.read(from: .zero, maxBytes: 1000) }
        }
        #expect(try !quorum.log.read(from: .zero, maxBytes: 1000).isEmpty)
    }

    @Test(arguments: ["quorum-state", ".checkpoint"])
    func aMemberWhoseFilesCannotBeReadDoesNotStart(suffix: String) throws {
        let disk = try makeDisk()
        let quorum = try open(disk).quorum
        try append(0..<4, to: quorum)
        try quorum.writeSnapshot(of: (0..<4).map(topic), upTo: quorum.highWatermark, now: Self.now)
        { _ in 0 }
        disk.fail(.init(operation: "read", suffix: suffix))
        #expect(isIO { _ = try open(disk) })
        #expect(try open(disk).topics == expected(4))
    }

    @Test func aFormatThatFailsIsTold() throws {
        let voter = QuorumFormat.Voter(
            nodeID: BrokerID(1), directoryID: Self.directoryID, listener: "CONTROLLER",
            host: "localhost", port: 9093)
        for operation in ["createDirectory", "rename", "sync"] {
            let disk = try makeDisk()
            disk.fail(.init(operation: operation))
            #expect(
                isIO {
                    try QuorumFormat.write(
                        [voter], bootstrap: [topic(0)], in: Self.directory, fileSystem: disk
                    ) { _ in 0 }
                })
        }
        let disk = try makeDisk()
        try QuorumFormat.write(
            [voter], bootstrap: [topic(0)], in: Self.directory, fileSystem: disk
        ) { _ in 0 }
        disk.fail(.init(operation: "read"))
        #expect(isIO { _ = try QuorumFormat.readBootstrap(in: Self.directory, disk) })
        #expect(throws: QuorumError.self) {
            try QuorumFormat.write(
                [voter], bootstrap: [topic(0)], in: Self.directory, fileSystem: try makeDisk()
            ) { _ in 99 }
        }
    }

    @Test func aSnapshotThatANewerHasOvertakenGoes() throws {
        let disk = try makeDisk()
        let quorum = try open(disk).quorum
        try append(0..<2, to: quorum)
        let draft = try #require(quorum.draftSnapshot(upTo: Offset(3), now: Self.now))
        try append(2..<4, to: quorum)
        try quorum.writeSnapshot(of: (0..<4).map(topic), upTo: Offset(5), now: Self.now) { _ in 0 }
        let names = try disk.list(Self.logPath)
        try draft.write((0..<2).map(topic)) { _ in 0 }
        #expect(try disk.list(Self.logPath) != names)
        try quorum.adopt(draft, now: Self.now)
        #expect(try disk.list(Self.logPath) == names)
        #expect(quorum.latestSnapshot?.endOffset == Offset(5))
        #expect(try open(disk.afterKill()).topics == expected(4))
    }

    @Test func formattingLeavesVotersAndFirstRecords() throws {
        let disk = try makeDisk()
        try QuorumFormat.write(
            [
                QuorumFormat.Voter(
                    nodeID: BrokerID(1), directoryID: Self.directoryID,
                    listener: "CONTROLLER", host: "localhost", port: 9093)
            ],
            bootstrap: [topic(0)], in: Self.directory, fileSystem: disk
        ) { _ in 0 }
        let after = disk.afterPowerCut()
        let records = try #require(try QuorumFormat.readBootstrap(in: Self.directory, after))
        #expect(names(records) == ["t0"])
        let found = try open(after)
        #expect(found.quorum.kraftVersion == 1)
        #expect(found.quorum.voters.ids == [BrokerID(1)])
        // The log takes them over, for others to find.
        #expect(found.controls.map(\.type) == [2, 5, 6])
        #expect(try open(after.afterKill()).controls.map(\.type) == [2])
    }

    @Test func kafkasQuorumStateIsRead() {
        let one = QuorumState(
            text: """
                {"leaderId":1,"leaderEpoch":7,"votedId":-1,\
                "votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}
                """)
        #expect(one?.leaderID == 1 && one?.leaderEpoch == 7 && one?.dataVersion == 1)
        let zero = QuorumState(
            text: """
                {"clusterId":"","leaderId":2,"leaderEpoch":3,"votedId":2,"appliedOffset":0,\
                "currentVoters":[{"voterId":1},{"voterId":2}],"data_version":0}
                """)
        #expect(zero?.currentVoters == [1, 2] && zero?.votedID == 2)
        for state in [one, zero].compactMap({ $0 }) {
            #expect(QuorumState(text: state.text) == state)
        }
    }

    @Test func namesOfSnapshotsAreReadStrictly() {
        let id = SnapshotID(endOffset: Offset(64), epoch: LeaderEpoch(3))
        #expect(id.fileName == "00000000000000000064-0000000003.checkpoint")
        #expect(SnapshotID(fileName: id.fileName) == id)
        for name in [
            "00000000000000000064-0000000003.checkpoint.part", "64-3.checkpoint",
            "0000000000000000006x-0000000003.checkpoint", "bootstrap.checkpoint",
            "-0000000000000000064-0000000003.checkpoint",
        ] { #expect(SnapshotID(fileName: name) == nil) }
    }
}
