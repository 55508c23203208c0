import ClientCore
import KafkaProtocol
import KafkaSecurity
import KafkaWire
import MartletClient
import Synchronization
import Testing

/// Calls that no node of ours serves: what is asked, and what becomes of the answers.
@Suite(.timeLimit(.minutes(3))) struct ScriptedAdminTests {
    /// An admin client of a broker that answers `request`, keeping what it was asked.
    private func admin<R: KafkaRequest>(
        _ request: R.Type, answer: R.Response, _ body: (Admin) async throws -> Void
    ) async throws -> R? where R: Sendable, R.Response: Sendable {
        let asked = Mutex<R?>(nil)
        try await ScriptedBroker.with([
            R.apiKey: { reader, version in
                let one = try R(from: &reader, version: version)
                asked.withLock { $0 = one }
                return answer
            }
        ]) { bootstrap in
            let admin = try Admin(bootstrap: bootstrap)
            try await body(admin)
            await admin.close()
        }
        return asked.withLock { $0 }
    }

    @Test func tokensAreMade() async throws {
        let asked = try await admin(
            CreateDelegationTokenRequest.self,
            answer: CreateDelegationTokenResponse(
                principalType: "User", principalName: "alice",
                tokenRequesterPrincipalType: "User", tokenRequesterPrincipalName: "bob",
                issueTimestampMs: 1, expiryTimestampMs: 2, maxTimestampMs: 3, tokenID: "t",
                hmac: [1, 2, 3])
        ) { admin in
            let token = try await admin.createDelegationToken(
                owner: "User:alice", renewers: ["User:carol"], lifetime: .seconds(60))
            #expect(token.owner == "User:alice" && token.requester == "User:bob")
            #expect([token.issued, token.expires, token.expiresAtLatest] == [1, 2, 3])
            #expect(token.hmac.password == Secret("AQID"))
            #expect(!"\(token)".contains("1, 2, 3"))
            await #expect(throws: ClientError.self) {
                try await admin.createDelegationToken(owner: "alice")
            }
        }
        #expect(asked?.ownerPrincipalName == "alice" && asked?.maxLifetimeMs == 60_000)
        #expect(asked?.renewers.map(\.principalName) == ["carol"])
    }

    @Test func tokensAreRenewedAndEnded() async throws {
        let renewed = try await admin(
            RenewDelegationTokenRequest.self,
            answer: RenewDelegationTokenResponse(expiryTimestampMs: 7)
        ) { admin in
            let expiry = try await admin.renewDelegationToken(TokenSecret([9]), for: .seconds(1))
            #expect(expiry == 7)
        }
        #expect(renewed?.hmac == [9] && renewed?.renewPeriodMs == 1000)
        let ended = try await admin(
            ExpireDelegationTokenRequest.self,
            answer: ExpireDelegationTokenResponse(
                errorCode: KafkaError.delegationTokenNotFound.code)
        ) { admin in
            let error = await #expect(throws: ClientError.self) {
                try await admin.expireDelegationToken(TokenSecret([9]))
            }
            #expect(error?.kafkaError == .delegationTokenNotFound)
        }
        #expect(ended?.expiryTimePeriodMs == -1)
    }

    @Test func tokensAreDescribed() async throws {
        let asked = try await admin(
            DescribeDelegationTokenRequest.self,
            answer: DescribeDelegationTokenResponse(tokens: [
                .init(
                    principalType: "User", principalName: "alice", tokenID: "t", hmac: [1],
                    renewers: [.init(principalType: "User", principalName: "carol")])
            ])
        ) { admin in
            let tokens = try await admin.describeDelegationTokens(owners: ["User:alice"])
            #expect(tokens.map(\.id) == ["t"] && tokens[0].renewers == ["User:carol"])
        }
        #expect(asked?.owners?.map(\.principalName) == ["alice"])
    }

    @Test func shareGroupsAreDescribed() async throws {
        let asked = try await admin(
            ShareGroupDescribeRequest.self,
            answer: ShareGroupDescribeResponse(groups: [
                .init(
                    groupID: "g", groupState: "Stable", groupEpoch: 4, assignmentEpoch: 3,
                    assignorName: "simple",
                    members: [
                        .init(
                            memberID: "m", rackID: "r", memberEpoch: 4, clientID: "c",
                            clientHost: "/h", subscribedTopicNames: ["t"],
                            assignment: .init(topicPartitions: [
                                .init(topicName: "t", partitions: [1, 0])
                            ]))
                    ])
            ])
        ) { admin in
            let group = try #require(await admin.describeShareGroups(["g"])["g"]).get()
            #expect(group.state == "Stable" && group.epoch == 4 && group.assignor == "simple")
            let member = try #require(group.members.first)
            #expect(member.rack == "r" && member.assignment.map(\.partition) == [0, 1])
        }
        #expect(asked?.groupIDs == ["g"])
    }

    @Test func offsetsOfShareGroupsAreListedChangedAndForgotten() async throws {
        let place = TopicPartition(topic: "t", partition: 1)
        let listed = try await admin(
            DescribeShareGroupOffsetsRequest.self,
            answer: DescribeShareGroupOffsetsResponse(groups: [
                .init(
                    groupID: "g",
                    topics: [
                        .init(
                            topicName: "t",
                            partitions: [
                                .init(partitionIndex: 0, startOffset: -1),
                                .init(partitionIndex: 1, startOffset: 5, leaderEpoch: 2, lag: 3),
                            ])
                    ])
            ])
        ) { admin in
            let offsets = try await admin.listShareGroupOffsets("g", [place])
            #expect(offsets.count == 1)
            #expect(offsets[place]?.start == Offset(5) && offsets[place]?.lag == 3)
            #expect(offsets[place]?.leaderEpoch == LeaderEpoch(2))
        }
        #expect(listed?.groups.first?.topics?.first?.partitions == [1])
        let changed = try await admin(
            AlterShareGroupOffsetsRequest.self,
            answer: AlterShareGroupOffsetsResponse(responses: [
                .init(
                    topicName: "t",
                    partitions: [
                        .init(
                            partitionIndex: 1, errorCode: KafkaError.nonEmptyGroup.code,
                            errorMessage: "members")
                    ])
            ])
        ) { admin in
            let results = try await admin.alterShareGroupOffsets("g", [place: Offset(9)])
            let refusal = ClientError.broker(.nonEmptyGroup, message: "members")
            #expect(throws: refusal) { try results[place]?.get() }
        }
        #expect(changed?.topics.first?.partitions.first?.startOffset == 9)
        let forgotten = try await admin(
            DeleteShareGroupOffsetsRequest.self,
            answer: DeleteShareGroupOffsetsResponse(responses: [.init(topicName: "t")])
        ) { admin in
            let results = try await admin.deleteShareGroupOffsets("g", topics: ["t"])
            try results["t"]?.get()
            #expect(results.count == 1)
        }
        #expect(forgotten?.topics.map(\.topicName) == ["t"])
    }

    @Test func streamsGroupsAreDescribed() async throws {
        typealias Answer = StreamsGroupDescribeResponse
        let tasks = Answer.Assignment(
            activeTasks: [.init(subtopologyID: "0", partitions: [2, 1])],
            standbyTasks: [.init(subtopologyID: "1", partitions: [0])])
        let member = Answer.Member(
            memberID: "m", memberEpoch: 2, clientID: "c", clientHost: "/h", topologyEpoch: 1,
            processID: "p", userEndpoint: .init(host: "h", port: 99),
            clientTags: [.init(key: "zone", value: "a")],
            taskOffsets: [.init(subtopologyID: "0", partition: 1, offset: 8)],
            assignment: tasks, targetAssignment: tasks)
        _ = try await admin(
            StreamsGroupDescribeRequest.self,
            answer: Answer(groups: [
                .init(
                    groupID: "g", groupState: "Stable", groupEpoch: 2, assignmentEpoch: 2,
                    topology: .init(
                        epoch: 1,
                        subtopologies: [
                            .init(
                                subtopologyID: "0", sourceTopics: ["in"],
                                stateChangelogTopics: [.init(name: "log")])
                        ]), members: [member])
            ])
        ) { admin in
            let group = try #require(await admin.describeStreamsGroups(["g"])["g"]).get()
            #expect(group.topologyEpoch == 1 && group.subtopologies[0].changelogTopics == ["log"])
            let one = try #require(group.members.first)
            #expect(one.endpoint?.port == 99 && one.tags == ["zone": "a"])
            #expect(one.assignment.active.map(\.partition) == [1, 2])
            #expect(one.target.standby.map(\.subtopology) == ["1"])
            #expect(one.taskOffsets.values.map(\.rawValue) == [8])
        }
    }

    @Test func votersComeAndGo() async throws {
        let directory = KafkaUUID(high: 1, low: 2)
        let added = try await admin(
            AddRaftVoterRequest.self, answer: AddRaftVoterResponse(errorMessage: nil)
        ) { admin in
            try await admin.addRaftVoter(
                BrokerID(3), directory: directory,
                endpoints: ["CONTROLLER": BrokerAddress(host: "h", port: 9093)])
        }
        #expect(added?.voterID == 3 && added?.voterDirectoryID == directory)
        #expect(added?.listeners.map(\.name) == ["CONTROLLER"])
        let removed = try await admin(
            RemoveRaftVoterRequest.self,
            answer: RemoveRaftVoterResponse(
                errorCode: KafkaError.voterNotFound.code, errorMessage: "none")
        ) { admin in
            await #expect(throws: ClientError.broker(.voterNotFound, message: "none")) {
                try await admin.removeRaftVoter(BrokerID(3), directory: directory)
            }
        }
        #expect(removed?.voterID == 3)
        let gone = try await admin(
            UnregisterControllerRequest.self, answer: UnregisterControllerResponse()
        ) { try await $0.unregisterController(BrokerID(4)) }
        #expect(gone?.controllerID == 4)
    }

    /// Metrics are pushed a last time by `close`, over real connections.
    @Test func theLastMetricsGoBeforeTheConnection() async throws {
        let pushes = Mutex<[PushTelemetryRequest]>([])
        let id = KafkaUUID(high: 7, low: 8)
        try await ScriptedBroker.with([
            .getTelemetrySubscriptions: { _, _ in
                GetTelemetrySubscriptionsResponse(
                    clientInstanceID: id, subscriptionID: 1, acceptedCompressionTypes: [1],
                    pushIntervalMs: 3_600_000, telemetryMaxBytes: 1 << 20,
                    requestedMetrics: ["org.apache.kafka.admin.client.request."])
            },
            .pushTelemetry: { reader, version in
                let push = try PushTelemetryRequest(from: &reader, version: version)
                pushes.withLock { $0.append(push) }
                return PushTelemetryResponse()
            },
        ]) { bootstrap in
            let admin = try Admin(bootstrap: bootstrap)
            #expect(try await admin.clientInstanceID(timeout: .seconds(30)) == id)
            await admin.close()
            await #expect(throws: ClientError.closed) {
                try await admin.clientInstanceID(timeout: .seconds(1))
            }
        }
        let seen = pushes.withLock { $0 }
        #expect(seen.count == 1)
        #expect(seen.first?.terminating == true && seen.first?.compressionType == 1)
        #expect(seen.first?.metrics.isEmpty == false)
    }
}
