import Foundation
import KafkaProtocol
import KafkaWire
import Synchronization
import Testing

@testable import martlet

/// `client-metrics` and `leader-election`.
@Suite struct ClusterToolTests {
    private final class Record: Sendable {
        let alterations = Mutex<[IncrementalAlterConfigsRequest.AlterConfigsResource]>([])
        let elections = Mutex<[ElectLeadersRequest]>([])
    }

    private func broker(_ record: Record) throws -> FakeBroker {
        try FakeBroker.cluster([("t", 3)]) { request in
            switch request.key {
            case .listConfigResources:
                return try request.answer(
                    ListConfigResourcesResponse(
                        configResources: ["slow", "all"].map {
                            .init(resourceName: $0, resourceType: 16)
                        }))
            case .describeConfigs:
                let asked = try request.decoded(DescribeConfigsRequest.self)
                return try request.answer(
                    DescribeConfigsResponse(
                        results: asked.resources.map {
                            .init(
                                resourceType: $0.resourceType, resourceName: $0.resourceName,
                                configs: [
                                    .init(name: "interval.ms", value: "5000", configSource: 7),
                                    .init(name: "metrics", value: "", configSource: 5),
                                ])
                        }))
            case .incrementalAlterConfigs:
                let asked = try request.decoded(IncrementalAlterConfigsRequest.self)
                record.alterations.withLock { $0 += asked.resources }
                return try request.answer(
                    IncrementalAlterConfigsResponse(
                        responses: asked.resources.map {
                            .init(resourceType: $0.resourceType, resourceName: $0.resourceName)
                        }))
            case .electLeaders: return try Self.elect(request, record)
            default: return nil
            }
        }
    }

    /// Elects t-0, leaves t-1 as it is, fails for all others.
    private static func elect(
        _ request: FakeBroker.Request, _ record: Record
    ) throws -> [UInt8] {
        let asked = try request.decoded(ElectLeadersRequest.self)
        record.elections.withLock { $0.append(asked) }
        let topics = asked.topicPartitions ?? [.init(topic: "t", partitions: [0, 1])]
        return try request.answer(
            ElectLeadersResponse(
                replicaElectionResults: topics.map { topic in
                    .init(
                        topic: topic.topic,
                        partitionResult: topic.partitions.map { partition in
                            let error: KafkaError =
                                switch partition {
                                case 0: .none
                                case 1: .electionNotNeeded
                                default: .eligibleLeadersNotAvailable
                                }
                            return .init(partitionID: partition, errorCode: error.rawValue)
                        })
                }))
    }

    private func run(
        _ broker: FakeBroker, _ arguments: String...
    ) -> (code: Int32, out: String, errors: String) {
        let console = Console(captures: true)
        let code = Martlet.run(
            ["martlet"] + arguments + ["--bootstrap-server", broker.address], console)
        return (code, console.output, console.capturedErrors)
    }

    @Test func clientMetricsSubscriptions() throws {
        let record = Record()
        let broker = try broker(record)
        defer { broker.stop() }
        #expect(run(broker, "client-metrics", "--list") == (0, "all\nslow\n", ""))
        #expect(
            run(broker, "client-metrics", "--describe", "--name", "slow").out
                == "Client metrics configs for slow are:\n  interval.ms=5000\n  metrics=\n")
        #expect(
            run(broker, "client-metrics", "--describe", "--name", "x").out
                == "The client metric resource x doesn't exist and doesn't have dynamic config.\n")
        #expect(
            run(broker, "client-metrics", "--describe", "--json").out.hasPrefix(
                #"[{"name":"all","configs":{"interval.ms":"5000","metrics":""}},"#))
        #expect(
            run(
                broker, "client-metrics", "--alter", "--name", "n", "--interval", "", "--match",
                "client_id=a", "--match", "client_software_name=b", "--metrics", "m1,m2")
                == (0, "Altered client metrics config for n.\n", ""))
        #expect(
            run(broker, "client-metrics", "--delete", "--name", "slow")
                == (0, "Deleted client metrics config for slow.\n", ""))
        let changes = record.alterations.withLock { $0 }
        #expect(changes.map(\.resourceName) == ["n", "slow"])
        #expect(changes[0].configs.map(\.name) == ["interval.ms", "match", "metrics"])
        #expect(changes[0].configs.map(\.configOperation) == [1, 0, 0])
        #expect(changes[0].configs[1].value == "client_id=a,client_software_name=b")
        #expect(changes[1].configs.map(\.configOperation) == [1, 1])
        let made = run(broker, "client-metrics", "--alter", "--generate-name", "--interval", "1000")
        #expect(made.code == 0 && made.out.count > "Altered client metrics config for .".count + 20)
        for wrong in [
            ["--alter"], ["--alter", "--name", "n", "--generate-name"],
            ["--alter", "--name", "n", "--interval", "x"], ["--delete"],
            ["--list", "--name", "n"], ["--describe", "--interval", "1"], ["--list", "--delete"],
        ] {
            let console = Console(captures: true)
            #expect(
                Martlet.run(
                    ["martlet", "client-metrics", "--bootstrap-server", broker.address] + wrong,
                    console) == 1, "\(wrong)")
        }
    }

    @Test func leaderElections() throws {
        let record = Record()
        let broker = try broker(record)
        defer { broker.stop() }
        let all = run(
            broker, "leader-election", "--election-type", "preferred", "--all-topic-partitions")
        #expect(
            all == (
                0,
                "Successfully completed leader election (PREFERRED) for partitions t-0\n"
                    + "Valid replica already elected for partitions t-1\n", ""
            ))
        let one = run(
            broker, "leader-election", "--election-type", "UNCLEAN", "--topic", "t", "--partition",
            "2")
        #expect(one.code == 1)
        #expect(
            one.errors.hasPrefix(
                "Error completing leader election (UNCLEAN) for partition: t-2: "))
        #expect(one.errors.hasSuffix("\n1 replica(s) could not be elected\n"))
        let directory = try TemporaryDirectory()
        let json = #"{"partitions":[{"topic":"t","partition":1},{"topic":"t","partition":0}]}"#
        let file = try directory.write("p.json", Array(json.utf8))
        let some = run(
            broker, "leader-election", "--election-type", "preferred", "--path-to-json-file", file,
            "--json")
        #expect(some.out == #"{"elected":["t-0"],"unchanged":["t-1"],"failed":[]}"# + "\n")
        let asked = record.elections.withLock { $0 }
        #expect(asked.map(\.electionType) == [0, 1, 0])
        #expect(asked.map { $0.topicPartitions?.first?.partitions } == [nil, [2], [0, 1]])
        for wrong in [
            ["--all-topic-partitions"], ["--election-type", "any", "--all-topic-partitions"],
            ["--election-type", "preferred"], ["--election-type", "preferred", "--topic", "t"],
            ["--election-type", "preferred", "--partition", "0", "--all-topic-partitions"],
        ] {
            let console = Console(captures: true)
            #expect(
                Martlet.run(
                    ["martlet", "leader-election", "--bootstrap-server", broker.address] + wrong,
                    console) == 1, "\(wrong)")
        }
        for wrong in ["{}", #"{"partitions":[{"topic":"t"}]}"#, "x"] {
            #expect(throws: Failure.self) { try LeaderElectionTool.parse(wrong) }
        }
    }
}
