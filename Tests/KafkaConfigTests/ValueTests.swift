import Testing

@testable import KafkaConfig

/// Reads a value of a topic or broker key.
private func parse(_ name: String, _ text: String) throws -> ConfigValue {
    let definition = try #require(
        TopicConfigs.definition(name) ?? BrokerConfigs.definition(name)
            ?? GroupConfigs.definition(name))
    return try definition.parse(text)
}

private func message(_ name: String, _ text: String) -> String? {
    do {
        _ = try parse(name, text)
        return nil
    } catch {
        return String(describing: error)
    }
}

@Suite struct ValueTests {
    @Test(arguments: [
        ("segment.bytes", "1048576", "1048575"), ("segment.ms", "1", "0"),
        ("segment.jitter.ms", "0", "-1"), ("segment.index.bytes", "4", "3"),
        ("retention.ms", "-1", "-2"), ("local.retention.ms", "-2", "-3"),
        ("max.message.bytes", "2147483647", "2147483648"),
        ("retention.bytes", "-9223372036854775808", "-9223372036854775809"),
        ("min.cleanable.dirty.ratio", "0", "-0.001"), ("min.cleanable.dirty.ratio", "1", "1.001"),
        ("compression.gzip.level", "9", "10"), ("compression.gzip.level", "1", "0"),
        ("compression.gzip.level", "-1", "-2"), ("compression.lz4.level", "17", "18"),
        ("compression.lz4.level", "1", "0"), ("compression.zstd.level", "22", "23"),
        ("compression.zstd.level", "-131072", "-131073"),
        ("metadata.log.segment.bytes", "8388608", "8388607"), ("fetch.max.bytes", "1024", "1023"),
        ("group.share.max.size", "1000", "1001"),
        ("sasl.login.refresh.buffer.seconds", "32767", "32768"),
        ("martlet.memory.max", "16777216", "16777215"), ("node.id", "0", "-1"),
        ("share.delivery.count.limit", "2", "1"),
    ])
    func limitsHold(name: String, at: String, past: String) throws {
        _ = try parse(name, at)
        #expect(message(name, past) != nil)
    }

    @Test func errorsNameKeyValueAndRange() {
        #expect(
            message("segment.bytes", "5")
                == "Invalid value 5 for configuration segment.bytes: Value must be at least 1048576"
        )
        #expect(
            message("segment.bytes", "x")
                == "Invalid value x for configuration segment.bytes: Not a number of type INT")
        #expect(
            message("cleanup.policy", "delete,shred")
                == "Invalid value shred for configuration cleanup.policy: "
                + "String must be one of: compact, delete")
        #expect(
            message("preallocate", "yes")
                == "Invalid value yes for configuration preallocate: "
                + "Expected value to be either true or false")
        #expect(
            message("compression.type", "brotli")
                == "Invalid value brotli for configuration compression.type: "
                + "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer")
        #expect(
            message("log.dirs", "")
                == "Configuration 'log.dirs' must not be empty. "
                + "Valid values include: any non-empty value")
        #expect(
            message("cleanup.policy", "delete,,compact")
                == "Configuration 'cleanup.policy' values must not be empty.")
    }

    @Test func listsAreTrimmedAndRepetitionsDropped() throws {
        #expect(
            try parse("cleanup.policy", " compact ,delete, compact")
                == .list(["compact", "delete"]))
        #expect(try parse("cleanup.policy", "") == .list([]))
        #expect(try parse("log.dirs", "/a, /b").description == "/a,/b")
    }

    @Test func blanksAndSignsAreNoPartOfNumbers() throws {
        #expect(try parse("segment.bytes", " +1048576\n").description == "1048576")
        #expect(try parse("preallocate", " TRUE ").description == "true")
        #expect(try parse("min.cleanable.dirty.ratio", ".5d") == .real(0.5))
        for bad in ["nan", "inf", "NaN", "0x1", "1e", "", "0,5"] {
            #expect(message("min.cleanable.dirty.ratio", bad) != nil, "\(bad)")
        }
        for bad in ["", "1.0", "1_000_000", "0x100000", "١"] {
            #expect(message("segment.bytes", bad) != nil, "\(bad)")
        }
    }

    @Test func wordsInAnyCaseWhereKafkaTakesThem() throws {
        _ = try parse("group.consumer.migration.policy", "Bidirectional")
        #expect(
            message("group.consumer.migration.policy", "sideways")
                == "Invalid value sideways for configuration group.consumer.migration.policy: "
                + "String must be one of (case insensitive): BIDIRECTIONAL, UPGRADE, DOWNGRADE, "
                + "DISABLED")
        #expect(message("message.timestamp.type", "createtime") != nil)
    }

    @Test func namesThatMustNotBeEmpty() throws {
        _ = try parse("remote.log.storage.manager.impl.prefix", "x.")
        #expect(
            message("remote.log.storage.manager.impl.prefix", "")
                == "Invalid value  for configuration remote.log.storage.manager.impl.prefix: "
                + "String must be non-empty")
    }

    @Test func throttledReplicas() throws {
        for good in ["*", "", "0:1", "0:1, 2:3"] {
            _ = try parse("leader.replication.throttled.replicas", good)
        }
        for bad in ["*,0:1", "0", "0:1:2", "a:1", "0:"] {
            #expect(message("leader.replication.throttled.replicas", bad) != nil, "\(bad)")
        }
    }

    @Test func votersAndBootstrapServers() throws {
        let voters = try QuorumVoter.parse(["1@a:9093", "2@[::1]:9094"])
        #expect(
            voters.map(\.address) == [.init(host: "a", port: 9093), .init(host: "::1", port: 9094)])
        for bad in ["1@a", "a:1", "x@a:1", "-1@a:1", "1@a:65536", "1@:1", "1@a:1,1@b:1"] {
            #expect(message("controller.quorum.voters", bad) != nil, "\(bad)")
        }
        #expect(message("controller.quorum.bootstrap.servers", "a:9093,b") != nil)
    }

    @Test func shareOffsetResetByDuration() throws {
        for good in ["latest", "earliest", "by_duration:PT1H", "by_duration:P1DT2H3M4.5S"] {
            _ = try parse("share.auto.offset.reset", good)
        }
        for bad in [
            "none", "by_duration", "by_duration:", "by_duration:PT", "by_duration:1H",
            "by_duration:PT-1H", "by_duration:PT1M1H", "by_duration:PT1.5H", "by_duration:P1H",
        ] {
            #expect(message("share.auto.offset.reset", bad) != nil, "\(bad)")
        }
        #expect(isoDurationMilliseconds("P1DT2H3M4.5678S") == 93_784_567)
        #expect(isoDurationMilliseconds("P106751991167D") == 9_223_372_036_828_800_000)
        #expect(isoDurationMilliseconds("P106751991168D") == nil)
    }

    @Test func rangesInDocumentation() {
        #expect(TopicConfigs.definition("segment.ms")?.validValues.description == "[1,...]")
        #expect(
            TopicConfigs.definition("min.cleanable.dirty.ratio")?.validValues.description
                == "[0,...,1]")
        #expect(
            BrokerConfigs.definition("remote.log.manager.task.retry.jitter")?.validValues
                .description == "[0,...,0.5]")
        #expect(
            BrokerConfigs.definition("group.consumer.migration.policy")?.validValues.description
                == "(case insensitive) [BIDIRECTIONAL, UPGRADE, DOWNGRADE, DISABLED]")
        #expect(
            TopicConfigs.definition("compression.gzip.level")?.validValues.description
                == "[1,...,9] or -1")
    }
}

@Suite struct TopicValidationTests {
    private func failure(
        _ overrides: [String: String], defaults: [String: String] = [:], remote: Bool = true,
        existing: [String: String] = [:]
    ) -> String? {
        do {
            try TopicConfigs.validate(
                overrides, defaults: defaults, remoteStorageAvailable: remote, existing: existing)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func unknownKeysAreRefused() {
        #expect(failure(["retention": "1"]) == "Unknown topic config name: retention")
    }

    @Test func compactionLagsMustNotCross() {
        #expect(failure(["min.compaction.lag.ms": "5", "max.compaction.lag.ms": "5"]) == nil)
        #expect(
            failure(["min.compaction.lag.ms": "6", "max.compaction.lag.ms": "5"])
                == "conflict topic config setting min.compaction.lag.ms (6) > "
                + "max.compaction.lag.ms (5)")
        #expect(
            failure(["min.compaction.lag.ms": "6"], defaults: ["max.compaction.lag.ms": "5"]) != nil
        )
    }

    @Test func emptyCleanupPolicyIsAllowed() {
        #expect(failure(["cleanup.policy": ""]) == nil)
        #expect(failure(["cleanup.policy": "compact,delete"]) == nil)
    }

    @Test func localRetentionStaysWithinRetention() {
        let remote = ["remote.storage.enable": "true", "retention.ms": "10"]
        #expect(failure(remote) == nil)
        #expect(failure(remote, remote: false) != nil)
        #expect(failure(remote.merging(["local.retention.ms": "10"]) { $1 }) == nil)
        #expect(failure(remote.merging(["local.retention.ms": "11"]) { $1 }) != nil)
        #expect(failure(remote.merging(["local.retention.ms": "-1"]) { $1 }) != nil)
        #expect(failure(["retention.ms": "10", "local.retention.ms": "11"]) == nil)
        #expect(failure(remote.merging(["cleanup.policy": "compact"]) { $1 }) != nil)
        #expect(failure(remote.merging(["cleanup.policy": ""]) { $1 }) == nil)
        #expect(failure(remote.merging(["remote.copy.lag.ms": "10"]) { $1 }) == nil)
        #expect(failure(remote.merging(["remote.copy.lag.ms": "11"]) { $1 }) != nil)
        let noCopy = remote.merging(["remote.log.copy.disable": "true"]) { $1 }
        #expect(failure(noCopy.merging(["local.retention.ms": "9"]) { $1 }) != nil)
        #expect(failure(noCopy.merging(["local.retention.ms": "10"]) { $1 }) == nil)
    }

    @Test func remoteDataIsNotLeftBehind() {
        let existing = ["remote.storage.enable": "true"]
        #expect(failure(["remote.storage.enable": "false"], existing: existing) != nil)
        #expect(failure([:], existing: existing) != nil)
        #expect(failure(["remote.log.delete.on.disable": "true"], existing: existing) == nil)
    }
}
