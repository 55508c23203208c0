import KafkaProtocol
import MartletClient
import Synchronization
import Testing

@testable import martlet

/// `configs` of users, clients and ips, against brokers of a few lines.
@Suite struct QuotaToolTests {
    @Test func quotasOfUsersAndClients() throws {
        let node = try QuotaBroker()
        let set = node.run(
            "configs", "--alter", "--entity-type", "users", "--entity-name", "alice",
            "--entity-type", "clients", "--entity-default", "--add-config",
            "producer_byte_rate=1024,request_percentage=12.5")
        #expect(set == (0, "Completed updating config for user alice.\n", ""))
        _ = node.run(
            "configs", "--alter", "--user-defaults", "--add-config",
            "consumer_byte_rate=20000000")
        _ = node.run(
            "configs", "--alter", "--user", "alice", "--add-config", "consumer_byte_rate=7")
        #expect(
            node.run("configs", "--describe", "--user", "alice").out
                == "Quota configs for user-principal 'alice' are consumer_byte_rate=7.0\n")
        #expect(
            node.run("configs", "--describe", "--user", "alice", "--client-defaults").out
                == "Quota configs for user-principal 'alice', the default client-id are "
                + "producer_byte_rate=1024.0, request_percentage=12.5\n")
        #expect(
            node.run("configs", "--describe", "--entity-type", "users").out
                == "Quota configs for the default user-principal are "
                + "consumer_byte_rate=2.0E7\n"
                + "Quota configs for user-principal 'alice' are consumer_byte_rate=7.0\n")
        let unknown = node.run(
            "configs", "--alter", "--user", "alice", "--delete-config", "producer_byte_rate")
        #expect(unknown == (1, "", "Invalid config(s): producer_byte_rate\n"))
        let gone = node.run(
            "configs", "--alter", "--user", "alice", "--delete-config", "consumer_byte_rate")
        #expect(gone.code == 0)
        #expect(node.run("configs", "--describe", "--user", "alice").out.isEmpty)
        let json = node.run(
            "configs", "--describe", "--user", "alice", "--client-defaults", "--json"
        ).out
        #expect(
            json == #"{"quotas":[{"entity":{"client-id":null,"user":"alice"},"configs":"#
                + #"{"producer_byte_rate":1024.0,"request_percentage":12.5}}],"scram":[]}"#
                + "\n")
    }

    @Test func quotasOfAddresses() throws {
        let node = try QuotaBroker()
        let set = node.run(
            "configs", "--alter", "--ip", "127.0.0.9", "--add-config",
            "connection_creation_rate=5")
        #expect(set == (0, "Completed updating config for ip 127.0.0.9.\n", ""))
        let every = node.run(
            "configs", "--alter", "--ip-defaults", "--add-config",
            "connection_creation_rate=500")
        #expect(every.out == "Completed updating default config for ips in the cluster.\n")
        #expect(
            node.run("configs", "--describe", "--entity-type", "ips").out
                == "Quota configs for ip '127.0.0.9' are connection_creation_rate=5.0\n"
                + "Quota configs for the default ip are connection_creation_rate=500.0\n")
    }

    @Test func credentialsOfUsers() throws {
        let altered = Mutex<[AlterUserScramCredentialsRequest]>([])
        let broker = try FakeBroker.cluster([]) { request in
            switch request.key {
            case .alterUserScramCredentials:
                let asked = try request.decoded(AlterUserScramCredentialsRequest.self)
                altered.withLock { $0.append(asked) }
                let user = (asked.upsertions.map(\.name) + asked.deletions.map(\.name)).first ?? ""
                let code: KafkaError = user == "carol" ? .resourceNotFound : .none
                return try request.answer(
                    AlterUserScramCredentialsResponse(
                        results: [.init(user: user, errorCode: code.rawValue)]))
            case .describeUserScramCredentials:
                let asked = try request.decoded(DescribeUserScramCredentialsRequest.self)
                return try request.answer(Self.credentials(of: asked.users?.map(\.name)))
            case .describeClientQuotas:
                return try request.answer(DescribeClientQuotasResponse(entries: []))
            default: return nil
            }
        }
        defer { broker.stop() }
        func run(_ arguments: String...) -> (code: Int32, out: String, errors: String) {
            let console = Console(captures: true)
            let code = Martlet.run(
                ["kafka-configs.sh", "--bootstrap-server", broker.address] + arguments, console)
            return (code, console.output, console.capturedErrors)
        }
        let set = run(
            "--alter", "--entity-type", "users", "--entity-name", "alice", "--add-config",
            "SCRAM-SHA-256=[iterations=8192,password=a=b,c]", "--delete-config", "SCRAM-SHA-512")
        #expect(set == (0, "Completed updating config for user alice.\n", ""))
        let told = try #require(altered.withLock { $0.first })
        #expect(told.deletions.map(\.mechanism) == [2] && told.upsertions.map(\.mechanism) == [1])
        let kept = told.upsertions[0]
        #expect(kept.iterations == 8192 && kept.salt.count >= 16)
        let salted = ScramHash.sha256.saltedPassword(Array("a=b,c".utf8), kept.salt, 8192)
        #expect(kept.saltedPassword == salted)
        let refused = run("--alter", "--user", "carol", "--delete-config", "SCRAM-SHA-256")
        #expect(refused.code == 1 && refused.errors.contains("RESOURCE_NOT_FOUND"))
        let alice =
            "SCRAM credential configs for user-principal 'alice' are "
            + "SCRAM-SHA-256=iterations=8192, SCRAM-SHA-512=iterations=4096\n"
        #expect(run("--describe", "--entity-type", "users") == (0, alice, ""))
        #expect(run("--describe", "--user", "alice") == (0, alice, ""))
        #expect(run("--describe", "--user", "bob") == (0, "", ""))
        #expect(run("--describe", "--user-defaults") == (0, "", ""))
        #expect(
            run("--describe", "--user", "alice", "--json").out
                == #"{"quotas":[],"scram":[{"user":"alice","iterations":"#
                + #"{"SCRAM-SHA-256":8192,"SCRAM-SHA-512":4096}}]}"# + "\n")
    }

    /// Only alice has some.
    private static func credentials(
        of users: [String]?
    ) -> DescribeUserScramCredentialsResponse {
        DescribeUserScramCredentialsResponse(
            results: (users ?? ["alice"]).map { user in
                guard user == "alice" else {
                    return .init(user: user, errorCode: KafkaError.resourceNotFound.rawValue)
                }
                return .init(
                    user: user,
                    credentialInfos: [
                        .init(mechanism: 2, iterations: 4096),
                        .init(mechanism: 1, iterations: 8192),
                    ])
            })
    }

    @Test(
        arguments: [
            ([], "An entity name must be specified with --alter of users"),
            (
                ["--user", "a", "--client", "c", "--add-config", "SCRAM-SHA-256=[password=x]"],
                "Only quota configs can be added for 'clients' using --bootstrap-server. "
                    + "Unexpected config names: SCRAM-SHA-256"
            ),
            (
                ["--user", "a", "--add-config", "x=1,y=2"],
                "Only quota and SCRAM credential configs can be added for 'users' using "
                    + "--bootstrap-server. Unexpected config names: x,y"
            ),
            (
                ["--user", "a", "--delete-config", "x"],
                "Only quota and SCRAM credential configs can be deleted for 'users'"
            ),
            (
                ["--ip", "127.0.0.1", "--add-config", "x=1"],
                "Only connection quota configs can be added for 'ips' using --bootstrap-server."
            ),
            (
                ["--ip", "no such host", "--add-config", "connection_creation_rate=1"],
                "The entity name for ips must be a valid IP or resolvable host"
            ),
            (
                ["--user-defaults", "--add-config", "SCRAM-SHA-256=[password=x]"],
                "The use of --entity-default or --user-defaults is not allowed"
            ),
            (
                ["--user", "a", "--add-config", "SCRAM-SHA-256=[password=x],producer_byte_rate=1"],
                "Cannot alter both quota and SCRAM credential configs simultaneously"
            ),
            (
                [
                    "--entity-type", "users", "--entity-type", "clients", "--entity-name", "a",
                    "--add-config", "producer_byte_rate=1",
                ],
                "An entity name must be specified for every entity type"
            ),
            (
                ["--entity-type", "users", "--entity-type", "users", "--entity-default"],
                "Duplicate entity type(s) specified: users"
            ),
            (
                ["--entity-type", "users", "--entity-name", "a", "--entity-name", "b"],
                "More entity names specified than entity types"
            ),
        ] as [([String], String)])
    func whatCannotBeChanged(_ arguments: [String], _ message: String) {
        let console = Console(captures: true)
        // Nobody listens there: whoever connects fails with another message.
        let subject =
            arguments.isEmpty
            ? ["--entity-type", "users", "--add-config", "producer_byte_rate=1"] : arguments
        let code = Martlet.run(
            ["martlet", "configs", "--alter", "--bootstrap-server", "127.0.0.1:1"] + subject,
            console)
        #expect(code == 1)
        #expect(console.capturedErrors.hasPrefix(message), "\(console.capturedErrors)")
    }

    @Test func credentialsAreRead() throws {
        func credential(_ text: String) throws -> (Int32, Int) {
            let found = try QuotaConfigs.credential(.sha256, "SCRAM-SHA-256", text)
            return (found.iterations, found.saltedPassword.count)
        }
        #expect(try credential("password=x") == (4096, 32))
        #expect(try credential("iterations=-1,password=") == (4096, 32))
        #expect(try credential("iterations=5000,password=p,q=r") == (5000, 32))
        for wrong in [
            "", "x", "iterations=5000", "iterations=many,password=x", "iterations=4095,password=x",
            "iterations=16385,password=x",
        ] {
            #expect(throws: Failure.self) { try credential(wrong) }
        }
    }
}

/// A broker that keeps quotas.
private final class QuotaBroker: Sendable {
    private let broker: FakeBroker

    init() throws {
        let kept = Mutex<[ClientQuotaEntity: [String: Double]]>([:])
        broker = try FakeBroker.cluster([]) { request in
            switch request.key {
            case .alterClientQuotas:
                let asked = try request.decoded(AlterClientQuotasRequest.self)
                for entry in asked.entries {
                    let entity = Dictionary(
                        entry.entity.map { ($0.entityType, $0.entityName) },
                        uniquingKeysWith: { $1 })
                    kept.withLock { kept in
                        for change in entry.ops {
                            kept[entity, default: [:]][change.key] =
                                change.remove ? nil : change.value
                        }
                        if kept[entity]?.isEmpty == true { kept[entity] = nil }
                    }
                }
                return try request.answer(
                    AlterClientQuotasResponse(
                        entries: asked.entries.map { entry in
                            .init(
                                entity: entry.entity.map {
                                    .init(entityType: $0.entityType, entityName: $0.entityName)
                                })
                        }))
            case .describeClientQuotas:
                let asked = try request.decoded(DescribeClientQuotasRequest.self)
                let found = kept.withLock { $0 }.filter { Self.matches($0.key, asked) }
                return try request.answer(
                    DescribeClientQuotasResponse(
                        entries: found.map { entity, values in
                            .init(
                                entity: entity.map { .init(entityType: $0, entityName: $1) },
                                values: values.map { .init(key: $0, value: $1) })
                        }))
            case .describeUserScramCredentials:
                return try request.answer(DescribeUserScramCredentialsResponse())
            default: return nil
            }
        }
    }
    deinit { broker.stop() }

    private static func matches(
        _ entity: ClientQuotaEntity, _ asked: DescribeClientQuotasRequest
    ) -> Bool {
        guard !asked.strict || entity.count == asked.components.count else { return false }
        return asked.components.allSatisfy { component in
            guard let name = entity[component.entityType] else { return false }
            return switch component.matchType {
            case 0: name == component.match
            case 1: name == nil
            default: true
            }
        }
    }

    func run(_ arguments: String...) -> (code: Int32, out: String, errors: String) {
        let console = Console(captures: true)
        let code = Martlet.run(
            ["martlet"] + arguments + ["--bootstrap-server", broker.address], console)
        return (code, console.output, console.capturedErrors)
    }
}
