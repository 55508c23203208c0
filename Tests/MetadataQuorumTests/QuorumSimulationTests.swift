import KafkaProtocol
import KafkaWire
import Testing

@testable import MetadataQuorum

/// Quorums of several members under faults, seed by seed.
@Suite struct QuorumSimulationTests {
    private func expectSound(_ quorum: SimulatedQuorum, _ seed: UInt64) {
        #expect(quorum.checks.violations.isEmpty, "seed \(seed): \(quorum.checks.violations)")
        #expect(quorum.failures.isEmpty, "seed \(seed): \(quorum.failures)")
    }

    /// Everybody is up and reachable: a leader comes, and all get all.
    private func heal(_ quorum: SimulatedQuorum, _ seed: UInt64) throws {
        quorum.island = []
        quorum.lossPercent = 0
        for node in quorum.sorted where node.member == nil { try quorum.start(node) }
        try quorum.run(ms: 20_000) { quorum.leader != nil }
        let leader = try #require(
            quorum.leader, "seed \(seed): no leader after healing: \(quorum.summary)")
        try quorum.append("last", on: leader)
        try quorum.run(ms: 20_000) {
            guard let leader = quorum.leader, let end = leader.member?.endOffset else {
                return false
            }
            return quorum.running.allSatisfy { $0.appliedEnd == end }
        }
        quorum.checks.allCaughtUp(quorum.running)
        let leaders = Set(quorum.running.map(\.leadership.leader))
        #expect(leaders.count == 1 && leaders != [nil], "seed \(seed): \(leaders)")
        expectSound(quorum, seed)
    }

    private func makeQuorum(_ seed: UInt64, voters: Int32, observers: Int32 = 0) throws
        -> SimulatedQuorum
    {
        let quorum = SimulatedQuorum(seed: seed)
        let voting = try (1...voters).map { try quorum.add($0) }
        let watching = try (0..<observers).map { try quorum.add(100 + $0, mayVote: false) }
        try quorum.format(voting, others: watching)
        try quorum.startAll()
        return quorum
    }

    @Test func aLeaderIsElectedAndRecordsReachEverybody() throws {
        let quorum = try makeQuorum(1, voters: 3, observers: 2)
        try quorum.run(ms: 10_000) { quorum.leader != nil }
        let leader = try #require(quorum.leader)
        for number in 0..<10 { try quorum.append("t\(number)", on: leader) }
        try quorum.run(ms: 100)
        for node in quorum.running {
            #expect(node.applied.map(\.text) == (0..<10).map { "t\($0)" })
            #expect(node.member?.leaderAndEpoch.leader == leader.id)
        }
        expectSound(quorum, 1)
    }

    /// With long polls an append is committed within round trips, not timeouts.
    @Test func aCommitTakesRoundTrips() throws {
        let quorum = try makeQuorum(2, voters: 3, observers: 1)
        quorum.longestDelay = 1
        try quorum.run(ms: 10_000) { quorum.leader != nil }
        let leader = try #require(quorum.leader)
        try quorum.run(ms: 3_000)
        let before = quorum.now
        try quorum.append("t", on: leader)
        try quorum.run(ms: 1_000) { quorum.running.allSatisfy { $0.applied.last?.text == "t" } }
        #expect(quorum.now - before <= 8)
    }

    @Test func aLeaderThatResignsIsSucceededAtOnce() throws {
        let quorum = try makeQuorum(3, voters: 3)
        try quorum.run(ms: 10_000) { quorum.leader != nil }
        let leader = try #require(quorum.leader)
        try quorum.run(ms: 1_000)
        let before = quorum.now
        try quorum.resign(leader)
        try quorum.run(ms: 10_000) { quorum.leader.map { $0.id != leader.id } ?? false }
        #expect(quorum.now - before < 100)
        try heal(quorum, 3)
    }

    /// A leader without a majority stops by itself, and what it appended there is cut off.
    @Test func aLeaderThatIsCutOffResignsAndItsRecordsGo() throws {
        let quorum = try makeQuorum(4, voters: 3)
        try quorum.run(ms: 10_000) { quorum.leader != nil }
        let old = try #require(quorum.leader)
        try quorum.run(ms: 1_000)
        quorum.island = [old.id]
        #expect(try quorum.append("lost", on: old) != nil)
        try quorum.run(ms: 4_000)
        #expect(old.member?.isActiveLeader == false)
        let next = try #require(quorum.leader)
        #expect(next.id != old.id)
        try quorum.append("kept", on: next)
        try heal(quorum, 4)
        #expect(old.applied.map(\.text) == ["kept", "last"])
    }

    /// KIP-996: one that is cut off does not raise epochs, and so does not unseat the leader.
    @Test func aFollowerThatComesBackDoesNotDisturb() throws {
        let quorum = try makeQuorum(5, voters: 3)
        try quorum.run(ms: 10_000) { quorum.leader != nil }
        let leader = try #require(quorum.leader)
        let epoch = leader.member?.epoch
        let away = try #require(quorum.sorted.first { $0.id != leader.id })
        quorum.island = [away.id]
        try quorum.run(ms: 30_000)
        quorum.island = []
        try quorum.run(ms: 5_000)
        #expect(quorum.leader?.id == leader.id && leader.member?.epoch == epoch)
        #expect(away.member?.leaderAndEpoch.leader == leader.id)
    }

    @Test func aMemberThatLagsFetchesASnapshot() throws {
        let quorum = try makeQuorum(6, voters: 3, observers: 1)
        quorum.tune = { $0.fetchSnapshotMaxBytes = 100 }
        try quorum.run(ms: 10_000) { quorum.leader != nil }
        let away = try #require(quorum.sorted.last { $0.id != quorum.leader?.id })
        quorum.crash(away, losingPower: true)
        for round in 0..<4 {
            let leader = try #require(quorum.leader)
            for number in 0..<5 { try quorum.append("t\(round)-\(number)", on: leader) }
            try quorum.run(ms: 200)
            for node in quorum.running { try quorum.snapshot(node) }
        }
        #expect(quorum.leader?.member?.log.startOffset ?? .zero > .zero)
        try quorum.start(away)
        try heal(quorum, 6)
        #expect(away.member?.latestSnapshot == quorum.leader?.member?.latestSnapshot)
        quorum.crash(away, losingPower: true)
        try heal(quorum, 6)
    }

    @Test func staticVotersElectALeader() throws {
        let quorum = SimulatedQuorum(seed: 7)
        for id in Int32(1)...3 { try quorum.add(id).isStatic = true }
        try quorum.startAll()
        try heal(quorum, 7)
        #expect(quorum.leader?.member?.kraftVersion == 0)
    }

    @Test func aVoterThatCannotKeepsTheOthersFixed() throws {
        let quorum = SimulatedQuorum(seed: 8)
        for id in Int32(1)...3 { try quorum.add(id).isStatic = true }
        try quorum.startAll()
        try quorum.run(ms: 10_000) { quorum.leader != nil }
        let leader = try #require(quorum.leader)
        #expect(leader.member?.upgradeObstacle?.contains("has not told its directory") == true)
        let other = try #require(quorum.sorted.first { $0.id != leader.id })
        #expect(other.member?.upgradeObstacle?.contains("does not lead") == true)
        try quorum.run(ms: 10_000) { leader.member?.upgradeObstacle == nil }
        #expect(leader.member?.upgradeObstacle == nil)
        func describe(versions: ClosedRange<Int16>) throws {
            _ = try quorum.ask(
                .updateRaftVoter(
                    UpdateRaftVoterRequest(
                        clusterID: SimulatedQuorum.clusterID,
                        currentLeaderEpoch: try #require(leader.member?.epoch.rawValue),
                        voterID: other.id.rawValue, voterDirectoryID: other.directoryID,
                        listeners: [
                            .init(
                                name: "CONTROLLER", host: other.endpoint.host,
                                port: other.endpoint.port)
                        ],
                        kRaftVersionFeature: .init(
                            minSupportedVersion: versions.lowerBound,
                            maxSupportedVersion: versions.upperBound))), version: 0, of: leader)
        }
        try describe(versions: 0...0)
        #expect(
            leader.member?.upgradeObstacle == "Voter \(other.id.rawValue) does not support it.")
        try describe(versions: 0...1)
        #expect(leader.member?.upgradeObstacle == nil)
        try quorum.raiseKRaftVersion(on: leader)
        #expect(leader.member?.kraftVersion == 1 && leader.member?.committedKRaftVersion == 0)
        try heal(quorum, 8)
        for node in quorum.running {
            #expect(node.member?.committedKRaftVersion == 1)
            #expect(node.member?.voters.voters.map(\.key) == quorum.sorted.map(\.key))
        }
    }

    // MARK: Seeds

    /// kraft.version is raised while members crash and are cut off; what a lost leader wrote of it
    /// goes with it. Then voters change.
    @Test func fixedVotersBecomeVotersThatChange() throws {
        var raised = 0
        for seed in UInt64(0)..<60 {
            let quorum = SimulatedQuorum(seed: seed &* 15_485_863 &+ 3)
            for id in Int32(1)...3 { try quorum.add(id).isStatic = true }
            try quorum.startAll()
            for step in 0..<30 {
                try disturb(quorum)
                try quorum.run(ms: quorum.pick(1...4_000))
                guard let leader = quorum.leader else { continue }
                try quorum.append("r\(step)", on: leader)
                guard leader.member?.upgradeObstacle == nil else { continue }
                if leader.member?.kraftVersion == 0 { raised += 1 }
                try quorum.raiseKRaftVersion(on: leader)
            }
            try heal(quorum, seed)
            try quorum.run(ms: 20_000) { quorum.leader?.member?.upgradeObstacle == nil }
            let leader = try #require(quorum.leader, "seed \(seed)")
            try quorum.raiseKRaftVersion(on: leader)
            let last = try #require(quorum.sorted.first { $0.id != leader.id })
            try change(quorum, seed, removing: last)
            #expect(quorum.leader?.member?.voters.count == 2, "seed \(seed)")
            try change(quorum, seed, adding: last)
            try heal(quorum, seed)
            for node in quorum.running {
                #expect(node.member?.committedKRaftVersion == 1, "seed \(seed)")
                #expect(
                    node.member?.voters.voters.map(\.key) == quorum.sorted.map(\.key),
                    "seed \(seed)")
            }
        }
        #expect(raised > 12, "faults are to meet quorums at both versions")
    }

    /// Crashes, power cuts, partitions, losses, snapshots, resignations, while records come in.
    @Test(arguments: [(3, 2), (5, 1)])
    func nothingCommittedIsLostUnderFaults(_ voters: Int, _ observers: Int) throws {
        for seed in UInt64(0)..<60 {
            let quorum = try makeQuorum(
                seed &* 7919 &+ UInt64(voters), voters: Int32(voters),
                observers: Int32(observers))
            quorum.longestDelay = quorum.pick(1...60)
            var count = 0
            for _ in 0..<40 {
                try disturb(quorum)
                for _ in 0..<quorum.pick(0...3) {
                    guard let node = quorum.element(of: quorum.running) else { break }
                    if try quorum.append("r\(count)", on: node) != nil { count += 1 }
                }
                try quorum.run(ms: quorum.pick(1...1_500))
            }
            try heal(quorum, seed)
        }
    }

    private func disturb(_ quorum: SimulatedQuorum) throws {
        guard let node = quorum.element(of: quorum.sorted) else { return }
        switch quorum.pick(0...11) {
        case 0, 1:
            if node.member != nil { quorum.crash(node, losingPower: quorum.chance(50)) }
        case 2, 3, 4: if node.member == nil { try quorum.start(node) }
        case 5: quorum.island = [node.id]
        case 6: quorum.island = Set(quorum.sorted.filter { _ in quorum.chance(50) }.map(\.id))
        case 7, 8: quorum.island = []
        case 9: quorum.lossPercent = Int(quorum.pick(0...30))
        case 10: if node.member != nil { try quorum.snapshot(node) }
        default: if node.member != nil { try quorum.resign(node) }
        }
    }

    /// 1 → 3 → 5 → 1 voters while records are appended, with losses and crashes in between.
    @Test func votersChangeUnderLoad() throws {
        for seed in UInt64(0)..<60 {
            let quorum = SimulatedQuorum(seed: seed &* 104_729 &+ 5)
            let first = try quorum.add(1)
            let others = try (Int32(2)...5).map { try quorum.add($0) }
            try quorum.format([first], others: others)
            quorum.longestDelay = quorum.pick(1...20)
            quorum.lossPercent = Int(quorum.pick(0...5))
            try quorum.startAll()
            for node in others { try change(quorum, seed, adding: node) }
            try quorum.run(ms: 10_000) { quorum.leader != nil }
            #expect(quorum.leader?.member?.voters.count == 5, "seed \(seed)")
            for id in Int32(1)...4 {
                let node = try #require(quorum.nodes[BrokerID(id)])
                try change(quorum, seed, removing: node)
            }
            try heal(quorum, seed)
            try quorum.run(ms: 20_000) { quorum.leader?.id == BrokerID(5) }
            #expect(quorum.leader?.member?.voters.ids == [BrokerID(5)], "seed \(seed)")
        }
    }

    /// One that has led alone for long has nobody to resign for before the second one could fetch.
    @Test func aLoneVoterGivesASecondOneTimeToFetch() throws {
        let quorum = SimulatedQuorum(seed: 31)
        let first = try quorum.add(1)
        let second = try quorum.add(2)
        try quorum.format([first], others: [second])
        try quorum.startAll()
        try quorum.run(ms: 60_000)
        let epoch = try #require(first.member?.epoch)
        _ = try quorum.ask(addition(of: second), version: 1, of: first)
        try quorum.run(ms: 10_000)
        #expect(first.member?.isActiveLeader == true)
        #expect(first.member?.epoch == epoch)
        #expect(first.member?.voters.count == 2)
    }

    private func addition(of node: SimulatedQuorum.Node) -> QuorumMessage {
        .addRaftVoter(
            AddRaftVoterRequest(
                clusterID: SimulatedQuorum.clusterID, timeoutMs: 1_000,
                voterID: node.id.rawValue, voterDirectoryID: node.directoryID,
                listeners: [
                    .init(
                        name: "CONTROLLER", host: node.endpoint.host, port: node.endpoint.port)
                ]))
    }

    private func change(
        _ quorum: SimulatedQuorum, _ seed: UInt64, adding node: SimulatedQuorum.Node? = nil,
        removing old: SimulatedQuorum.Node? = nil
    ) throws {
        for attempt in 0..<24 {
            try quorum.run(ms: 10_000) { quorum.leader != nil }
            guard let leader = quorum.leader, let member = leader.member else { continue }
            if let offset = member.controls.votersOffset, offset < member.highWatermark {
                if let node, member.voters.contains(node.key) { break }
                if let old, !member.voters.contains(old.key) { break }
            }
            try quorum.append("c\(attempt)", on: leader)
            if let node {
                _ = try quorum.ask(addition(of: node), version: 1, of: leader)
            } else if let old {
                _ = try quorum.ask(
                    .removeRaftVoter(
                        RemoveRaftVoterRequest(
                            clusterID: SimulatedQuorum.clusterID, voterID: old.id.rawValue,
                            voterDirectoryID: old.directoryID)), version: 0, of: leader)
            }
            if quorum.chance(10), let victim = quorum.element(of: quorum.running) {
                quorum.crash(victim, losingPower: quorum.chance(50))
                try quorum.run(ms: quorum.pick(1...2_000))
                try quorum.start(victim)
            }
            try quorum.run(ms: 1_000)
        }
        expectSound(quorum, seed)
    }

    /// KIP-1186: a controller whose disk is new takes the place of the old one.
    @Test func aControllerWithANewDiskJoinsByItself() throws {
        let quorum = SimulatedQuorum(seed: 9)
        let voters = try (Int32(1)...3).map { try quorum.add($0, autoJoin: true) }
        try quorum.format(voters)
        try quorum.startAll()
        try quorum.run(ms: 10_000) { quorum.leader != nil }
        let victim = try #require(quorum.sorted.first { $0.id != quorum.leader?.id })
        quorum.crash(victim, losingPower: true)
        let fresh = try quorum.add(victim.id.rawValue, directory: 8, autoJoin: true)
        try quorum.format([], others: [fresh])
        try quorum.start(fresh)
        try quorum.run(ms: 30_000) {
            quorum.leader?.member?.voters.contains(fresh.key) ?? false
        }
        #expect(quorum.leader?.member?.voters.count == 3)
        try heal(quorum, 9)
    }

    /// A broker that died between its first word of a leader and its first records knows who leads,
    /// not where; the leader answers it as any follower of its epoch.
    @Test func anObserverThatForgotWhereItsLeaderIsFindsIt() throws {
        let quorum = try makeQuorum(12, voters: 1)
        try quorum.run(ms: 10_000) { quorum.leader != nil }
        let leader = try #require(quorum.leader)
        try quorum.append("t", on: leader)
        let late = try quorum.add(100, mayVote: false)
        try quorum.format([], others: [late])
        try quorum.start(late)
        try quorum.run(ms: 10_000) { late.member?.state.leader == leader.id }
        #expect(late.member?.endOffset == .zero)
        quorum.crash(late, losingPower: true)
        try quorum.start(late)
        #expect(late.member?.state.leader == leader.id)
        try quorum.run(ms: 10_000) { late.applied.last?.text == "t" }
        #expect(late.applied.last?.text == "t")
        #expect(late.member?.epoch == leader.member?.epoch)
        expectSound(quorum, 12)
    }

    /// The same seed gives the same run.
    @Test func aRunIsRepeatable() throws {
        func trace() throws -> [String] {
            let quorum = try makeQuorum(11, voters: 3, observers: 1)
            quorum.lossPercent = 10
            for number in 0..<20 {
                try disturb(quorum)
                if let leader = quorum.leader { try quorum.append("r\(number)", on: leader) }
                try quorum.run(ms: 500)
            }
            return quorum.sorted.map {
                "\($0.id) \($0.appliedEnd) \($0.leadership) \($0.member?.endOffset ?? .zero)"
            }
        }
        #expect(try trace() == trace())
    }
}
