import Foundation
import KafkaProtocol
import KafkaWire
import Synchronization
import Testing

@testable import martlet

/// `reassign-partitions` against a cluster of three brokers behind one address: `t` with two
/// partitions on broker 1, in `/a`.
@Suite struct ReassignPartitionsTests {
    private final class Cluster: Sendable {
        let ongoing = Mutex<[(Int32, OngoingReassignment)]>([])
        let changes = Mutex<[String]>([])
        let altered = Mutex<[AlterPartitionReassignmentsRequest]>([])
        /// Answers to AlterReplicaLogDirs in turn, the last one for good.
        let moves = Mutex<[KafkaError]>([.none])
        let future = Mutex<String?>(nil)
    }

    private func broker(_ cluster: Cluster) throws -> FakeBroker {
        try FakeBroker.cluster([("t", 2)], brokers: [1, 2, 3]) { request in
            switch request.key {
            case .describeCluster:
                return try request.answer(
                    DescribeClusterResponse(
                        brokers: [3, 1, 2].map {
                            .init(brokerID: $0, rack: $0 == 3 ? nil : "r\($0)")
                        }))
            case .listPartitionReassignments:
                let partitions = cluster.ongoing.withLock { $0 }
                return try request.answer(
                    ListPartitionReassignmentsResponse(
                        topics: partitions.isEmpty
                            ? []
                            : [
                                .init(
                                    name: "t",
                                    partitions: partitions.map {
                                        .init(
                                            partitionIndex: $0.0, replicas: $0.1.replicas,
                                            addingReplicas: $0.1.adding,
                                            removingReplicas: $0.1.removing)
                                    })
                            ]))
            case .describeLogDirs: return try Self.directories(request, cluster)
            case .alterPartitionReassignments: return try Self.alter(request, cluster)
            case .incrementalAlterConfigs: return try Self.configure(request, cluster)
            case .alterReplicaLogDirs: return try Self.move(request, cluster)
            default: return nil
            }
        }
    }

    private static func directories(
        _ request: FakeBroker.Request, _ cluster: Cluster
    ) throws -> [UInt8] {
        let asked = try request.decoded(DescribeLogDirsRequest.self)
        func directory(
            _ path: String, isFuture: Bool
        ) -> DescribeLogDirsResponse.DescribeLogDirsResult {
            .init(
                logDir: path,
                topics: (asked.topics ?? []).map { topic in
                    .init(
                        name: topic.topic,
                        partitions: topic.partitions.map {
                            .init(partitionIndex: $0, partitionSize: 1, isFutureKey: isFuture)
                        })
                })
        }
        let future = cluster.future.withLock { $0 }.map { [directory($0, isFuture: true)] } ?? []
        return try request.answer(
            DescribeLogDirsResponse(results: [directory("/a", isFuture: false)] + future))
    }

    private static func alter(
        _ request: FakeBroker.Request, _ cluster: Cluster
    ) throws -> [UInt8] {
        let asked = try request.decoded(AlterPartitionReassignmentsRequest.self)
        cluster.altered.withLock { $0.append(asked) }
        return try request.answer(
            AlterPartitionReassignmentsResponse(
                responses: asked.topics.map { topic in
                    .init(
                        name: topic.name,
                        partitions: topic.partitions.map { partition in
                            let isRefused = partition.replicas?.count == 3
                            let error: KafkaError =
                                isRefused ? .invalidReplicationFactor : .none
                            return .init(
                                partitionIndex: partition.partitionIndex,
                                errorCode: error.rawValue)
                        })
                }))
    }

    private static func configure(
        _ request: FakeBroker.Request, _ cluster: Cluster
    ) throws -> [UInt8] {
        let asked = try request.decoded(IncrementalAlterConfigsRequest.self)
        for resource in asked.resources {
            let kind = resource.resourceType == 2 ? "topic" : "broker"
            for config in resource.configs {
                let value = config.configOperation == 1 ? "-" : config.value ?? "null"
                let change = "\(kind) \(resource.resourceName) \(config.name)=\(value)"
                cluster.changes.withLock { $0.append(change) }
            }
        }
        return try request.answer(
            IncrementalAlterConfigsResponse(
                responses: asked.resources.map {
                    .init(resourceType: $0.resourceType, resourceName: $0.resourceName)
                }))
    }

    private static func move(
        _ request: FakeBroker.Request, _ cluster: Cluster
    ) throws -> [UInt8] {
        let asked = try request.decoded(AlterReplicaLogDirsRequest.self)
        let error = cluster.moves.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
        return try request.answer(
            AlterReplicaLogDirsResponse(
                results: asked.dirs.flatMap(\.topics).map { topic in
                    .init(
                        topicName: topic.name,
                        partitions: topic.partitions.map {
                            .init(partitionIndex: $0, errorCode: error.rawValue)
                        })
                }))
    }

    private func run(
        _ broker: FakeBroker, _ arguments: String..., plan: String? = nil, topics: String? = nil
    ) throws -> (code: Int32, out: String, errors: String) {
        let directory = try TemporaryDirectory()
        var arguments = arguments
        if let plan {
            let file = try directory.write("plan.json", Array(plan.utf8))
            arguments += ["--reassignment-json-file", file]
        }
        if let topics {
            let file = try directory.write("topics.json", Array(topics.utf8))
            arguments += ["--topics-to-move-json-file", file]
        }
        let console = Console(captures: true)
        let code = Martlet.run(
            ["kafka-reassign-partitions.sh", "--bootstrap-server", broker.address] + arguments,
            console)
        return (code, console.output, console.capturedErrors)
    }

    private let plan = #"""
        {"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[2,3],
        "log_dirs":["any","/b"]},{"topic":"t","partition":1,"replicas":[1]}]}
        """#

    @Test func executesWithThrottles() throws {
        let cluster = Cluster()
        cluster.moves.withLock { $0 = [.replicaNotAvailable, .none] }
        let broker = try broker(cluster)
        defer { broker.stop() }
        let done = try run(
            broker, "--execute", "--throttle", "1000", "--replica-alter-log-dirs-throttle", "2000",
            plan: plan)
        #expect(done.errors.isEmpty && done.code == 0)
        #expect(
            done.out == #"""
                Current partition replica assignment

                {"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1],\#
                "log_dirs":["/a"]},\#
                {"topic":"t","partition":1,"replicas":[1],"log_dirs":["/a"]}]}

                Save this to use as the --reassignment-json-file option during rollback
                Warning: You must run --verify periodically, until the reassignment completes, to \#
                ensure the throttle is removed.
                The inter-broker throttle limit was set to 1000 B/s
                The replica-alter-dir throttle limit was set to 2000 B/s
                Successfully started partition reassignments for t-0,t-1
                Successfully started moving log directory to /b for replica t-0 with broker 3\#
                \#u{20}

                """#)
        #expect(
            cluster.changes.withLock { $0 } == [
                "topic t follower.replication.throttled.replicas=0:2,0:3",
                "topic t leader.replication.throttled.replicas=0:1,1:1",
                "broker 1 follower.replication.throttled.rate=1000",
                "broker 1 leader.replication.throttled.rate=1000",
                "broker 2 follower.replication.throttled.rate=1000",
                "broker 2 leader.replication.throttled.rate=1000",
                "broker 3 follower.replication.throttled.rate=1000",
                "broker 3 leader.replication.throttled.rate=1000",
                "broker 3 replica.alter.log.dirs.io.max.bytes.per.second=2000",
            ])
        let asked = cluster.altered.withLock { $0 }
        #expect(asked.count == 1 && asked[0].allowReplicationFactorChange)
        #expect(asked[0].topics[0].partitions.map(\.replicas) == [[2, 3], [1]])
    }

    @Test func whatIsNotExecuted() throws {
        let cluster = Cluster()
        let broker = try broker(cluster)
        defer { broker.stop() }
        func refusal(_ plan: String, _ more: String...) throws -> String {
            let console = Console(captures: true)
            let directory = try TemporaryDirectory()
            let file = try directory.write("plan.json", Array(plan.utf8))
            let code = Martlet.run(
                [
                    "martlet", "reassign-partitions", "--execute", "--bootstrap-server",
                    broker.address, "--reassignment-json-file", file,
                ] + more, console)
            #expect(code == 1)
            return console.capturedErrors
        }
        func one(_ replicas: String, partition: Int = 0) -> String {
            #"{"partitions":[{"topic":"t","partition":\#(partition),"replicas":\#(replicas)}]}"#
        }
        #expect(try refusal("{}").contains("list cannot be empty"))
        #expect(try refusal(one("[]")).contains("replica list cannot be empty"))
        #expect(try refusal(one("[1,1]")).contains("t-0 contains multiple entries for 1"))
        #expect(try refusal(one("[9]")).contains("Unknown broker id 9"))
        #expect(try refusal(one("[1]", partition: 7)).contains("Unable to find partition: t-7"))
        #expect(try refusal(one("[1,2,3]")).contains("t-0: "))
        #expect(try refusal(#"{"version":2}"#).contains("Not supported version"))
        let doubled = #"{"topic":"t","partition":0,"replicas":[1]}"#
        #expect(
            try refusal("{\"partitions\":[\(doubled),\(doubled)]}").contains(
                "duplicate topic partitions: t-0"))
        cluster.ongoing.withLock {
            $0 = [(1, OngoingReassignment(replicas: [1, 2], adding: [2], removing: [1]))]
        }
        #expect(try refusal(one("[2]")).contains("Use --additional"))
        let before = cluster.altered.withLock { $0.count }
        cluster.moves.withLock { $0 = [.replicaNotAvailable] }
        #expect(try refusal(plan, "--additional", "--timeout", "1").contains(": t-0-3"))
        #expect(cluster.altered.withLock { $0.count } == before + 1)
    }

    @Test func verifiesAndRemovesThrottles() throws {
        let cluster = Cluster()
        let broker = try broker(cluster)
        defer { broker.stop() }
        let finished = #"""
            {"partitions":[{"topic":"t","partition":0,"replicas":[1],"log_dirs":["/a"]},
            {"topic":"t","partition":1,"replicas":[1,2]},
            {"topic":"u","partition":0,"replicas":[1]}]}
            """#
        let done = try run(broker, "--verify", plan: finished)
        #expect(
            done == (
                0,
                """
                Status of partition reassignment:
                Reassignment of partition t-0 is completed.
                There is no active reassignment of partition t-1, but replica set is 1 rather than \
                1,2.
                There is no active reassignment of partition u-0, but replica set is  rather than 1.
                Reassignment of replica t-0-1 completed successfully.
                Clearing broker-level throttles on brokers 1,2,3
                Clearing topic-level throttles on topics t,u

                """, ""
            ))
        #expect(cluster.changes.withLock { $0.count } == 13)
        #expect(cluster.changes.withLock { $0.allSatisfy { $0.hasSuffix("=-") } })
        cluster.ongoing.withLock {
            $0 = [(1, OngoingReassignment(replicas: [1, 2], adding: [2], removing: []))]
        }
        cluster.future.withLock { $0 = "/b" }
        let running = try run(broker, "--verify", plan: finished)
        #expect(running.out.contains("Reassignment of partition t-1 is still in progress.\n"))
        #expect(
            running.out.hasSuffix(
                "Partition t-0 on broker 1 is being moved to log dir /b instead of /a.\n"))
        cluster.ongoing.withLock { $0 = [] }
        cluster.future.withLock { $0 = nil }
        let kept = try run(broker, "--verify", "--preserve-throttles", plan: finished)
        #expect(!kept.out.contains("Clearing"))
        #expect(cluster.changes.withLock { $0.count } == 13)
    }

    @Test func cancelsWhatIsUnderWay() throws {
        let cluster = Cluster()
        let broker = try broker(cluster)
        defer { broker.stop() }
        let nothing = try run(broker, "--cancel", "--preserve-throttles", plan: plan)
        #expect(
            nothing.out
                == "None of the specified partition reassignments are active.\n"
                + "None of the specified partition moves are active.\n")
        cluster.ongoing.withLock {
            $0 = [(1, OngoingReassignment(replicas: [1, 2], adding: [2], removing: [1]))]
        }
        cluster.future.withLock { $0 = "/b" }
        let cancelled = try run(broker, "--cancel", plan: plan)
        #expect(
            cancelled.out.hasPrefix(
                "Successfully cancelled partition reassignment for: t-1\n"
                    + "Successfully started moving log directory to /a for replica t-0 with broker "
                    + "3 \nClearing broker-level throttles on brokers 1,2,3\n"))
        let asked = cluster.altered.withLock { $0 }
        #expect(asked.count == 1 && asked[0].topics[0].partitions.map(\.partitionIndex) == [1])
        #expect(asked[0].topics[0].partitions[0].replicas == nil)
    }

    @Test func listsAndGenerates() throws {
        let cluster = Cluster()
        let broker = try broker(cluster)
        defer { broker.stop() }
        #expect(try run(broker, "--list").out == "No partition reassignments found.\n")
        cluster.ongoing.withLock {
            $0 = [
                (1, OngoingReassignment(replicas: [1, 2], adding: [2], removing: [])),
                (0, OngoingReassignment(replicas: [1, 2], adding: [2], removing: [1])),
            ]
        }
        #expect(
            try run(broker, "--list").out
                == "Current partition reassignments:\nt-0: replicas: 1,2. adding: 2. removing: 1.\n"
                + "t-1: replicas: 1,2. adding: 2.\n")
        let topics = #"{"version":1,"topics":[{"topic":"t"}]}"#
        let proposal = try run(broker, "--generate", "--broker-list", "2", topics: topics)
        #expect(
            proposal.out == #"""
                Current partition replica assignment
                {"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1],\#
                "log_dirs":["/a"]},\#
                {"topic":"t","partition":1,"replicas":[1],"log_dirs":["/a"]}]}

                Proposed partition reassignment configuration
                {"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[2],\#
                "log_dirs":["any"]},\#
                {"topic":"t","partition":1,"replicas":[2],"log_dirs":["any"]}]}

                """#)
        let racks = try run(broker, "--generate", "--broker-list", "1,3", topics: topics)
        #expect(racks.code == 1 && racks.errors.contains("--disable-rack-aware"))
        let plain = try run(
            broker, "--generate", "--broker-list", "1,3", "--disable-rack-aware", topics: topics)
        #expect(plain.code == 0)
        let unknown = try run(
            broker, "--generate", "--broker-list", "1", topics: #"{"topics":[{"topic":"x"}]}"#)
        #expect(unknown.errors.contains("Topic x not found."))
        #expect(
            try run(broker, "--generate", "--broker-list", "1,1", topics: topics).errors
                .contains("duplicate entries: 1"))
    }

    @Test func optionsThatDoNotGoTogether() throws {
        let broker = try broker(Cluster())
        defer { broker.stop() }
        for wrong in [
            [], ["--list", "--generate"], ["--list", "--throttle", "1"], ["--execute"],
            ["--verify", "--additional"], ["--generate", "--broker-list", "1"],
        ] {
            let console = Console(captures: true)
            let code = Martlet.run(
                ["martlet", "reassign-partitions", "--bootstrap-server", broker.address] + wrong,
                console)
            #expect(code == 1 && console.capturedErrors.contains("Usage: "), "\(wrong)")
        }
    }
}
