import ClusterController
import Foundation
import KafkaProtocol
import KafkaWire
import MetadataQuorum
import Testing

@testable import martlet

@Suite struct MetadataShellTests {
    // MARK: Patterns

    @Test(arguments: [
        ("a", "a", true), ("a", "b", false), ("*", "", true), ("*", "anything", true),
        ("a*z", "abcz", true), ("a*z", "abc", false), ("?b", "ab", true), ("?b", "b", false),
        ("[a-c]x", "bx", true), ("[a-c]x", "dx", false), ("[!a-c]x", "dx", true),
        ("[]x]", "]", true), ("{foo,ba?}", "bar", true), ("{foo,ba?}", "fooo", false),
        ("x{1,2}y{3,4}", "x2y3", true), ("a,b", "a,b", true), ("\\*", "*", true),
        ("\\*", "x", false), ("x.y", "xzy", false), ("{a,{b}}", "{a,{b}}", true),
        ("[a", "[a", true),
    ])
    func globs(_ pattern: String, _ name: String, _ isMatch: Bool) {
        #expect(Glob(pattern).matches(name) == isMatch)
    }

    @Test func literalsAreKnown() {
        #expect(Glob("topics").literal == "topics" && Glob("a\\*").literal == "a*")
        #expect(Glob("[a").literal == "[a" && Glob("t*").literal == nil)
    }

    @Test func pathsAreResolved() {
        let home = ShellPath("/image/topics")
        #expect(ShellPath("../acls/.", in: home).description == "/image/acls")
        #expect(ShellPath("//a///b/", in: home).description == "/a/b")
        #expect(ShellPath("../../../..", in: home).description == "/")
        #expect(ShellPath(".", in: home).last == "topics" && ShellPath("/").last == "/")
    }

    @Test func wordsMayBeQuoted() {
        #expect(
            ShellCommands.words(" ls  a\\ b 'c d' \"e'f\" \\* ''") == [
                "ls", "a b", "c d", "e'f", "\\*", "",
            ])
        #expect(ShellCommands.words("  ").isEmpty)
    }

    @Test func namesComeInColumns() {
        #expect(ShellCommands.rows(["a", "b", "c"], nil) == ["a", "b", "c"])
        #expect(ShellCommands.rows(["aa", "bb", "cc", "dd"], 9) == ["aa  cc", "bb  dd"])
        #expect(ShellCommands.rows(["a long name", "b"], 4) == ["a long name", "b"])
        #expect(ShellCommands.rows([], 80).isEmpty)
    }

    @Test func timesAreWrittenAsJavaDoes() {
        #expect(TimeText.utc(0) == "1970-01-01T00:00:00Z")
        #expect(TimeText.utc(1_709_210_096_120) == "2024-02-29T12:34:56.12Z")
        #expect(TimeText.utc(-1) == "1969-12-31T23:59:59.999Z")
        #expect(TimeText.utc(1_735_689_599_000) == "2024-12-31T23:59:59Z")
    }

    // MARK: The tree

    private static let topicID = KafkaUUID(high: 0x1111_2222_3333_4444, low: 0x8888_9999_AAAA_BBBB)

    /// A cluster of one topic, one broker, configs, quotas and security.
    private static func records() -> [MetadataRecord] {
        [
            .featureLevelRecord(FeatureLevelRecord(name: "metadata.version", featureLevel: 27)),
            .registerBrokerRecord(
                RegisterBrokerRecord(
                    brokerID: 3, incarnationID: topicID, brokerEpoch: 9,
                    endPoints: [
                        .init(name: "PLAINTEXT", host: "h", port: 9092, securityProtocol: 0)
                    ],
                    features: [
                        .init(
                            name: "group.version", minSupportedVersion: 0, maxSupportedVersion: 1)
                    ], rack: "r1", fenced: false)),
            .topicRecord(TopicRecord(name: "orders", topicID: topicID)),
            .partitionRecord(
                PartitionRecord(
                    partitionID: 0, topicID: topicID, replicas: [3], isr: [3], leader: 3,
                    leaderEpoch: 1, partitionEpoch: 2)),
            .configRecord(
                ConfigRecord(
                    resourceType: 2, resourceName: "orders", name: "retention.ms", value: "1000")),
            .configRecord(
                ConfigRecord(resourceType: 4, resourceName: "", name: "log.cleaner", value: "x")),
            .clientQuotaRecord(
                ClientQuotaRecord(
                    entity: [
                        .init(entityType: "user", entityName: "b(c"),
                        .init(entityType: "client-id", entityName: "a"),
                    ], key: "producer_byte_rate", value: 10_000_000)),
            .producerIDsRecord(
                ProducerIDsRecord(brokerID: 3, brokerEpoch: 9, nextProducerID: 1000)),
            .userScramCredentialRecord(
                UserScramCredentialRecord(
                    name: "alice", mechanism: 1, salt: [0x0A, 0xFF], storedKey: [1],
                    serverKey: [2], iterations: 4096)),
            .accessControlEntryRecord(
                AccessControlEntryRecord(
                    id: topicID, resourceType: 2, resourceName: "orders", patternType: 3,
                    principal: "User:alice", host: "*", operation: 3, permissionType: 3)),
        ]
    }

    private func snapshot(in directory: TemporaryDirectory) throws -> String {
        let version = MetadataVersion.latestProduction
        let bytes = try SnapshotContents(
            lastTimestamp: 1_700_000_000_500, records: Self.records()
        ).encoded(epoch: LeaderEpoch(4), now: 5) { version.version(of: $0) }
        let id = SnapshotID(endOffset: Offset(120), epoch: LeaderEpoch(4))
        return try directory.write(id.fileName, bytes)
    }

    private func run(_ arguments: [String]) -> (code: Int32, out: String, errors: String) {
        let console = Console(captures: true)
        let code = Martlet.run(["kafka-metadata-shell.sh"] + arguments, console)
        return (code, console.output, console.capturedErrors)
    }

    @Test func theTreeHasKafkasNames() throws {
        let directory = try TemporaryDirectory()
        let file = try snapshot(in: directory)
        func ls(_ path: String) -> [String] {
            run(["--snapshot", file, "ls", path]).out.split(separator: "\n").map(String.init)
        }
        #expect(ls("/") == ["image", "local"])
        #expect(
            ls("/image") == [
                "acls", "clientQuotas", "cluster", "configs", "delegationToken", "features",
                "producerIds", "provenance", "scram", "topics",
            ])
        #expect(ls("/image/topics") == ["byId", "byName"])
        #expect(ls("/image/topics/byName/orders") == ["0", "id", "name"])
        #expect(ls("/image/topics/byId") == ["\(Self.topicID)"])
        #expect(ls("/image/cluster/*") == ["brokers:", "3"])
        #expect(ls("/image/configs") == ["BROKER", "TOPIC:orders"])
        #expect(ls("/image/clientQuotas") == ["clientId(a)_user(b\\(c)"])
        #expect(ls("/image/scram") == ["SCRAM-SHA-256", "SCRAM-SHA-512"])
        #expect(ls("/image/features") == ["metadataVersion"])
    }

    @Test func filesSayWhatKafkasSay() throws {
        let directory = try TemporaryDirectory()
        let file = try snapshot(in: directory)
        func cat(_ path: String) -> String { run(["-s", file, "cat", path]).out.trimmed }
        #expect(
            cat("/image/provenance") == "offset 119, epoch 4, time 2023-11-14T22:13:20.5Z[UTC]")
        #expect(
            cat("/image/features/metadataVersion") == "Optional[4.2-IV0]"
                || cat("/image/features/metadataVersion").hasPrefix("Optional[4."))
        #expect(
            cat("/image/topics/byName/orders/0")
                == "PartitionRegistration(replicas=[3], "
                + "directories=[AAAAAAAAAAAAAAAAAAAAAA], isr=[3], removingReplicas=[], "
                + "addingReplicas=[], elr=[], lastKnownElr=[], leader=3, "
                + "leaderRecoveryState=RECOVERED, leaderEpoch=1, partitionEpoch=2)")
        #expect(
            cat("/image/cluster/brokers/3").hasPrefix(
                "BrokerRegistration(id=3, epoch=9, incarnationId=\(Self.topicID), "
                    + "listeners=[Endpoint(listenerName='PLAINTEXT', "
                    + "securityProtocol=PLAINTEXT, host='h', port=9092)], "
                    + "supportedFeatures={group.version: 0-1}, rack=Optional[r1], fenced=false, "))
        #expect(cat("/image/configs/TOPIC:orders/retention.ms") == "1000")
        #expect(
            cat("/image/clientQuotas/clientId*/producer_byte_rate") == "1.0E7")
        #expect(cat("/image/producerIds/nextProducerId") == "1000")
        #expect(
            cat("/image/scram/SCRAM-SHA-256/alice")
                == "ScramCredentialData(salt=0aff, storedKey=01, serverKey=02, iterations=4096)")
        #expect(
            cat("/image/acls/byId/*")
                == "StandardAcl[resourceType=TOPIC, resourceName=orders, patternType=LITERAL, "
                + "principal=User:alice, host=*, operation=READ, permissionType=ALLOW]")
    }

    @Test func commandsOfOneLine() throws {
        let directory = try TemporaryDirectory()
        let file = try snapshot(in: directory)
        #expect(
            run(["-s", file, "tree", "/image/configs"]).out
                == "BROKER:\n  log.cleaner:\n    x\nTOPIC:orders:\n  retention.ms:\n    1000\n")
        #expect(
            run(["-s", file, "find", "/image/producerIds"]).out
                == "/image/producerIds\n/image/producerIds/nextProducerId\n")
        let missing = run(["-s", file, "cat", "/nothing"])
        #expect(missing == (1, "", "cat: /nothing: No such file or directory.\n"))
        #expect(run(["-s", file, "cat", "/image"]).errors == "cat: /image: Is a directory\n")
        #expect(
            run(["-s", file, "cd", "/"]).errors
                == "invalid choice: 'cd' (choose from 'cat', 'find', 'ls', 'tree')\n")
        #expect(run(["-s", file, "cat"]).errors == "too few arguments\n")
        #expect(run(["ls", "/"]).code == 1)
        #expect(run(["-s", "\(directory.path)/none", "ls"]).errors.hasPrefix("Cannot open"))
    }

    @Test func aConversation() throws {
        let directory = try TemporaryDirectory()
        let file = try snapshot(in: directory)
        let input = try directory.write(
            "input",
            Array(
                ("cd image/topics/byName\npwd\nls\n\ncd orders/id\ncd\nls l*\nnope\n"
                    + "history 2\nexit\nls\n").utf8))
        let handle = try #require(FileHandle(forReadingAtPath: input))
        let console = Console(captures: true, input: handle.fileDescriptor)
        #expect(Martlet.run(["martlet", "metadata-shell", "-s", file], console) == 0)
        #expect(
            console.output
                == "/image/topics/byName\norders\ncommitId\nversion\n"
                + "    6  nope\n    7  history 2\n"
        )
        #expect(
            console.capturedErrors.hasPrefix(
                "cd: orders/id: not a directory.\ninvalid choice: 'nope'"))
    }
}
