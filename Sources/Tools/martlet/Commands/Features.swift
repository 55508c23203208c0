import AdminWire
import ClusterController
import KafkaProtocol
import KafkaWire

/// `martlet features`, `kafka-features.sh`.
enum FeaturesTool: Tool {
    static let name = "features"
    static let kafkaNames = ["kafka-features"]
    static let summary = "Show and change the feature levels of a cluster."
    static let options: [OptionSpec] =
        ClientOptions.specs + [
            .bootstrapController
        ]
    private static let dryRun = OptionSpec.flag(
        "--dry-run", help: "Say what would happen, and change nothing.")
    private static let unsafe = OptionSpec.flag(
        "--unsafe", help: "Even if metadata may be lost for good.")
    private static let levels: [OptionSpec] = [
        .value(
            "--release-version", label: "version",
            help: "All features to the levels of this release."),
        .value(
            "--metadata", label: "version", help: "Old form of metadata.version.", isHidden: true),
        .value(
            "--feature", label: "feature=level", help: "A feature and its new level.",
            isRepeatable: true),
        dryRun,
    ]
    static let verbs = [
        Verb(
            name: "describe", summary: "Print the levels in force.",
            options: [
                .value("--node-id", label: "id", help: "The node to ask (default: any)."), .json,
            ]),
        Verb(name: "upgrade", summary: "Raise feature levels.", options: levels),
        Verb(name: "downgrade", summary: "Lower feature levels.", options: levels + [unsafe]),
        Verb(
            name: "disable", summary: "Set features to level 0.",
            options: [
                .value(
                    "--feature", label: "feature", help: "The feature.", isRepeatable: true),
                unsafe, dryRun,
            ]),
        FeatureLookup.mapping, FeatureLookup.dependencies,
    ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        switch invocation.verb {
        case "version-mapping": try FeatureLookup.printMapping(options, console)
        case "feature-dependencies": try FeatureLookup.printDependencies(options, console)
        case "describe": try describe(options, console)
        default:
            let updates = try updates(options, invocation.verb, console)
            let client = try ClientOptions.client(options, id: "features-tool")
            defer { client.close() }
            try update(updates, invocation.verb, options, client, console)
        }
        return 0
    }

    private static func describe(_ options: ParsedOptions, _ console: Console) throws {
        let client = try ClientOptions.client(options, id: "features-tool")
        defer { client.close() }
        let node: Int32? = try options.integer("--node-id", 0...Int32.max)
        let connection = try node.map { try client.connection(to: BrokerID($0)) }
        let answer = try (connection ?? client.anyConnection()).versionsResponse
        let epoch = answer.finalizedFeaturesEpoch
        var documents: [JSON] = []
        for range in answer.supportedFeatures.sorted(by: { $0.name < $1.name }) {
            let finalized =
                answer.finalizedFeatures.first { $0.name == range.name }?.maxVersionLevel ?? 0
            func column(_ value: Int16) -> String {
                TextColumns.pad(level(range.name, value), 15)
            }
            let line =
                "Feature: \(TextColumns.pad(range.name, 40))"
                + "  SupportedMinVersion: \(column(range.minVersion))"
                + "  SupportedMaxVersion: \(column(range.maxVersion))"
                + "  FinalizedVersionLevel: \(column(finalized))"
                + "  Epoch: \(epoch >= 0 ? "\(epoch)" : "-")"
            documents.append(
                .object([
                    ("feature", .string(range.name)),
                    ("supportedMinVersion", .integer(Int64(range.minVersion))),
                    ("supportedMaxVersion", .integer(Int64(range.maxVersion))),
                    ("finalizedVersionLevel", .integer(Int64(finalized))),
                    ("epoch", .integer(epoch)),
                ]))
            if !options.has("--json") { console.print(line) }
        }
        if options.has("--json") { console.print(JSON.array(documents).text) }
    }

    private static func level(_ feature: String, _ level: Int16) -> String {
        guard feature == MetadataVersion.featureName else { return "\(level)" }
        return MetadataVersion(rawValue: level)?.description ?? "UNKNOWN \(level)"
    }

    /// The levels that the options ask for, by feature.
    static func updates(
        _ options: ParsedOptions, _ verb: String, _ console: Console
    ) throws(Failure) -> [String: Int16] {
        var updates: [String: Int16] = [:]
        func add(_ name: String, _ level: Int16) throws(Failure) {
            guard updates.updateValue(level, forKey: name) == nil else {
                throw Failure("Feature \(name) was specified more than once.")
            }
        }
        if verb == "disable" {
            for name in options.values("--feature") { try add(name, 0) }
            return updates
        }
        if let release = options.value("--release-version") {
            guard !options.has("--metadata"), !options.has("--feature") else {
                throw Failure("Can not specify `release-version` with other feature flags.")
            }
            let version = try FeatureLookup.version(release, allowUnstable: true)
            try add(MetadataVersion.featureName, version.rawValue)
            for feature in Feature.allCases {
                let level = feature.defaultLevel(at: version)
                if level > 0 || verb != "upgrade" { try add(feature.rawValue, level) }
            }
        }
        if let name = options.value("--metadata") {
            console.print(" `metadata` flag is deprecated and may be removed in a future release.")
            let version = try FeatureLookup.version(name, allowUnstable: true)
            try add(MetadataVersion.featureName, version.rawValue)
        }
        for argument in options.values("--feature") {
            let (name, level) = try FeatureLookup.nameAndLevel(argument)
            try add(name, level)
        }
        return updates
    }

    private static func update(
        _ updates: [String: Int16], _ verb: String, _ options: ParsedOptions,
        _ client: AdminClient, _ console: Console
    ) throws {
        guard !updates.isEmpty else {
            throw Failure("You must specify at least one feature to \(verb)")
        }
        let isDryRun = options.has("--dry-run")
        let type: Int8 = verb == "upgrade" ? 1 : options.has("--unsafe") ? 3 : 2
        let names = updates.keys.sorted()
        let response = try client.callController(
            UpdateFeaturesRequest(
                timeoutMs: Int32(clamping: client.settings.requestMilliseconds),
                featureUpdates: names.map {
                    .init(feature: $0, maxVersionLevel: updates[$0] ?? 0, upgradeType: type)
                }, validateOnly: isDryRun))
        // Version 2 answers for the whole request only; before, each feature has its own result.
        let single = response.errorCode
        var failures = 0
        for name in names {
            let level = updates[name] ?? 0
            let result = response.results.first { $0.feature == name }
            let code = single != 0 ? single : result?.errorCode ?? 0
            let message = single != 0 ? response.errorMessage : result?.errorMessage
            do {
                try AdminError.check(code, message)
                let done = verb == "disable" ? "disabled." : "\(verb)d to \(level)."
                console.print("\(name)\(isDryRun ? " can be " : " was ")\(done)")
            } catch {
                failures += 1
                let what = verb == "disable" ? "disable \(name)" : "\(verb) \(name) to \(level)"
                console.print("\(isDryRun ? "Can not" : "Could not") \(what). \(error)")
            }
        }
        if failures > 0 {
            throw Failure("\(failures) out of \(updates.count) operation(s) failed.")
        }
    }
}
