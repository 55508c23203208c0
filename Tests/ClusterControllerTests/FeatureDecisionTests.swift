import KafkaProtocol
import Testing

@testable import ClusterController

@Suite struct FeatureDecisionTests {
    private let prefix =
        "The update failed for all features since the following feature had an error: "

    private func update(
        _ cluster: inout TestCluster, _ updates: [(String, Int16, Int8)],
        validateOnly: Bool = false, version: Int16 = 2
    ) throws -> UpdateFeaturesResponse {
        var request = UpdateFeaturesRequest()
        request.featureUpdates = updates.map {
            .init(feature: $0.0, maxVersionLevel: $0.1, upgradeType: $0.2)
        }
        request.validateOnly = validateOnly
        return try cluster.apply(
            cluster.controller.updateFeatures(request, context: cluster.context(version)))
    }

    private func cluster(_ release: String) throws -> TestCluster {
        let version = try #require(MetadataVersion(name: release, allowUnstable: true))
        return try TestCluster(version: version)
    }

    @Test func upgradesAndDryRuns() throws {
        var cluster = try cluster("4.0")
        let updates =
            [("metadata.version", 30, 1), ("share.version", 1, 1)]
            as [(String, Int16, Int8)]
        let dry = try update(&cluster, updates, validateOnly: true)
        #expect(dry.errorCode == 0)
        #expect(cluster.image.metadataVersion.rawValue == 25)
        let real = try update(&cluster, updates)
        #expect(real.errorCode == 0)
        #expect(real.errorMessage == nil)
        #expect(real.results == [])
        #expect(cluster.image.metadataVersion.rawValue == 30)
        #expect(cluster.image.features.level(of: .share) == 1)
        let old = try update(&cluster, [("group.version", 1, 1)], version: 1)
        #expect(old.results.map(\.feature) == ["group.version"])
    }

    @Test func onlySafeDowngradesAreMade() throws {
        var cluster = try cluster("4.2")
        let unasked = try update(&cluster, [("metadata.version", 28, 1)])
        expectError(
            unasked.errorCode, unasked.errorMessage, is: .invalidUpdateVersion,
            prefix
                + "Invalid update version 28 for feature metadata.version. Can't downgrade the "
                + "version of this feature without setting the upgrade type to either safe or "
                + "unsafe downgrade.")
        let lossy = try update(&cluster, [("metadata.version", 22, 2)])
        expectError(
            lossy.errorCode, lossy.errorMessage, is: .invalidUpdateVersion,
            prefix
                + "Unsupported metadata.version downgrade from 29 to 22. Refusing to perform the "
                + "requested downgrade because it might delete metadata information.")
        let unsafe = try update(&cluster, [("metadata.version", 22, 3)])
        expectError(
            unsafe.errorCode, unsafe.errorMessage, is: .invalidUpdateVersion,
            prefix
                + "Unsupported metadata.version downgrade from 29 to 22. Unsafe metadata "
                + "downgrade is not supported in this version.")
        #expect(try update(&cluster, [("metadata.version", 25, 2)]).errorCode == 0)
        #expect(cluster.image.metadataVersion.rawValue == 25)
        #expect(try update(&cluster, [("streams.version", 0, 2)]).errorCode == 0)
        #expect(cluster.image.features.levels["streams.version"] == nil)
    }

    @Test func updatesAreAllOrNothing() throws {
        var cluster = try cluster("4.0")
        let response = try update(
            &cluster, [("metadata.version", 30, 1), ("group.version", 9, 1)])
        expectError(
            response.errorCode, response.errorMessage, is: .invalidUpdateVersion,
            prefix
                + "Invalid update version 9 for feature group.version. Local controller 1 only "
                + "supports versions 0-1")
        #expect(cluster.image.metadataVersion.rawValue == 25)
    }

    @Test(
        arguments: [
            ("no.such", 1, 1, "Local controller 1 does not support this feature."),
            ("group.version", -1, 2, "A feature version cannot be less than 0."),
            ("group.version", 1, 9, "The controller does not support the given upgrade type."),
            ("share.version", 1, 2, "Can't downgrade to a newer version."),
            ("kraft.version", 0, 2, "Can't downgrade the version of this feature."),
        ] as [(String, Int16, Int8, String)])
    func flawsAreNamed(feature: String, level: Int16, type: Int8, flaw: String) throws {
        var cluster = try cluster("4.0")
        let response = try update(&cluster, [(feature, level, type)])
        expectError(
            response.errorCode, response.errorMessage, is: .invalidUpdateVersion,
            prefix + "Invalid update version \(level) for feature \(feature). \(flaw)")
    }

    @Test func everyBrokerMustSupportTheLevel() throws {
        var cluster = try cluster("4.0")
        var old = TestCluster.registration(2)
        for index in old.features.indices where old.features[index].name == "metadata.version" {
            old.features[index].maxSupportedVersion = 25
        }
        try cluster.apply(
            cluster.controller.registerBroker(
                old, context: cluster.context(4), newEpoch: cluster.nextOffset))
        let response = try update(&cluster, [("metadata.version", 30, 1)])
        expectError(
            response.errorCode, response.errorMessage, is: .invalidUpdateVersion,
            prefix
                + "Invalid update version 30 for feature metadata.version. Broker 2 only supports "
                + "versions 7-25")
    }

    @Test func everyControllerMustHaveRegistered() throws {
        var cluster = try cluster("4.0")
        cluster.controller.settings.quorumNodeIDs = [1, 8]
        let response = try update(&cluster, [("share.version", 1, 1)])
        expectError(
            response.errorCode, response.errorMessage, is: .invalidUpdateVersion,
            prefix
                + "Invalid update version 1 for feature share.version. controller 8 has not "
                + "registered, and may not support this feature")
    }

    @Test func eligibleLeadersNeedOneMinimumForAll() throws {
        var cluster = try cluster("4.0")
        cluster.controller.settings.staticConfigs["min.insync.replicas"] = "2"
        try cluster.append([
            .configRecord(ConfigRecord(.broker(1), "min.insync.replicas", "3"))
        ])
        let response = try update(&cluster, [("eligible.leader.replicas.version", 1, 1)])
        #expect(response.errorCode == 0)
        #expect(cluster.image.configs[.allBrokers] == ["min.insync.replicas": "2"])
        #expect(cluster.image.configs[.broker(1)] == [:])
        #expect(cluster.image.features.keepsEligibleLeaders)
    }

    @Test func dependenciesAreChecked() throws {
        var cluster = try cluster("3.9")
        let alone = try update(&cluster, [("eligible.leader.replicas.version", 1, 1)])
        expectError(
            alone.errorCode, alone.errorMessage, is: .invalidUpdateVersion,
            prefix
                + "Invalid update version 1 for feature eligible.leader.replicas.version. "
                + "eligible.leader.replicas.version could not be set to 1 because it depends on "
                + "metadata.version level 23")
        let both = try update(
            &cluster,
            [("eligible.leader.replicas.version", 1, 1), ("metadata.version", 26, 1)])
        #expect(both.errorCode == 0)
    }
}
