import KafkaProtocol
import Testing

@testable import ClusterController

@Suite struct ConfigDecisionTests {
    typealias Change = (key: String, operation: Int8, value: String?)

    private func change(
        _ cluster: inout TestCluster, _ resource: ConfigResource, _ changes: [Change],
        validateOnly: Bool = false
    ) throws -> IncrementalAlterConfigsResponse.AlterConfigsResourceResponse {
        var request = IncrementalAlterConfigsRequest()
        request.resources = [
            .init(
                resourceType: resource.type.rawValue, resourceName: resource.name,
                configs: changes.map {
                    .init(name: $0.key, configOperation: $0.operation, value: $0.value)
                })
        ]
        request.validateOnly = validateOnly
        let response = try cluster.apply(cluster.controller.incrementalAlterConfigs(request))
        return try #require(response.responses.first)
    }

    private func replace(
        _ cluster: inout TestCluster, _ resource: ConfigResource, _ configs: [String: String?]
    ) throws -> AlterConfigsResponse.AlterConfigsResourceResponse {
        var request = AlterConfigsRequest()
        request.resources = [
            .init(
                resourceType: resource.type.rawValue, resourceName: resource.name,
                configs: configs.sorted { $0.key < $1.key }.map {
                    .init(name: $0.key, value: $0.value)
                })
        ]
        let response = try cluster.apply(cluster.controller.alterConfigs(request))
        return try #require(response.responses.first)
    }

    @Test func topicsGetConfigsWhenCreated() throws {
        var cluster = try TestCluster()
        cluster.controller.settings.staticConfigs = ["log.retention.hours": "2"]
        let result = try cluster.create("t", configs: ["cleanup.policy": "compact"])
        #expect(result.errorCode == 0)
        #expect(cluster.image.configs[.topic("t")] == ["cleanup.policy": "compact"])
        let configs = try #require(result.configs)
        #expect(configs.map(\.name) == configs.map(\.name).sorted())
        let policy = try #require(configs.first { $0.name == "cleanup.policy" })
        #expect(policy.value == "compact")
        #expect(policy.configSource == ConfigSource.dynamicTopic.rawValue)
        let retention = try #require(configs.first { $0.name == "retention.ms" })
        #expect(retention.value == "7200000")
        #expect(retention.configSource == ConfigSource.staticBroker.rawValue)
        let bytes = try #require(configs.first { $0.name == "segment.bytes" })
        #expect(bytes.configSource == ConfigSource.defaultValue.rawValue)
    }

    @Test func wrongConfigsRefuseTheTopic() throws {
        var cluster = try TestCluster()
        for configs in [
            ["no.such": "1"], ["retention.ms": "x"], ["segment.bytes": "1"],
            ["min.compaction.lag.ms": "5", "max.compaction.lag.ms": "4"],
            ["cleanup.policy": "shred"],
        ] as [[String: String?]] {
            let result = try cluster.create("t", configs: configs)
            expectError(result.errorCode, nil, is: .invalidConfig)
            #expect(result.errorMessage?.isEmpty == false)
        }
        let unknown = try cluster.create("t", configs: ["no.such": "1"])
        #expect(unknown.errorMessage == "Unknown topic config name: no.such")
        let null = try cluster.create("t", configs: ["retention.ms": String?.none])
        #expect(null.errorMessage == "Null value not supported for topic configs: retention.ms")
        #expect(cluster.image.topics.count == 0)
    }

    @Test func keysAreSetDeletedAppendedAndSubtracted() throws {
        var cluster = try TestCluster()
        try cluster.create("t")
        let t = ConfigResource.topic("t")
        let set = try change(
            &cluster, t, [("retention.ms", 0, "5"), ("cleanup.policy", 2, "compact")])
        #expect(set.errorCode == 0)
        #expect(set.errorMessage == nil)
        #expect(
            cluster.image.configs[t] == [
                "retention.ms": "5", "cleanup.policy": "delete,compact",
            ])
        _ = try change(&cluster, t, [("retention.ms", 0, "5")])
        #expect(cluster.delta.isEmpty)
        _ = try change(&cluster, t, [("retention.ms", 1, nil), ("cleanup.policy", 3, "delete")])
        #expect(cluster.image.configs[t] == ["cleanup.policy": "compact"])
        _ = try change(&cluster, t, [("retention.ms", 0, "9")], validateOnly: true)
        #expect(cluster.image.configs[t] == ["cleanup.policy": "compact"])
    }

    @Test func theLegacyRequestReplacesAll() throws {
        var cluster = try TestCluster()
        try cluster.create("t", configs: ["retention.ms": "5", "segment.ms": "6"])
        let t = ConfigResource.topic("t")
        #expect(try replace(&cluster, t, ["retention.ms": "7"]).errorCode == 0)
        #expect(cluster.image.configs[t] == ["retention.ms": "7"])
        let null = try replace(&cluster, t, ["retention.ms": String?.none])
        expectError(
            null.errorCode, null.errorMessage, is: .invalidRequest,
            "Null value not supported for : retention.ms")
        #expect(try replace(&cluster, t, [:]).errorCode == 0)
        #expect(cluster.image.configs[t] == [:])
    }

    typealias Refusal = (
        resource: ConfigResource, changes: [Change], error: KafkaError, message: String?
    )

    private static let refusals: [Refusal] = [
        (
            .topic("t"), [("retention.ms", 2, "5")], .invalidConfig,
            "Can't APPEND to key retention.ms because its type is not LIST."
        ),
        (
            .topic("t"), [("a", 0, "1"), ("a", 0, "1")], .invalidRequest,
            "Error due to duplicate config keys"
        ),
        (.topic("t"), [("a", 0, nil)], .invalidRequest, "Null value not supported for : a"),
        (.topic("t"), [("a", 9, "1")], .invalidRequest, "Unknown operations type 9"),
        (.topic("no"), [], .unknownTopicOrPartition, "The topic 'no' does not exist."),
        (.topic(""), [], .invalidRequest, "Default topic resources are not allowed."),
        (.topic("a b"), [], .invalidTopicException, nil),
        (
            .init(.broker, "x"), [], .invalidRequest,
            "Unable to parse broker name as a base 10 number."
        ),
        (.init(.broker, "-1"), [], .invalidRequest, "Invalid negative broker ID."),
        (.broker(9), [], .brokerIDNotRegistered, "No node with id 9 found."),
        (.init(.group, ""), [], .invalidRequest, "Default group resources are not allowed."),
        (
            .init(.group, "g"), [("a", 0, "1")], .invalidConfig,
            "Unknown group config name: a"
        ),
        (
            .init(.group, "g"), [("consumer.session.timeout.ms", 0, "1")], .invalidConfig,
            "consumer.session.timeout.ms must be in the range 45000 to 60000 inclusive."
        ),
        (.init(.group, "g"), [("consumer.session.timeout.ms", 0, "x")], .invalidConfig, nil),
        (
            .init(.group, "g"), [("streams.task.offset.interval.ms", 0, "1")], .invalidConfig,
            "streams.task.offset.interval.ms must be at least 15000."
        ),
        (
            .init(.group, "g"), [("streams.num.standby.replicas", 0, "3")], .invalidConfig,
            "streams.num.standby.replicas must be at most 2."
        ),
        (.init(.clientMetrics, ""), [], .invalidRequest, "Subscription name can't be empty"),
        (
            .init(.clientMetrics, "m"), [("a", 0, "1")], .invalidRequest,
            "Unknown client metrics configuration: a"
        ),
        (
            .init(.clientMetrics, "m"), [("match", 0, "nobody=x")], .invalidConfig,
            "Illegal client matching pattern: nobody=x"
        ),
        (.init(.brokerLogger, "1"), [("root", 0, "INFO")], .invalidRequest, nil),
        (
            .init(ConfigResourceType(rawValue: 99), "1"), [], .invalidRequest,
            "Unknown resource type 99"
        ),
        (
            .broker(1), [("node.id", 0, "4")], .invalidRequest,
            "Cannot update these configs dynamically: [node.id]"
        ),
        (
            .allBrokers, [("listeners", 0, "PLAINTEXT://:1")], .invalidRequest,
            "Cannot update these configs at default cluster level, broker id must be "
                + "specified: [listeners]"
        ),
        (.broker(1), [("log.cleaner.threads", 0, "x")], .invalidRequest, nil),
        (
            .broker(1), [("min.insync.replicas", 0, "2")], .invalidConfig,
            "Broker-level min.insync.replicas cannot be altered while ELR is enabled."
        ),
        (
            .allBrokers, [("min.insync.replicas", 1, nil)], .invalidConfig,
            "Cluster-level min.insync.replicas cannot be removed while ELR is enabled."
        ),
        (
            .topic("t"), [("retention.ms", 0, String(repeating: "1", count: 40_000))],
            .invalidConfig,
            "The configuration value cannot be added because it exceeds the maximum value "
                + "size of 32767 bytes."
        ),
    ]

    @Test func changesAreChecked() throws {
        var cluster = try TestCluster()
        try cluster.create("t")
        for refusal in Self.refusals {
            let result = try change(&cluster, refusal.resource, refusal.changes)
            expectError(
                result.errorCode, result.errorMessage, is: refusal.error, refusal.message)
            #expect(cluster.delta.isEmpty)
        }
    }

    @Test(arguments: [("4.2", false), ("4.3", true)])
    func directoriesAreCordonedOnceAllCanTell(release: String, mayBeSet: Bool) throws {
        let version = try #require(MetadataVersion(name: release, allowUnstable: false))
        var cluster = try TestCluster(version: version)
        let result = try change(&cluster, .broker(1), [("cordoned.log.dirs", 0, "/a")])
        if mayBeSet {
            #expect(result.errorCode == 0)
        } else {
            expectError(
                result.errorCode, result.errorMessage, is: .invalidConfig,
                "The cordoned.log.dirs configuration value cannot be set because it requires "
                    + "metadata.version >= 4.3-IV0")
        }
    }

    @Test func aListenersOwnConfigBeatsTheBrokers() throws {
        var cluster = try TestCluster()
        let key = "max.connections"
        func value(_ listener: String) -> String? {
            cluster.controller.effectiveBrokerConfig(key, listener: listener)
        }
        #expect(value("INTERNAL") == "2147483647")
        cluster.controller.settings.staticConfigs = [
            key: "9", "listener.name.internal.\(key)": "8",
        ]
        #expect(value("INTERNAL") == "8" && value("PLAINTEXT") == "9")
        _ = try change(&cluster, .broker(1), [(key, 0, "7")])
        #expect(value("INTERNAL") == "8" && value("PLAINTEXT") == "7")
        try cluster.append([
            .configRecord(ConfigRecord(.broker(1), "listener.name.internal.\(key)", "6"))
        ])
        #expect(value("INTERNAL") == "6" && value("PLAINTEXT") == "7")
    }

    @Test func typesHaveKafkasNames() {
        #expect(
            ConfigResourceType.all.map(\.description) == [
                "TOPIC", "BROKER", "BROKER_LOGGER", "CLIENT_METRICS", "GROUP",
            ])
        #expect(ConfigResourceType(rawValue: 3).description == "UNKNOWN")
    }

    @Test func aSubscriptionIsDescribed() throws {
        var cluster = try TestCluster()
        _ = try change(&cluster, .init(.clientMetrics, "m"), [("interval.ms", 0, "1000")])
        let result = try describe(cluster, .init(.clientMetrics, "m"))
        #expect(result.errorCode == 0)
        #expect(result.configs.map(\.name).sorted() == ["interval.ms", "match", "metrics"])
        let interval = try #require(result.configs.first { $0.name == "interval.ms" })
        #expect(interval.value == "1000")
        #expect(interval.configSource == ConfigSource.clientMetrics.rawValue)
        let match = try #require(result.configs.first { $0.name == "match" })
        #expect(match.configSource == ConfigSource.defaultValue.rawValue)
    }

    @Test func aResourceTwiceIsRefused() throws {
        let cluster = try TestCluster()
        let resource = IncrementalAlterConfigsRequest.AlterConfigsResource(
            resourceType: 4, resourceName: "", configs: [])
        let decision = cluster.controller.incrementalAlterConfigs(
            .init(resources: [resource, resource]))
        #expect(decision.response.responses.count == 2)
        #expect(
            decision.response.responses.allSatisfy {
                $0.errorMessage == "Each resource must appear at most once."
            })
    }

    @Test func brokersGroupsAndMetricsHaveConfigs() throws {
        var cluster = try TestCluster()
        for (resource, key, value) in [
            (.broker(1), "log.cleaner.threads", "2"), (.allBrokers, "message.max.bytes", "9000"),
            (.init(.group, "g"), "consumer.session.timeout.ms", "50000"),
            (.init(.clientMetrics, "m"), "match", "client_id=a.*"),
        ] as [(ConfigResource, String, String)] {
            let result = try change(&cluster, resource, [(key, 0, value)])
            expectError(result.errorCode, result.errorMessage, is: .none)
            #expect(cluster.image.configs[resource][key] == value)
        }
        // The same value again is written again: a broker then re-reads files it names.
        _ = try change(&cluster, .broker(1), [("log.cleaner.threads", 0, "2")])
        #expect(cluster.delta.configs == [.broker(1)])
    }

    @Test func aNewMinimumClearsEligibleLeaders() throws {
        var cluster = try TestCluster(brokers: 2)
        try cluster.create("t", partitions: -1, replicas: -1, assignments: [[1, 2]])
        _ = try change(&cluster, .topic("t"), [("min.insync.replicas", 0, "2")])
        try cluster.apply(cluster.controller.fenceBroker(2))
        #expect(try cluster.partition("t").eligibleLeaderReplicas == [2])
        _ = try change(&cluster, .topic("t"), [("min.insync.replicas", 0, "1")])
        #expect(try cluster.partition("t").eligibleLeaderReplicas == [])
        #expect(cluster.delta.changedPartitions.count == 1)
    }

    @Test func uncleanElectionsFollowTheConfig() throws {
        let version = try #require(MetadataVersion(name: "4.0", allowUnstable: false))
        var cluster = try TestCluster(brokers: 2, version: version)
        try cluster.create(
            "t", partitions: -1, replicas: -1,
            configs: ["unclean.leader.election.enable": "true"], assignments: [[1, 2]])
        try cluster.apply(cluster.controller.fenceBroker(2))
        try cluster.apply(cluster.controller.fenceBroker(1))
        #expect(try cluster.partition("t").leader == -1)
        try cluster.heartbeat(2)
        #expect(try cluster.partition("t").leader == 2)
        #expect(try cluster.partition("t").isRecovering)
    }

    private func describe(
        _ cluster: TestCluster, _ resource: ConfigResource, keys: [String]? = nil
    ) throws -> DescribeConfigsResponse.DescribeConfigsResult {
        var request = DescribeConfigsRequest()
        request.resources = [
            .init(
                resourceType: resource.type.rawValue, resourceName: resource.name,
                configurationKeys: keys)
        ]
        request.includeSynonyms = true
        request.includeDocumentation = true
        return try #require(cluster.controller.describeConfigs(request).results.first)
    }

    private func synonyms(
        _ entry: DescribeConfigsResponse.DescribeConfigsResourceResult
    ) -> [String] {
        entry.synonyms.map { "\($0.source):\($0.name)=\($0.value ?? "")" }
    }

    @Test func topicConfigsAreDescribedWithTheirLayers() throws {
        var cluster = try TestCluster()
        try cluster.create("t", configs: ["max.message.bytes": "7"])
        cluster.controller.settings.staticConfigs = ["message.max.bytes": "9"]
        _ = try change(&cluster, .allBrokers, [("message.max.bytes", 0, "8")])
        let result = try describe(cluster, .topic("t"))
        #expect(result.errorCode == 0)
        let bytes = try #require(result.configs.first { $0.name == "max.message.bytes" })
        #expect(bytes.value == "7")
        #expect(bytes.configSource == 1)
        #expect(
            synonyms(bytes) == [
                "1:max.message.bytes=7", "3:message.max.bytes=8", "4:message.max.bytes=9",
                "5:message.max.bytes=1048588",
            ])
        #expect(bytes.configType == 3)
        #expect(bytes.documentation?.isEmpty == false)
        let retention = try #require(result.configs.first { $0.name == "retention.ms" })
        #expect(retention.configSource == 5)
        #expect(retention.value == "604800000")
        let one = try describe(cluster, .topic("t"), keys: ["retention.ms", "zzz"])
        #expect(one.configs.map(\.name) == ["retention.ms"])
    }

    /// As `kafka-configs --describe` printed it for Apache Kafka's own broker (golden manifest).
    @Test func brokerAndGroupConfigsAreDescribed() throws {
        var cluster = try TestCluster()
        cluster.controller.settings.staticConfigs = [
            "group.share.record.lock.duration.ms": "15000", "ssl.keystore.password": "secret",
        ]
        _ = try change(&cluster, .broker(1), [("log.cleaner.threads", 0, "2")])
        _ = try change(
            &cluster, .init(.group, "g"),
            [
                ("share.auto.offset.reset", 0, "earliest"),
                ("share.record.lock.duration.ms", 0, "20000"),
            ])
        let broker = try describe(cluster, .broker(1))
        let threads = try #require(broker.configs.first { $0.name == "log.cleaner.threads" })
        #expect(synonyms(threads) == ["2:log.cleaner.threads=2", "5:log.cleaner.threads=1"])
        let secret = try #require(broker.configs.first { $0.name == "ssl.keystore.password" })
        #expect(secret.isSensitive)
        #expect(secret.value == nil)
        #expect(secret.synonyms.allSatisfy { $0.value == nil })
        #expect(try #require(broker.configs.first { $0.name == "node.id" }).readOnly)

        let all = try describe(cluster, .allBrokers)
        #expect(all.configs.map(synonyms) == [["3:min.insync.replicas=1"]])

        let group = try describe(cluster, .init(.group, "g"))
        let reset = try #require(group.configs.first { $0.name == "share.auto.offset.reset" })
        #expect(
            synonyms(reset) == [
                "8:share.auto.offset.reset=earliest", "5:share.auto.offset.reset=latest",
            ])
        let lock = try #require(
            group.configs.first { $0.name == "share.record.lock.duration.ms" })
        #expect(
            synonyms(lock) == [
                "8:share.record.lock.duration.ms=20000",
                "4:group.share.record.lock.duration.ms=15000",
                "5:group.share.record.lock.duration.ms=30000",
            ])
    }

    @Test func whatCannotBeDescribedSaysSo() throws {
        let cluster = try TestCluster()
        for (resource, error) in [
            (.topic("no"), .unknownTopicOrPartition), (.topic("a b"), .invalidTopicException),
            (.broker(2), .invalidRequest), (.init(.broker, "x"), .invalidRequest),
            (.init(.group, ""), .invalidRequest), (.init(.clientMetrics, ""), .invalidRequest),
            (.init(.brokerLogger, "1"), .invalidRequest),
            (.init(ConfigResourceType(rawValue: 99), "x"), .invalidRequest),
        ] as [(ConfigResource, KafkaError)] {
            let result = try describe(cluster, resource)
            #expect(KafkaError(rawValue: result.errorCode) == error)
            #expect(result.configs == [])
        }
    }
}
