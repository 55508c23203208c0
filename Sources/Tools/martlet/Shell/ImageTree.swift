import ClusterController
import KafkaWire

/// Up to where a metadata log was read.
struct ImageProvenance: Equatable {
    /// The last offset that the image contains; -1 when it contains none.
    var offset: Int64 = -1
    var epoch: Int32 = -1
    /// When that was written, in milliseconds since 1970.
    var timestamp: Int64 = 0
}

/// The metadata as a tree, with the names of Kafka's shell.
enum ImageTree {
    /// `/`: what there is to see.
    static func root(_ image: MetadataImage, _ provenance: ImageProvenance) -> ShellNode {
        .directory([
            (
                "local",
                {
                    .directory([
                        ("commitId", { .file("unknown") }), ("version", { .file(Version.text) }),
                    ])
                }
            ),
            ("image", { tree(image, provenance) }),
        ])
    }

    private static func tree(
        _ image: MetadataImage, _ provenance: ImageProvenance
    ) -> ShellNode {
        .directory([
            ("provenance", { .file(text(provenance)) }), ("features", { features(image.features) }),
            ("cluster", { cluster(image) }), ("topics", { topics(image.topics) }),
            ("configs", { configs(image.configs) }), ("clientQuotas", { quotas(image.quotas) }),
            (
                "producerIds",
                { .directory([("nextProducerId", { .file("\(image.nextProducerID)") })]) }
            ),
            ("acls", { acls(image.security) }), ("scram", { scram(image.security) }),
            ("delegationToken", { tokens(image.security) }),
        ])
    }

    private static func text(_ provenance: ImageProvenance) -> String {
        "offset \(provenance.offset), epoch \(provenance.epoch), "
            + "time \(TimeText.utc(provenance.timestamp))[UTC]"
    }

    private static func features(_ features: FeaturesImage) -> ShellNode {
        let version = features.metadataVersion.map { "Optional[\($0)]" } ?? "Optional.empty"
        return .directory(
            [("metadataVersion", { .file(version) })]
                + features.levels.map { name, level in
                    ("finalized_\(name)", { .file("\(level)") })
                })
    }

    private static func cluster(_ image: MetadataImage) -> ShellNode {
        .directory([
            (
                "brokers",
                {
                    .directory(
                        names: { image.brokers.keys.map(String.init) },
                        child: { name in
                            Int32(name).flatMap { image.brokers[$0] }
                                .map { .file(ImageText.text($0)) }
                        })
                }
            ),
            (
                "controllers",
                {
                    .directory(
                        names: { image.controllers.keys.map(String.init) },
                        child: { name in
                            Int32(name).flatMap { image.controllers[$0] }
                                .map { .file(ImageText.text($0)) }
                        })
                }
            ),
        ])
    }

    private static func topics(_ topics: TopicsImage) -> ShellNode {
        .directory([
            (
                "byName",
                {
                    .directory(names: { topics.names }, child: { topics[$0].map { topic($0) } })
                }
            ),
            (
                "byId",
                {
                    .directory(
                        names: { topics.sorted.map(\.id.description) },
                        child: { name in
                            KafkaUUID(name).flatMap { topics[$0] }.map { topic($0) }
                        })
                }
            ),
        ])
    }

    private static func topic(_ topic: TopicImage) -> ShellNode {
        .directory(
            names: { ["name", "id"] + topic.partitions.map { "\($0.id)" } },
            child: { name in
                switch name {
                case "name": .file(topic.name)
                case "id": .file("\(topic.id)")
                default:
                    Int32(name).flatMap { topic[$0] }.map { .file(ImageText.text($0)) }
                }
            })
    }

    private static func configs(_ configs: ConfigsImage) -> ShellNode {
        .directory(
            configs.resources.map { resource in
                let name =
                    resource.name.isEmpty
                    ? "\(resource.type)" : "\(resource.type):\(resource.name)"
                return (name, { .files(configs[resource]) { $0 } })
            })
    }

    private static func quotas(_ quotas: ClientQuotasImage) -> ShellNode {
        .directory(
            quotas.entities.map { entity in
                (ImageText.text(entity), { .files(quotas[entity]) { JSON.number($0).text } })
            })
    }

    // MARK: Security

    private static func acls(_ security: SecurityImage) -> ShellNode {
        let acls = security.acls
        return .directory([
            (
                "byId",
                {
                    .directory(
                        names: { acls.sortedKeys.map(\.description) },
                        child: { name in
                            KafkaUUID(name).flatMap { acls[$0] }.map { .file(ImageText.text($0)) }
                        })
                }
            )
        ])
    }

    private static func scram(_ security: SecurityImage) -> ShellNode {
        let credentials = security.scram
        let mechanisms: [(String, Int8)] = [("SCRAM-SHA-256", 1), ("SCRAM-SHA-512", 2)]
        return .directory(
            mechanisms.map { name, number in
                (
                    name,
                    {
                        .directory(
                            names: {
                                credentials.sortedKeys.filter { $0.mechanism == number }
                                    .map(\.user)
                            },
                            child: { user in
                                credentials[ScramCredentialKey(user: user, mechanism: number)]
                                    .map { .file(ImageText.text($0)) }
                            })
                    }
                )
            })
    }

    private static func tokens(_ security: SecurityImage) -> ShellNode {
        let tokens = security.delegationTokens
        return .directory(
            names: { tokens.sortedKeys },
            child: { name in tokens[name].map { .file(ImageText.text($0)) } })
    }
}
