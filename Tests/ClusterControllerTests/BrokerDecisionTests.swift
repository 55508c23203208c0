import KafkaProtocol
import KafkaWire
import Testing

@testable import ClusterController

@Suite struct BrokerDecisionTests {
    @Test func registersFencedAndUnfencesWhenCaughtUp() throws {
        var cluster = try TestCluster(brokers: 0)
        let offset = cluster.nextOffset
        let response = try cluster.register(1)
        #expect(response.errorCode == 0)
        #expect(response.brokerEpoch == offset)
        #expect(cluster.image.brokers[1]?.isFenced == true)
        var early = BrokerHeartbeatRequest(brokerID: 1, brokerEpoch: offset)
        early.currentMetadataOffset = offset - 1
        let sessions = BrokerSessions(image: .empty, timeoutMs: 1, now: 0)
        let tooEarly = cluster.controller.heartbeat(early, sessions: sessions)
        #expect(tooEarly.records == [])
        #expect(tooEarly.response.isFenced)
        #expect(!tooEarly.response.isCaughtUp)
        let served = try cluster.heartbeat(1)
        #expect(!served.isFenced)
        #expect(served.isCaughtUp)
        #expect(cluster.image.brokers[1]?.isFenced == false)
    }

    @Test func registrationsAreChecked() throws {
        let cluster = try TestCluster(brokers: 1)
        func code(
            hasValidSession: Bool = false, _ change: (inout BrokerRegistrationRequest) -> Void
        ) -> KafkaError? {
            var request = TestCluster.registration(2)
            change(&request)
            let decision = cluster.controller.registerBroker(
                request, context: cluster.context(4), newEpoch: 100,
                hasValidSession: hasValidSession)
            #expect(decision.response.errorCode == 0 || decision.records == [])
            return KafkaError(rawValue: decision.response.errorCode)
        }
        #expect(code { _ in } == .some(.none))
        #expect(code { $0.clusterID = "other" } == .inconsistentClusterID)
        #expect(code { $0.isMigratingZkBroker = true } == .brokerIDNotRegistered)
        #expect(code { $0.logDirs = [] } == .invalidRegistration)
        #expect(code { $0.logDirs = [KafkaUUID(high: 0, low: 5)] } == .invalidRegistration)
        #expect(code { $0.logDirs += $0.logDirs } == .invalidRegistration)
        #expect(code { $0.logDirs = [TestCluster.directory(of: 1)] } == .invalidRegistration)
        #expect(code { $0.features = [] } == .invalidRegistration)
        #expect(
            code { $0.features.removeAll { $0.name == "group.version" } } == .unsupportedVersion)
        #expect(code { $0.listeners[0].securityProtocol = 9 } == .invalidRegistration)
        let other = { (request: inout BrokerRegistrationRequest) in
            request.brokerID = 1
            request.logDirs = [TestCluster.directory(of: 1)]
        }
        #expect(code(hasValidSession: true, other) == .duplicateBrokerRegistration)
        #expect(code(hasValidSession: false, other) == .some(.none))
    }

    @Test func anAmendmentKeepsTheEpoch() throws {
        var cluster = try TestCluster(brokers: 1)
        let epoch = try #require(cluster.image.brokers[1]).epoch
        let response = try cluster.register(1)
        #expect(response.brokerEpoch == epoch)
        #expect(cluster.image.brokers[1]?.isFenced == false)
    }

    @Test func aStaleHeartbeatIsRefused() throws {
        let cluster = try TestCluster(brokers: 1)
        let sessions = BrokerSessions(image: .empty, timeoutMs: 1, now: 0)
        let decision = cluster.controller.heartbeat(
            .init(brokerID: 1, brokerEpoch: 999), sessions: sessions)
        #expect(decision.response.errorCode == KafkaError.staleBrokerEpoch.rawValue)
        #expect(decision.records == [])
    }

    @Test func aFencedBrokerHandsOver() throws {
        var cluster = try TestCluster(brokers: 3)
        try cluster.create(
            "t", partitions: -1, replicas: -1, assignments: [[1, 2, 3], [2, 1, 3]])
        try cluster.apply(cluster.controller.fenceBroker(1))
        #expect(try cluster.partition("t", 0).leader == 2)
        #expect(try cluster.partition("t", 0).isr == [2, 3])
        #expect(try cluster.partition("t", 0).leaderEpoch == 1)
        #expect(try cluster.partition("t", 1).leader == 2)
        #expect(try cluster.partition("t", 1).leaderEpoch == 0)
        #expect(try cluster.partition("t", 1).isr == [2, 3])
        #expect(cluster.controller.fenceBroker(1).records == [])
        #expect(cluster.controller.fenceBroker(77).records == [])
    }

    /// What Apache Kafka wrote when its single broker stopped and came back (golden metadata log).
    @Test func theOnlyReplicaStaysEligibleThroughARestart() throws {
        var cluster = try TestCluster(brokers: 1)
        try cluster.create("t")
        let id = try #require(cluster.image.topics.id(of: "t"))
        let stopping = try cluster.heartbeat(1, wantShutDown: true)
        #expect(!stopping.shouldShutDown)
        let away = try cluster.partition("t")
        #expect(away.leader == -1)
        #expect(away.isr == [])
        #expect(away.eligibleLeaderReplicas == [1])
        #expect(away.lastKnownELR == [1])
        #expect(try cluster.heartbeat(1, wantShutDown: true).shouldShutDown)
        #expect(cluster.image.brokers[1]?.isFenced == true)

        var request = TestCluster.registration(1, incarnation: 2)
        request.previousBrokerEpoch = try #require(cluster.image.brokers[1]).epoch
        let clean = cluster.controller.registerBroker(
            request, context: cluster.context(4), newEpoch: cluster.nextOffset)
        #expect(clean.records.count == 1)
        try cluster.apply(clean)
        var heartbeat = BrokerHeartbeatRequest(brokerID: 1)
        heartbeat.brokerEpoch = clean.response.brokerEpoch
        heartbeat.currentMetadataOffset = cluster.nextOffset
        let back = cluster.controller.heartbeat(
            heartbeat, sessions: BrokerSessions(image: .empty, timeoutMs: 1, now: 0))
        var change = PartitionChangeRecord(partitionID: 0, topicID: id)
        change.isr = [1]
        change.leader = 1
        change.eligibleLeaderReplicas = []
        change.lastKnownElr = []
        #expect(back.records.last == .partitionChangeRecord(change))
    }

    /// The answer to a registration is lost and its process stops in order: the next one proves the
    /// epoch before. A broker that was unfenced since may have more to lose.
    @Test(arguments: [false, true])
    func whoMissedItsRegistrationMayProveTheOneBefore(wasUnfenced: Bool) throws {
        var cluster = try TestCluster(brokers: 2)
        try cluster.create("t", partitions: -1, replicas: -1, assignments: [[1]])
        let first = try #require(cluster.image.brokers[1]).epoch
        try cluster.heartbeat(1, wantShutDown: true)
        try cluster.heartbeat(1, wantShutDown: true)
        var request = TestCluster.registration(1, incarnation: 2)
        request.previousBrokerEpoch = first
        func register() throws {
            try cluster.register(request)
        }
        try register()
        if wasUnfenced {
            try cluster.heartbeat(1)
            try cluster.heartbeat(1, wantShutDown: true)
            try cluster.heartbeat(1, wantShutDown: true)
        }
        #expect(try cluster.partition("t").eligibleLeaderReplicas == [1])
        request.incarnationID = KafkaUUID(high: 1, low: 3)
        try register()
        #expect(try cluster.partition("t").eligibleLeaderReplicas == (wasUnfenced ? [] : [1]))

        // A snapshot does not tell; images are the same all the same.
        var restored = MetadataImage.empty
        try restored.replay(cluster.image.snapshotRecords())
        #expect(restored == cluster.image)
    }

    @Test func anUncleanStopNeedsRecovery() throws {
        var cluster = try TestCluster(brokers: 1)
        try cluster.create("t")
        try cluster.register(1, incarnation: 2)
        let lost = try cluster.partition("t")
        #expect(lost.leader == -1)
        #expect(lost.eligibleLeaderReplicas == [])
        #expect(lost.lastKnownELR == [1])
        try cluster.heartbeat(1)
        let elected = try cluster.partition("t")
        #expect(elected.leader == 1)
        #expect(elected.isr == [1])
        #expect(elected.isRecovering)
        #expect(elected.lastKnownELR == [])
        try cluster.apply(recover("t", in: cluster))
        #expect(try cluster.partition("t").isRecovering == false)
    }

    /// Its broker came back without the log directory, and another replica may have the records.
    @Test(arguments: [[1, 2], [1]])
    func aLastLeaderThatBeginsAnewDoesNotLeadBesideOthers(replicas: [Int32]) throws {
        var cluster = try TestCluster(brokers: 2)
        try cluster.create("t", partitions: -1, replicas: -1, assignments: [replicas])
        // Both lose what they had not flushed, the leader last.
        try cluster.register(2, incarnation: 2)
        var request = TestCluster.registration(1, incarnation: 2)
        request.logDirs = [KafkaUUID(high: 77, low: 77)]
        try cluster.register(request)
        #expect(try cluster.partition("t").lastKnownELR == [1])
        try cluster.heartbeat(1)
        #expect(try cluster.partition("t").leader == -1)
        let assign = try assignment(to: request.logDirs[0], in: cluster)
        try cluster.apply(cluster.controller.assignReplicasToDirs(assign))
        #expect(try cluster.partition("t").leader == -1)
        #expect(try cluster.partition("t").lastKnownELR == (replicas.count > 1 ? [] : [1]))
    }

    /// It moved to another directory, and that the old one has failed is told first.
    @Test func aLastLeaderThatHadMovedLeadsAgain() throws {
        var cluster = try TestCluster(brokers: 2)
        try cluster.create("t", partitions: -1, replicas: -1, assignments: [[1, 2]])
        try cluster.register(2, incarnation: 2)
        var request = TestCluster.registration(1, incarnation: 2)
        let old = TestCluster.directory(of: 1)
        let new = KafkaUUID(high: 77, low: 77)
        request.logDirs = [old, new]
        try cluster.register(request)
        let epoch = try #require(cluster.image.brokers[1]).epoch
        var sessions = BrokerSessions(image: .empty, timeoutMs: 1, now: 0)
        sessions.touch(1, epoch: epoch, metadataOffset: cluster.nextOffset, now: 0)
        var heartbeat = BrokerHeartbeatRequest(brokerID: 1, brokerEpoch: epoch)
        heartbeat.currentMetadataOffset = cluster.nextOffset
        heartbeat.offlineLogDirs = [old]
        heartbeat.wantFence = true
        sessions.noteFailed(heartbeat.offlineLogDirs, of: 1)
        try cluster.apply(cluster.controller.heartbeat(heartbeat, sessions: sessions))
        let lost = try cluster.partition("t")
        #expect(lost.leader == -1 && lost.lastKnownELR == [1])
        let assign = try assignment(to: new, in: cluster)
        #expect(sessions.failedDirectories(of: 1) == [old])
        try cluster.apply(
            cluster.controller.assignReplicasToDirs(
                assign, failed: sessions.failedDirectories(of: 1)))
        #expect(try cluster.partition("t").lastKnownELR == [1])
        try cluster.heartbeat(1)
        let elected = try cluster.partition("t")
        #expect(elected.leader == 1 && elected.isRecovering)
        // The next process knows of no failure.
        sessions.touch(1, epoch: epoch + 1, metadataOffset: 0, now: 1)
        #expect(sessions.failedDirectories(of: 1).isEmpty)
    }

    /// Broker 1 tells where it has the first partition of "t".
    private func assignment(
        to directory: KafkaUUID, in cluster: TestCluster
    ) throws -> AssignReplicasToDirsRequest {
        var request = AssignReplicasToDirsRequest(brokerID: 1)
        request.brokerEpoch = try #require(cluster.image.brokers[1]).epoch
        let id = try #require(cluster.image.topics.id(of: "t"))
        request.directories = [
            .init(
                id: directory,
                topics: [.init(topicID: id, partitions: [.init(partitionIndex: 0)])])
        ]
        return request
    }

    private func recover(
        _ topic: String, in cluster: TestCluster
    ) throws -> Decision<AlterPartitionResponse> {
        let partition = try cluster.partition(topic)
        return cluster.controller.alterPartition(
            try alter(topic, isr: partition.isr, by: partition.leader, in: cluster),
            context: cluster.context(3))
    }

    private func alter(
        _ topic: String, isr: [Int32], by broker: Int32, in cluster: TestCluster
    ) throws -> AlterPartitionRequest {
        let partition = try cluster.partition(topic)
        var data = AlterPartitionRequest.PartitionData()
        data.leaderEpoch = partition.leaderEpoch
        data.partitionEpoch = partition.partitionEpoch
        data.newIsrWithEpochs = isr.map {
            .init(brokerID: $0, brokerEpoch: cluster.image.brokers[$0]?.epoch ?? 0)
        }
        var request = AlterPartitionRequest(brokerID: broker)
        request.brokerEpoch = try #require(cluster.image.brokers[broker]).epoch
        let id = try #require(cluster.image.topics.id(of: topic))
        request.topics = [.init(topicID: id, partitions: [data])]
        return request
    }

    @Test func withoutEligibleLeadersTheLastOneStaysInSync() throws {
        let version = try #require(MetadataVersion(name: "4.0", allowUnstable: false))
        var cluster = try TestCluster(brokers: 1, version: version)
        try cluster.create("t")
        try cluster.apply(cluster.controller.fenceBroker(1))
        let away = try cluster.partition("t")
        #expect(away.leader == -1)
        #expect(away.isr == [1])
        try cluster.heartbeat(1)
        let back = try cluster.partition("t")
        #expect(back.leader == 1)
        #expect(back.isr == [1])
        #expect(!back.isRecovering)
    }

    @Test func theLeaderShrinksAndGrowsTheISR() throws {
        var cluster = try TestCluster(brokers: 3)
        try cluster.create("t", partitions: -1, replicas: -1, assignments: [[1, 2, 3]])
        let shrink = cluster.controller.alterPartition(
            try alter("t", isr: [1, 2], by: 1, in: cluster), context: cluster.context(3))
        let answer = try #require(try cluster.apply(shrink).topics.first?.partitions.first)
        #expect(answer.errorCode == 0)
        #expect(answer.isr == [1, 2])
        #expect(answer.partitionEpoch == 1)
        #expect(answer.leaderEpoch == 0)
        #expect(try cluster.partition("t").isr == [1, 2])
        try cluster.apply(
            cluster.controller.alterPartition(
                try alter("t", isr: [1, 2, 3], by: 1, in: cluster), context: cluster.context(3)))
        #expect(try cluster.partition("t").isr == [1, 2, 3])
    }

    @Test func proposalsForTheISRAreChecked() throws {
        var cluster = try TestCluster(brokers: 4)
        try cluster.create("t", partitions: -1, replicas: -1, assignments: [[1, 2, 3]])
        func code(
            _ isr: [Int32], by broker: Int32 = 1,
            _ change: (inout AlterPartitionRequest) -> Void = { _ in }
        ) throws -> KafkaError? {
            var request = try alter("t", isr: isr, by: broker, in: cluster)
            change(&request)
            let decision = cluster.controller.alterPartition(
                request, context: cluster.context(3))
            #expect(decision.records == [])
            let code = decision.response.topics.first?.partitions.first?.errorCode
            return KafkaError(rawValue: code ?? decision.response.errorCode)
        }
        #expect(try code([2, 3]) == .invalidRequest)
        #expect(try code([1, 4]) == .invalidRequest)
        #expect(try code([1, 1]) == .invalidRequest)
        #expect(try code([1], by: 2) == .invalidRequest)
        #expect(try code([1]) { $0.brokerEpoch += 1 } == .staleBrokerEpoch)
        #expect(try code([1]) { $0.topics[0].topicID = .zero } == .unknownTopicID)
        #expect(
            try code([1]) { $0.topics[0].partitions[0].partitionIndex = 9 }
                == .unknownTopicOrPartition)
        #expect(
            try code([1]) { $0.topics[0].partitions[0].leaderEpoch += 1 } == .notController)
        #expect(
            try code([1]) { $0.topics[0].partitions[0].leaderEpoch -= 1 } == .fencedLeaderEpoch)
        #expect(
            try code([1]) { $0.topics[0].partitions[0].partitionEpoch -= 1 }
                == .invalidUpdateVersion)
        #expect(
            try code([1]) { $0.topics[0].partitions[0].leaderRecoveryState = 1 }
                == .invalidRequest)
        #expect(
            try code([1, 2]) {
                $0.topics[0].partitions[0].newIsrWithEpochs[1].brokerEpoch = 5
            } == .ineligibleReplica)
        try cluster.apply(cluster.controller.fenceBroker(3))
        #expect(try code([1, 2, 3]) == .ineligibleReplica)
    }

    @Test func failedDirectoriesLeaveTheISR() throws {
        var cluster = try TestCluster(brokers: 0)
        var registration = TestCluster.registration(1)
        let second = KafkaUUID(high: 0xD2, low: 1)
        registration.logDirs.append(second)
        try cluster.register(registration)
        try cluster.heartbeat(1)
        try cluster.create("t", partitions: 2)
        #expect(try cluster.partition("t").directories == [DirectoryID.unassigned])
        let id = try #require(cluster.image.topics.id(of: "t"))
        var assign = AssignReplicasToDirsRequest(brokerID: 1)
        assign.brokerEpoch = try #require(cluster.image.brokers[1]).epoch
        assign.directories = [
            .init(
                id: second,
                topics: [
                    .init(topicID: id, partitions: [.init(partitionIndex: 1)]),
                    .init(topicID: .zero, partitions: [.init(partitionIndex: 1)]),
                ]),
            .init(
                id: TestCluster.directory(of: 1),
                topics: [
                    .init(
                        topicID: id,
                        partitions: [.init(partitionIndex: 0), .init(partitionIndex: 7)])
                ]),
        ]
        let assigned = try cluster.apply(cluster.controller.assignReplicasToDirs(assign))
        #expect(try cluster.partition("t", 1).directories == [second])
        let codes = assigned.directories.flatMap(\.topics).flatMap(\.partitions).map(\.errorCode)
        #expect(
            codes.map { KafkaError(rawValue: $0) } == [
                .some(.none), .unknownTopicID, .some(.none), .unknownTopicOrPartition,
            ])

        var heartbeat = BrokerHeartbeatRequest(brokerID: 1, brokerEpoch: assign.brokerEpoch)
        heartbeat.currentMetadataOffset = cluster.nextOffset
        heartbeat.offlineLogDirs = [second]
        heartbeat.cordonedLogDirs = []
        try cluster.apply(
            cluster.controller.heartbeat(
                heartbeat, sessions: BrokerSessions(image: .empty, timeoutMs: 1, now: 0)))
        #expect(try cluster.partition("t", 0).leader == 1)
        #expect(try cluster.partition("t", 1).leader == -1)
        #expect(cluster.image.brokers[1]?.logDirs == [TestCluster.directory(of: 1)])
        #expect(cluster.image.brokers[1]?.cordonedLogDirs == [])
    }

    /// A broker may tell where a replica lies after that directory has failed.
    @Test func aReplicaInAFailedDirectoryLeavesTheISR() throws {
        var cluster = try TestCluster(brokers: 3)
        try cluster.create("t", partitions: -1, replicas: -1, assignments: [[1, 2], [2, 3]])
        let id = try #require(cluster.image.topics.id(of: "t"))
        let failed = KafkaUUID(high: 0xD9, low: 1)
        var assign = AssignReplicasToDirsRequest(brokerID: 1)
        assign.brokerEpoch = try #require(cluster.image.brokers[1]).epoch
        assign.directories = [
            .init(
                id: failed,
                topics: [
                    .init(
                        topicID: id,
                        partitions: [.init(partitionIndex: 0), .init(partitionIndex: 1)])
                ])
        ]
        let answer = try cluster.apply(cluster.controller.assignReplicasToDirs(assign))
        let codes = answer.directories[0].topics[0].partitions.map(\.errorCode)
        #expect(codes.map { KafkaError(rawValue: $0) } == [.some(.none), .notLeaderOrFollower])
        let left = try cluster.partition("t")
        #expect(left.isr == [2] && left.leader == 2)
        #expect(left.directories == [failed, TestCluster.directory(of: 2)])
        #expect(try cluster.partition("t", 1).isr == [2, 3])
    }

    /// Directories are kept from 3.7-IV2 on (KIP-858).
    @Test func beforeDirectoriesNoneIsAssigned() throws {
        let version = try #require(MetadataVersion(name: "3.6", allowUnstable: false))
        let cluster = try TestCluster(version: version)
        var assign = AssignReplicasToDirsRequest(brokerID: 1)
        assign.brokerEpoch = try #require(cluster.image.brokers[1]).epoch
        let decision = cluster.controller.assignReplicasToDirs(assign)
        #expect(decision.records.isEmpty)
        #expect(KafkaError(rawValue: decision.response.errorCode) == .unsupportedVersion)
    }

    /// Before 3.6, followers took a change of the ISR for one of the epoch (KAFKA-15021).
    @Test(arguments: [("3.5", 1), ("3.6", 0)] as [(String, Int32)])
    func aShrinkRaisesTheLeaderEpochOfOldLevels(release: String, epoch: Int32) throws {
        let version = try #require(MetadataVersion(name: release, allowUnstable: false))
        var cluster = try TestCluster(brokers: 3, version: version)
        try cluster.create("t", partitions: -1, replicas: -1, assignments: [[1, 2, 3]])
        try cluster.apply(
            cluster.controller.alterPartition(
                try alter("t", isr: [1, 2], by: 1, in: cluster), context: cluster.context(3)))
        #expect(try cluster.partition("t").isr == [1, 2])
        #expect(try cluster.partition("t").leaderEpoch == epoch)
        try cluster.apply(
            cluster.controller.alterPartition(
                try alter("t", isr: [1, 2, 3], by: 1, in: cluster), context: cluster.context(3)))
        #expect(try cluster.partition("t").leaderEpoch == epoch)
    }

    @Test func unregisteringForgetsTheBroker() throws {
        var cluster = try TestCluster(brokers: 2)
        try cluster.create("t", partitions: -1, replicas: -1, assignments: [[2, 1]])
        let response = try cluster.apply(
            cluster.controller.unregisterBroker(.init(brokerID: 2)))
        #expect(response.errorCode == 0)
        #expect(response.errorMessage == nil)
        #expect(cluster.image.brokers[2] == nil)
        #expect(try cluster.partition("t").isr == [1])
        #expect(try cluster.partition("t").leader == 1)
        let again = cluster.controller.unregisterBroker(.init(brokerID: 2))
        expectError(
            again.response.errorCode, again.response.errorMessage, is: .brokerIDNotRegistered,
            "Broker ID 2 is not currently registered")
    }

    @Test func producerIDsComeInBlocksOfAThousand() throws {
        var cluster = try TestCluster(brokers: 1)
        var request = AllocateProducerIDsRequest(brokerID: 1)
        request.brokerEpoch = try #require(cluster.image.brokers[1]).epoch
        for start in [0, 1000, 2000] as [Int64] {
            let block = try cluster.apply(cluster.controller.allocateProducerIDs(request))
            #expect(block.producerIDStart == start)
            #expect(block.producerIDLen == 1000)
        }
        #expect(cluster.image.nextProducerID == 3000)
        request.brokerEpoch = 77
        let stale = cluster.controller.allocateProducerIDs(request)
        #expect(stale.response.errorCode == KafkaError.staleBrokerEpoch.rawValue)
        cluster.controller.image.nextProducerID = Int64.max - 999
        request.brokerEpoch = try #require(cluster.image.brokers[1]).epoch
        let exhausted = cluster.controller.allocateProducerIDs(request)
        #expect(exhausted.response.errorCode == KafkaError.unknownServerError.rawValue)
        #expect(exhausted.records == [])
    }

    @Test func controllersRegister() throws {
        var cluster = try TestCluster(brokers: 1)
        var request = ControllerRegistrationRequest(controllerID: 5)
        request.incarnationID = KafkaUUID(high: 4, low: 4)
        request.listeners = [
            .init(name: "CONTROLLER", host: "c", port: 9093, securityProtocol: 0)
        ]
        try cluster.apply(cluster.controller.registerController(request))
        #expect(cluster.image.controllers[5]?.endpoints.first?.listener == "CONTROLLER")
        let old = try TestCluster(version: try #require(MetadataVersion(rawValue: 14)))
        let refused = old.controller.registerController(request)
        #expect(refused.response.errorCode == KafkaError.unsupportedVersion.rawValue)
    }

    @Test func controllersAreForgotten() throws {
        let record = MetadataRecord.registerControllerRecord(.init(controllerID: 5))
        let request = UnregisterControllerRequest(controllerID: 5)
        var cluster = try TestCluster(version: .latest)
        let unknown = cluster.controller.unregisterController(request)
        expectError(
            unknown.response.errorCode, unknown.response.errorMessage,
            is: .controllerIDNotRegistered, "Controller ID 5 is not currently registered.")
        try cluster.append([record])
        let response = try cluster.apply(cluster.controller.unregisterController(request))
        expectError(response.errorCode, response.errorMessage, is: .none)
        #expect(cluster.image.controllers[5] == nil)
        var old = try TestCluster(version: .latestProduction)
        try old.append([record])
        let refused = old.controller.unregisterController(request)
        #expect(refused.response.errorCode == KafkaError.unsupportedVersion.rawValue)
        #expect(refused.records == [])
    }

    /// The only broker of 5 000 topics dies and comes back: every partition is led again.
    @Test func manyTopicsSurviveARestart() throws {
        var cluster = try TestCluster(brokers: 1)
        for batch in 0..<10 {
            let topics = (0..<500).map {
                CreateTopicsRequest.CreatableTopic(
                    name: "t\(batch * 500 + $0)", numPartitions: 1, replicationFactor: 1)
            }
            #expect(try cluster.createTopics(.init(topics: topics)).topics.count == 500)
        }
        #expect(cluster.image.topics.partitionCount == 5000)
        try cluster.register(1, incarnation: 2)
        #expect(cluster.delta.changedPartitions.count == 5000)
        try cluster.heartbeat(1)
        let led = cluster.image.topics.sorted.filter { $0[0]?.leader == 1 }
        #expect(led.count == 5000)
    }

    @Test func sessionsExpire() throws {
        let cluster = try TestCluster(brokers: 3)
        let epoch = try #require(cluster.image.brokers[2]).epoch
        var sessions = BrokerSessions(
            image: cluster.image, timeoutMs: 100, now: 1000, except: 1)
        #expect(!sessions.isValid(1, epoch: 0, now: 1000))
        #expect(sessions.isValid(2, epoch: epoch, now: 1099))
        #expect(!sessions.isValid(2, epoch: epoch, now: 1100))
        #expect(!sessions.isValid(2, epoch: epoch + 1, now: 1000))
        sessions.touch(2, epoch: epoch, metadataOffset: 9, now: 1050)
        #expect(sessions.nextExpiry == 1100)
        #expect(sessions.expired(now: 1100) == [3])
        #expect(sessions.expired(now: 1150) == [2, 3])
        sessions.end(3)
        #expect(sessions.nextExpiry == 1150)
    }

    @Test func aStoppingBrokerWaitsForTheOthersToKnow() throws {
        var cluster = try TestCluster(brokers: 2)
        try cluster.create("t", partitions: -1, replicas: -1, assignments: [[1, 2]])
        var sessions = BrokerSessions(image: cluster.image, timeoutMs: 100, now: 0)
        var request = BrokerHeartbeatRequest(brokerID: 1)
        request.brokerEpoch = try #require(cluster.image.brokers[1]).epoch
        request.wantShutDown = true
        let first = try cluster.apply(cluster.controller.heartbeat(request, sessions: sessions))
        #expect(!first.shouldShutDown)
        #expect(cluster.image.brokers[1]?.inControlledShutdown == true)
        #expect(try cluster.partition("t").leader == 2)
        let end = cluster.nextOffset - 1
        sessions.noteShutdown(of: 1, at: end)
        let second = cluster.controller.heartbeat(request, sessions: sessions)
        #expect(!second.response.shouldShutDown)
        let epoch = try #require(cluster.image.brokers[2]).epoch
        sessions.touch(2, epoch: epoch, metadataOffset: end, now: 1)
        #expect(
            cluster.controller.heartbeat(request, sessions: sessions).response.shouldShutDown)
    }
}
