import KafkaProtocol
import Testing

@testable import ClusterController

@Suite struct FeatureTests {
    @Test func levelsHaveKafkasNames() {
        let names = MetadataVersion.all.map(\.description)
        #expect(names.count == 27)
        #expect(names.first == "3.3-IV3")
        #expect(names.last == "4.4-IV2")
        #expect(MetadataVersion(rawValue: 30)?.description == "4.3-IV0")
        #expect(MetadataVersion(rawValue: 25)?.description == "4.0-IV3")
        #expect(MetadataVersion(rawValue: 6) == nil)
        #expect(MetadataVersion(rawValue: 34) == nil)
    }

    @Test(arguments: [
        ("3.9", 21), ("4.0", 25), ("4.0.1", 25), ("4.0-IV1", 23), ("4.1", 27), ("4.2", 29),
        ("4.3", 30), ("3.5", 11),
    ])
    func readsReleasesAndNames(name: String, level: Int16) {
        #expect(MetadataVersion(name: name, allowUnstable: false)?.rawValue == level)
    }

    @Test func unstableLevelsNeedToBeAllowed() {
        #expect(MetadataVersion(name: "4.4-IV2", allowUnstable: false) == nil)
        #expect(MetadataVersion(name: "4.4-IV2", allowUnstable: true) == .latest)
        #expect(MetadataVersion(name: "9.9", allowUnstable: true) == nil)
        #expect(MetadataVersion(name: "", allowUnstable: true) == nil)
    }

    @Test func knowsWhereRecordsChanged() throws {
        func differ(_ a: Int16, _ b: Int16) throws -> Bool {
            let from = try #require(MetadataVersion(rawValue: a))
            return from.recordsDiffer(from: try #require(MetadataVersion(rawValue: b)))
        }
        #expect(try differ(30, 30) == false)
        #expect(try differ(30, 29))
        #expect(try differ(29, 24) == false)
        #expect(try differ(29, 23) == false)
        #expect(try differ(29, 22))
        #expect(try differ(31, 30) == false)
        #expect(try differ(22, 30))
    }

    @Test func recordVersionsFollowTheLevel() throws {
        func versions(_ level: Int16) throws -> [Int16] {
            let version = try #require(MetadataVersion(rawValue: level))
            return [version.registerBrokerVersion, version.partitionVersion]
        }
        #expect(try versions(7) == [1, 0])
        #expect(try versions(8) == [2, 0])
        #expect(try versions(17) == [3, 1])
        #expect(try versions(22) == [3, 1])
        #expect(try versions(23) == [3, 2])
        #expect(try versions(30) == [4, 2])
    }

    @Test func defaultsByRelease() throws {
        func levels(_ name: String) throws -> [String: Int16] {
            let version = try #require(MetadataVersion(name: name, allowUnstable: true))
            let levels = try BootstrapRecords.featureLevels(at: version)
            return Dictionary(uniqueKeysWithValues: levels.map { ($0.name, $0.level) })
        }
        #expect(
            try levels("4.0") == [
                "metadata.version": 25, "kraft.version": 1, "transaction.version": 2,
                "group.version": 1, "eligible.leader.replicas.version": 0, "share.version": 0,
                "streams.version": 0,
            ])
        #expect(
            try levels("4.3") == [
                "metadata.version": 30, "kraft.version": 1, "transaction.version": 2,
                "group.version": 1, "eligible.leader.replicas.version": 1, "share.version": 1,
                "streams.version": 1,
            ])
        #expect(try levels("4.4-IV2")["share.version"] == 2)
        #expect(try levels("3.8")["kraft.version"] == 0)
    }

    @Test func bootstrapRecordsOfARelease() throws {
        let version = try #require(MetadataVersion(name: "4.0", allowUnstable: false))
        let records = try BootstrapRecords.records(at: version)
        #expect(
            records == [
                .featureLevelRecord(.init(name: "metadata.version", featureLevel: 25)),
                .featureLevelRecord(.init(name: "group.version", featureLevel: 1)),
                .featureLevelRecord(.init(name: "transaction.version", featureLevel: 2)),
            ])
        let log = BootstrapRecords.activation(of: records)
        #expect(log.count == 5)
        #expect(log.first == .beginTransactionRecord(.init(name: "Bootstrap records")))
        #expect(log.last == .endTransactionRecord(.init()))
    }

    @Test func activationSetsTheMinimumWithEligibleLeaders() throws {
        let records = try BootstrapRecords.records(at: .latestProduction)
        var image = MetadataImage.empty
        try image.replay(BootstrapRecords.activation(of: records, minInSyncReplicas: "2"))
        #expect(image.configs[.allBrokers] == ["min.insync.replicas": "2"])
        #expect(image.features.keepsEligibleLeaders)
        #expect(!image.isInTransaction)
    }

    @Test func bootstrapRefusesWhatCannotBe() throws {
        let old = try #require(MetadataVersion(name: "3.9", allowUnstable: false))
        #expect(throws: BootstrapRecords.Failure.self) {
            try BootstrapRecords.records(
                at: old, features: ["eligible.leader.replicas.version": 1])
        }
        #expect(throws: BootstrapRecords.Failure.self) {
            try BootstrapRecords.records(at: old, features: ["no.such.version": 1])
        }
        #expect(throws: BootstrapRecords.Failure.self) {
            try BootstrapRecords.records(at: old, features: ["group.version": 2])
        }
    }

    @Test func anOpenTransactionIsAbortedOnActivation() throws {
        var image = MetadataImage.empty
        #expect(BootstrapRecords.activation(of: image) == [])
        try image.replay([.beginTransactionRecord(.init(name: nil))])
        let records = BootstrapRecords.activation(of: image)
        try image.replay(records)
        #expect(!image.isInTransaction)
    }
}
