import Foundation
import KafkaProtocol
import KafkaWire
import Synchronization
import Testing

@testable import martlet

/// `metadata-quorum`, against a node of a few lines.
@Suite struct MetadataQuorumTests {
    private final class Record: Sendable {
        let added = Mutex<[AddRaftVoterRequest]>([])
        let removed = Mutex<[RemoveRaftVoterRequest]>([])
        let refusals = Mutex(0)
    }
    private static let directory = KafkaUUID(
        high: 0x1234_5678_9ABC_4DEF, low: 0x8234_5678_9ABC_DEF0)

    private static func description(_ leader: Int32 = 2) -> DescribeQuorumResponse {
        DescribeQuorumResponse(
            topics: [
                .init(
                    topicName: "__cluster_metadata",
                    partitions: [
                        .init(
                            partitionIndex: 0, leaderID: leader, leaderEpoch: 7, highWatermark: 90,
                            currentVoters: [
                                .init(
                                    replicaID: 1, replicaDirectoryID: directory, logEndOffset: 88,
                                    lastFetchTimestamp: 1000, lastCaughtUpTimestamp: 900),
                                .init(
                                    replicaID: 2, logEndOffset: 100, lastFetchTimestamp: 1500,
                                    lastCaughtUpTimestamp: 1500),
                            ],
                            observers: [
                                .init(replicaID: 9, replicaDirectoryID: directory, logEndOffset: 95)
                            ])
                    ])
            ],
            nodes: [.init(nodeID: 1, listeners: [.init(name: "C", host: "::1", port: 9093)])])
    }

    private func node(
        _ record: Record = Record(), _ description: DescribeQuorumResponse = description()
    ) throws -> FakeBroker {
        try FakeBroker.cluster([]) { request in
            switch request.key {
            case .describeCluster:
                return try request.answer(DescribeClusterResponse(clusterID: "theCluster"))
            case .describeQuorum:
                // Once there is no active controller.
                let isFirst = record.refusals.withLock {
                    $0 -= 1
                    return $0 >= 0
                }
                return try request.answer(
                    isFirst
                        ? DescribeQuorumResponse(errorCode: KafkaError.notController.rawValue)
                        : description)
            case .addRaftVoter:
                let asked = try request.decoded(AddRaftVoterRequest.self)
                record.added.withLock { $0.append(asked) }
                return try request.answer(AddRaftVoterResponse())
            case .removeRaftVoter:
                let asked = try request.decoded(RemoveRaftVoterRequest.self)
                record.removed.withLock { $0.append(asked) }
                let error: KafkaError = asked.voterID == 5 ? .voterNotFound : .none
                return try request.answer(RemoveRaftVoterResponse(errorCode: error.rawValue))
            case .unregisterController:
                return try request.answer(UnregisterControllerResponse())
            default: return nil
            }
        }
    }

    private func run(
        _ node: FakeBroker, _ arguments: String...
    ) -> (code: Int32, out: String, errors: String) {
        let console = Console(captures: true)
        let code = Martlet.run(
            ["kafka-metadata-quorum.sh", "--bootstrap-server", node.address] + arguments, console)
        return (code, console.output, console.capturedErrors)
    }

    @Test func describesTheStatus() throws {
        let record = Record()
        record.refusals.withLock { $0 = 1 }
        let node = try node(record)
        defer { node.stop() }
        let (code, out, errors) = run(node, "describe", "--status")
        #expect(code == 0 && errors.isEmpty)
        #expect(
            out == """
                ClusterId:              theCluster
                LeaderId:               2
                LeaderEpoch:            7
                HighWatermark:          90
                MaxFollowerLag:         12
                MaxFollowerLagTimeMs:   600
                CurrentVoters:          [{"id": 1, "directoryId": "\(Self.directory)", \
                "endpoints": ["C://[::1]:9093"]}, {"id": 2}]
                CurrentObservers:       [{"id": 9, "directoryId": "\(Self.directory)"}]

                """)
    }

    @Test func describesTheReplication() throws {
        let node = try node()
        defer { node.stop() }
        let lines = run(node, "describe", "--re").out.split(separator: "\n").map {
            $0.split(separator: "\t").map { String($0).trimmed }
        }
        #expect(lines[0].first == "NodeId" && lines[0].last == "Status")
        #expect(
            lines[1]
                == ["2", "AAAAAAAAAAAAAAAAAAAAAA", "100", "0", "1500", "1500", "Leader"])
        #expect(lines[2] == ["1", "\(Self.directory)", "88", "12", "1000", "900", "Follower"])
        #expect(lines[3] == ["9", "\(Self.directory)", "95", "5", "-1", "-1", "Observer"])
        let relative = run(node, "describe", "--re", "--hu").out
        #expect(relative.split(separator: "\n")[1].contains(" ms ago"))
        let json = try JSONParser.parse(run(node, "describe", "--replication", "--json").out)
        #expect(json["members"]?.elements?.count == 3 && json["leaderId"] == .integer(2))
    }

    @Test func saysWhatCannotBeDescribed() throws {
        let node = try node(Record(), Self.description(77))
        defer { node.stop() }
        #expect(run(node, "describe", "--status").errors.contains("leader 77 is not among"))
        #expect(run(node, "describe").errors.hasPrefix("One of --status or --replication"))
        #expect(run(node, "describe", "--st", "--re").errors.hasPrefix("Only one of"))
        #expect(run(node, "describe", "--status", "--human-readable").code == 1)
        #expect(
            run(node, "describe", "--status", "--bootstrap-controller", "x:1").errors
                .contains("exactly one of --bootstrap-server, --bootstrap-controller"))
    }

    private func controller(_ directory: TemporaryDirectory, _ more: String) throws -> String {
        _ = try directory.write(
            "properties",
            Array(
                """
                node.id=3
                process.roles=broker,controller
                log.dirs=\(directory.path)/data,/other
                listeners=PLAINTEXT://:9092,CONTROLLER://:9093
                controller.listener.names=CONTROLLER
                \(more)
                """.utf8))
        return "\(directory.path)/properties"
    }

    @Test func addsAController() throws {
        let record = Record()
        let node = try node(record)
        defer { node.stop() }
        let directory = try TemporaryDirectory()
        let file = try controller(
            directory, "advertised.listeners=CONTROLLER://[::1]:19093,PLAINTEXT://h:1")
        let unformatted = run(node, "add-controller", "--command-config", file)
        #expect(unformatted.errors.hasPrefix("Unable to read meta.properties from"))
        try FileManager.default.createDirectory(
            atPath: "\(directory.path)/data", withIntermediateDirectories: true)
        _ = try directory.write(
            "data/meta.properties",
            Array("version=1\ncluster.id=c\nnode.id=3\ndirectory.id=\(Self.directory)\n".utf8))
        let text =
            " controller 3 with directory id \(Self.directory) and endpoints: "
            + "CONTROLLER://[::1]:19093\n"
        #expect(
            run(node, "--command-config", file, "add-controller", "--dry-run").out
                == "DRY RUN of adding" + text)
        #expect(record.added.withLock { $0 }.isEmpty)
        #expect(run(node, "add-controller", "--command-config", file) == (0, "Added" + text, ""))
        let added = record.added.withLock { $0 }
        #expect(added.map(\.voterID) == [3] && added[0].voterDirectoryID == Self.directory)
        #expect(added[0].listeners.map(\.host) == ["::1"] && added[0].ackWhenCommitted)
        #expect(run(node, "add-controller").errors.hasPrefix("You must supply"))
    }

    @Test func removesAController() throws {
        let record = Record()
        let node = try node(record)
        defer { node.stop() }
        let id = Self.directory.description
        #expect(
            run(node, "remove-controller", "-i", "1", "-d", id, "--dry-run", "--unregister").out
                == "DRY RUN of removing KRaft controller 1 with directory id \(id)\n"
                + "DRY RUN of unregistering KRaft controller 1\n")
        #expect(record.removed.withLock { $0 }.isEmpty)
        #expect(
            run(node, "remove-controller", "-i", "1", "-d", id, "--unregister")
                == (
                    0,
                    "Removed KRaft controller 1 with directory id \(id)\n"
                        + "Unregistered KRaft controller 1\n", ""
                ))
        #expect(record.removed.withLock { $0 }.map(\.voterID) == [1])
        #expect(run(node, "remove-controller", "-i", "5", "-d", id).code == 1)
        let unknown = run(node, "remove-controller", "-i", "5", "-d", id, "--unregister")
        #expect(unknown.errors.contains("kafka-cluster.sh unregister-controller --id 5"))
        #expect(
            run(node, "remove-controller", "-i", "-3", "-d", id).errors
                .hasPrefix("Invalid negative --controller-id: -3"))
        #expect(run(node, "remove-controller", "-i", "1", "-d", "?").code == 1)
        #expect(run(node, "remove-controller", "-i", "1").code == 1)
    }
}
