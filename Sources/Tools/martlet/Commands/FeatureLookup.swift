import ClusterController

/// `version-mapping` and `feature-dependencies`, which `features` and `storage` share.
enum FeatureLookup {
    /// The options of `version-mapping`.
    static let mapping = Verb(
        name: "version-mapping", summary: "Print the feature levels of a release.",
        options: [
            .value(
                "--release-version", "-r", label: "version",
                help: "A release (4.3) or a level (4.3-IV0); the newest stable one if left out.")
        ])
    /// The options of `feature-dependencies`.
    static let dependencies = Verb(
        name: "feature-dependencies", summary: "Print what feature levels depend on.",
        options: [
            .value(
                "--feature", "-f", label: "feature=level", help: "The feature and its level.",
                isRepeatable: true)
        ])

    /// The level that a release or level name means.
    static func version(_ name: String, allowUnstable: Bool) throws(Failure) -> MetadataVersion {
        if let version = MetadataVersion(name: name, allowUnstable: allowUnstable) {
            return version
        }
        let known = MetadataVersion.all.filter { allowUnstable || $0.isProduction }
        throw Failure(
            "Unknown metadata.version '\(name)'. Supported metadata.version are: "
                + known.map(\.description).joined(separator: ", "))
    }

    /// Prints the levels of all features at a release.
    static func printMapping(_ options: ParsedOptions, _ console: Console) throws(Failure) {
        let name =
            options.value("--release-version") ?? MetadataVersion.latestProduction.description
        let version = try version(name, allowUnstable: true)
        console.print("\(MetadataVersion.featureName)=\(version.rawValue) (\(name))")
        for feature in Feature.allCases {
            console.print("\(feature.rawValue)=\(feature.defaultLevel(at: version))")
        }
    }

    /// Prints what each `--feature` depends on.
    static func printDependencies(_ options: ParsedOptions, _ console: Console) throws(Failure) {
        let arguments = options.values("--feature")
        guard !arguments.isEmpty else { throw .usage("Missing required argument \"--feature\".") }
        for argument in arguments {
            let (name, level) = try nameAndLevel(argument)
            if name == MetadataVersion.featureName {
                guard let version = MetadataVersion(rawValue: level) else {
                    throw Failure("Unknown metadata.version \(level)")
                }
                console.print("\(name)=\(level) (\(version)) has no dependencies.")
                continue
            }
            guard let feature = Feature(rawValue: name) else {
                throw Failure("Unknown feature: \(name)")
            }
            guard (0...feature.latest).contains(level) else {
                throw Failure("Feature level \(level) is not supported for feature \(name)")
            }
            // The only dependency that Kafka 4.4 has.
            let needed: Int16 = feature == .eligibleLeaderReplicas && level >= 1 ? 23 : 0
            guard let version = MetadataVersion(rawValue: needed) else {
                console.print("\(name)=\(level) has no dependencies.")
                continue
            }
            console.print("\(name)=\(level) requires:")
            console.print("    \(MetadataVersion.featureName)=\(needed) (\(version))")
        }
    }

    /// `feature=level` taken apart.
    static func nameAndLevel(_ text: String) throws(Failure) -> (name: String, level: Int16) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw Failure(
                "Can't parse feature=level string \(text): equals sign not found.",
                remedy: "Write it like group.version=1.")
        }
        guard let level = Int16(String(parts[1]).trimmed) else {
            throw Failure(
                "Can't parse feature=level string \(text): unable to parse \(parts[1]) as a short.")
        }
        return (String(parts[0]).trimmed, level)
    }
}
