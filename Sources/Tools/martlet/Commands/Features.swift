import ClusterController
import MartletClient

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
            let cluster = try AdminSession(options, id: "features-tool")
            defer { cluster.close() }
            try update(updates, invocation.verb, options, cluster, console)
        }
        return 0
    }

    private static func describe(_ options: ParsedOptions, _ console: Console) throws {
        let cluster = try AdminSession(options, id: "features-tool")
        defer { cluster.close() }
        let id: Int32? = try options.integer("--node-id", 0...Int32.max)
        let node = id.map { BrokerID($0) }
        let features = try cluster.ask { try await $0.describeFeatures(at: node) }
        var documents: [JSON] = []
        for (name, range) in features.supported.sorted(by: { $0.key < $1.key }) {
            let finalized = features.finalized[name] ?? 0
            func column(_ value: Int16) -> String { TextColumns.pad(level(name, value), 15) }
            let line =
                "Feature: \(TextColumns.pad(name, 40))"
                + "  SupportedMinVersion: \(column(range.lowerBound))"
                + "  SupportedMaxVersion: \(column(range.upperBound))"
                + "  FinalizedVersionLevel: \(column(finalized))"
                + "  Epoch: \(features.epoch >= 0 ? "\(features.epoch)" : "-")"
            documents.append(
                .object([
                    ("feature", .string(name)),
                    ("supportedMinVersion", .integer(Int64(range.lowerBound))),
                    ("supportedMaxVersion", .integer(Int64(range.upperBound))),
                    ("finalizedVersionLevel", .integer(Int64(finalized))),
                    ("epoch", .integer(features.epoch)),
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
        _ cluster: AdminSession, _ console: Console
    ) throws {
        guard !updates.isEmpty else {
            throw Failure("You must specify at least one feature to \(verb)")
        }
        let isDryRun = options.has("--dry-run")
        let kind: FeatureUpdate.Kind =
            verb == "upgrade"
            ? .upgrade : options.has("--unsafe") ? .unsafeDowngrade : .safeDowngrade
        let wanted = updates.mapValues { FeatureUpdate(level: $0, kind: kind) }
        var refusal: ClientError?
        do {
            try cluster.ask { try await $0.updateFeatures(wanted, validateOnly: isDryRun) }
        } catch let error as ClientError where error.kafkaError != nil {
            refusal = error
        }
        // They change together or not at all.
        for (name, level) in updates.sorted(by: { $0.key < $1.key }) {
            if let refusal {
                let what = verb == "disable" ? "disable \(name)" : "\(verb) \(name) to \(level)"
                console.print("\(isDryRun ? "Can not" : "Could not") \(what). \(refusal.cause)")
            } else {
                let done = verb == "disable" ? "disabled." : "\(verb)d to \(level)."
                console.print("\(name)\(isDryRun ? " can be " : " was ")\(done)")
            }
        }
        if refusal != nil {
            throw Failure("\(updates.count) out of \(updates.count) operation(s) failed.")
        }
    }
}
