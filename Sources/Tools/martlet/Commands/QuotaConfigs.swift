import MartletClient

/// `configs` of users, clients and ips: their quotas, and the SCRAM credentials of users.
struct QuotaConfigs {
    private static let ofClients = [
        "producer_byte_rate", "consumer_byte_rate", "request_percentage",
        "controller_mutation_rate",
    ]
    private static let ofAddresses = ["connection_creation_rate"]
    /// By the word for the type: the name in the protocol, and what Kafka calls one.
    private static let types = [
        "users": ("user", "user-principal"), "clients": ("client-id", "client-id"),
        "ips": ("ip", "ip"),
    ]
    private static let mechanisms: [String: ScramMechanism] = [
        "SCRAM-SHA-256": .sha256, "SCRAM-SHA-512": .sha512,
    ]

    private let entities: [ConfigEntity]
    private let console: Console
    private var isOfUsersAlone: Bool { entities.map(\.type) == ["users"] }

    init(_ entities: [ConfigEntity], _ console: Console) {
        self.entities = entities
        self.console = console
    }

    // MARK: Describe

    func describe(_ cluster: AdminSession, isJSON: Bool) throws {
        let quotas = try quotas(cluster).map { entity, values in
            (entity: entity, values: values.sorted { $0.key < $1.key })
        }.sorted { Self.subject($0.entity) < Self.subject($1.entity) }
        var credentials: [String: Result<[ScramMechanism: Int32], ClientError>] = [:]
        if isOfUsersAlone, entities[0].name != "" {
            let users = entities[0].name.map { [$0] }
            credentials = try cluster.ask { try await $0.describeScramCredentials(users) }
        }
        let known = credentials.filter { _, result in
            if case .failure(.broker(.resourceNotFound, _)) = result { false } else { true }
        }.sorted { $0.key < $1.key }
        if isJSON { return console.print(Self.json(quotas, known).text) }
        for (entity, values) in quotas {
            let texts = values.map { "\($0.key)=\(JSON.number($0.value).text)" }
            console.print(
                "Quota configs for \(Self.subject(entity)) are \(texts.joined(separator: ", "))")
        }
        for (user, result) in known {
            switch result {
            case .success(let found):
                let texts = Self.names(found).map { "\($0.name)=iterations=\($0.iterations)" }
                console.print(
                    "SCRAM credential configs for user-principal '\(user)' are "
                        + texts.joined(separator: ", "))
            case .failure(let error):
                console.print(
                    "Error retrieving SCRAM credential configs for user-principal '\(user)': "
                        + error.cause)
            }
        }
    }

    /// The quotas of the entities, and of no others that have more types.
    private func quotas(
        _ cluster: AdminSession
    ) throws -> [ClientQuotaEntity: [String: Double]] {
        var matches: [String: ClientQuotaMatch] = [:]
        for entity in entities {
            guard let (type, _) = Self.types[entity.type] else { continue }
            matches[type] = entity.name.map { $0.isEmpty ? .default : .name($0) } ?? .any
        }
        let wanted = matches
        return try cluster.ask { try await $0.describeClientQuotas(wanted, isStrict: true) }
    }

    /// `user-principal 'alice', the default client-id`
    private static func subject(_ entity: ClientQuotaEntity) -> String {
        ["users", "clients", "ips"].compactMap { types[$0] }.compactMap { type, title in
            entity[type].map { name in
                name.map { "\(title) '\($0)'" } ?? "the default \(title)"
            }
        }.joined(separator: ", ")
    }

    private static func names(
        _ credentials: [ScramMechanism: Int32]
    ) -> [(name: String, iterations: Int32)] {
        mechanisms.sorted { $0.key < $1.key }.compactMap { name, mechanism in
            credentials[mechanism].map { (name, $0) }
        }
    }

    private static func json(
        _ quotas: [(entity: ClientQuotaEntity, values: [(key: String, value: Double)])],
        _ credentials: [(key: String, value: Result<[ScramMechanism: Int32], ClientError>)]
    ) -> JSON {
        .object([
            (
                "quotas",
                .array(
                    quotas.map { entity, values in
                        .object([
                            (
                                "entity",
                                .object(
                                    entity.sorted { $0.key < $1.key }.map {
                                        ($0.key, $0.value.map(JSON.string) ?? .null)
                                    })
                            ), ("configs", .object(values.map { ($0.key, .number($0.value)) })),
                        ])
                    })
            ),
            (
                "scram",
                .array(
                    credentials.map { user, result in
                        let found = names((try? result.get()) ?? [:])
                        return .object([
                            ("user", .string(user)),
                            (
                                "iterations",
                                .object(found.map { ($0.name, .integer(Int64($0.iterations))) })
                            ),
                        ])
                    })
            ),
        ])
    }

    // MARK: Alter

    /// Throws unless such configs can be changed for such entities, all in one go.
    func check(_ changes: [(name: String, value: String?)]) throws(Failure) {
        if entities[0].type == "ips" {
            return try refuse(changes.map(\.name), "connection quota configs", "added", ", ") {
                Self.ofAddresses.contains($0)
            }
        }
        let isQuota = { (name: String) in Self.ofClients.contains(name) }
        let isCredential = { (name: String) in Self.mechanisms[name] != nil }
        for (part, verb) in [
            (changes.filter { $0.value != nil }, "added"),
            (changes.filter { $0.value == nil }, "deleted"),
        ] {
            if isOfUsersAlone {
                try refuse(part.map(\.name), "quota and SCRAM credential configs", verb) {
                    isQuota($0) || isCredential($0)
                }
            } else {
                try refuse(part.map(\.name), "quota configs", verb, unless: isQuota)
            }
        }
        guard changes.contains(where: { isCredential($0.name) }) else { return }
        guard entities[0].name != "" else {
            throw Failure(
                "The use of --entity-default or --user-defaults is not allowed with User SCRAM "
                    + "Credentials using --bootstrap-server.")
        }
        guard !changes.contains(where: { isQuota($0.name) }) else {
            throw Failure(
                "Cannot alter both quota and SCRAM credential configs simultaneously for 'users' "
                    + "using --bootstrap-server.")
        }
    }

    private func refuse(
        _ names: [String], _ what: String, _ verb: String, _ separator: String = ",",
        unless isKnown: (String) -> Bool
    ) throws(Failure) {
        let unknown = names.filter { !isKnown($0) }
        guard !unknown.isEmpty else { return }
        let type = entities.contains { $0.type == "clients" } ? "clients" : entities[0].type
        throw Failure(
            "Only \(what) can be \(verb) for '\(type)' using --bootstrap-server. Unexpected "
                + "config names: \(unknown.joined(separator: separator))")
    }

    /// Changes quotas, or the credentials of a user.
    func alter(_ changes: [(name: String, value: String?)], _ cluster: AdminSession) throws {
        if changes.contains(where: { Self.mechanisms[$0.name] != nil }) {
            return try alterCredentials(of: entities[0].name ?? "", changes, cluster)
        }
        let present = try quotas(cluster).values.first ?? [:]
        let missing = changes.filter { $0.value == nil && present[$0.name] == nil }.map(\.name)
        guard missing.isEmpty else {
            throw Failure("Invalid config(s): \(missing.joined(separator: ","))")
        }
        var values: [String: Double?] = [:]
        for (name, text) in changes {
            guard let text else {
                values.updateValue(nil, forKey: name)
                continue
            }
            guard let value = Double(text) else {
                throw Failure("Cannot parse quota configuration value for \(name): \(text)")
            }
            values[name] = value
        }
        var entity: ClientQuotaEntity = [:]
        for part in entities {
            guard let (type, _) = Self.types[part.type] else { continue }
            entity.updateValue(part.name.flatMap { $0.isEmpty ? nil : $0 }, forKey: type)
        }
        let all = [entity: values]
        for (_, result) in try cluster.ask({ try await $0.alterClientQuotas(all) }) {
            try result.get()
        }
    }

    private func alterCredentials(
        of user: String, _ changes: [(name: String, value: String?)], _ cluster: AdminSession
    ) throws {
        var set: [ScramCredential] = []
        var deleted: [ScramMechanism] = []
        for (name, text) in changes {
            guard let mechanism = Self.mechanisms[name] else { continue }
            if let text {
                set.append(try Self.credential(mechanism, name, text))
            } else {
                deleted.append(mechanism)
            }
        }
        let (added, removed) = ([user: set], [user: deleted])
        let results = try cluster.ask {
            try await $0.alterScramCredentials(set: added, delete: removed)
        }
        try results[user]?.get()
    }

    /// Reads `[iterations=8192,]password=secret`.
    static func credential(
        _ mechanism: ScramMechanism, _ name: String, _ text: String
    ) throws(Failure) -> ScramCredential {
        let (least, most) = (ScramHash.iterations.lowerBound, ScramHash.iterations.upperBound)
        let invalid = Failure(
            "Invalid credential property \(name)=\(text.isEmpty ? "" : "...").",
            remedy: "Write \(name)=[iterations=\(least),password=secret].")
        var rest = text[...]
        var iterations = least
        if rest.hasPrefix("iterations=") {
            let number = rest.dropFirst("iterations=".count).prefix { $0 != "," }
            guard let count = Int32(number) else { throw invalid }
            iterations = count == -1 ? least : Int(count)
            rest = rest.dropFirst("iterations=".count + number.count + 1)
        }
        guard rest.hasPrefix("password=") else { throw invalid }
        guard iterations >= least else {
            throw Failure(
                "Iterations \(iterations) is less than the minimum \(least) required for \(name)")
        }
        guard iterations <= most else {
            throw Failure(
                "Iterations \(iterations) is more than the maximum \(most) allowed for \(name)")
        }
        return ScramCredential(
            mechanism, password: Secret(String(rest.dropFirst("password=".count))),
            iterations: Int32(iterations))
    }
}
