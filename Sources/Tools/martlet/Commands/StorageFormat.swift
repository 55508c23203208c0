import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage
import PosixFiles

/// `martlet storage format`.
enum StorageFormat {
    static func run(_ options: ParsedOptions, _ console: Console) throws {
        let node = try NodeProperties(file: try options.required("--config"))
        let clusterID = try options.required("--cluster-id")
        guard !node.roles.isEmpty else {
            throw Failure(
                "The kafka configuration file appears to be for a legacy cluster. Formatting is "
                    + "only supported for clusters in KRaft mode.", remedy: "Set process.roles.")
        }
        let voters = try InitialVoters(options, node)
        let version = try options.value("--release-version").map { name throws(Failure) in
            try FeatureLookup.version(name, allowUnstable: node.allowsUnstable)
        }
        var features: [String: Int16] = [:]
        for argument in options.values("--feature") {
            let (name, level) = try FeatureLookup.nameAndLevel(argument)
            features[name] = level
        }
        var credentials: [MetadataRecord] = []
        for argument in options.values("--add-scram") {
            credentials.append(.userScramCredentialRecord(try ScramArgument(argument).record))
        }
        try format(
            node, clusterID, voters, version, features, credentials,
            ignoresFormatted: options.has("--ignore-formatted"), console)
    }

    private static func format(
        _ node: NodeProperties, _ clusterID: String, _ voters: InitialVoters,
        _ given: MetadataVersion?, _ features: [String: Int16], _ credentials: [MetadataRecord],
        ignoresFormatted: Bool, _ console: Console
    ) throws {
        var features = features
        if given != nil, features[MetadataVersion.featureName] != nil {
            throw Failure("Use --release-version instead of --feature metadata.version=X.")
        }
        let level = features.removeValue(forKey: MetadataVersion.featureName)
        guard let version = given ?? level.map(MetadataVersion.init(rawValue:)) ?? .latestProduction
        else { throw Failure("No metadata.version with feature level \(level ?? 0).") }
        guard version.isProduction || node.allowsUnstable else {
            throw Failure("metadata.version \(version) is not yet stable.")
        }
        guard credentials.isEmpty || version.supportsScram else {
            throw Failure("metadata.version \(version) does not have SCRAM yet, 3.5-IV2 does.")
        }
        try voters.setKRaftVersion(in: &features)
        let records = try BootstrapRecords.records(
            at: version, features: features, additional: credentials)
        let fileSystem = PosixFileSystem()
        let ensemble = MetaPropertiesEnsemble.load(
            directories: node.directories, metadataDirectory: node.metadataDirectory,
            from: fileSystem)
        try ensemble.verify(clusterID: clusterID, nodeID: BrokerID(node.nodeID))
        if !ignoresFormatted, let first = ensemble.valid.first {
            throw Failure(
                "Log directory \(first.directory) is already formatted.",
                remedy: "Use --ignore-formatted to ignore this directory and format the others.")
        }
        for (directory, error) in ensemble.failedDirectories {
            console.print(
                "I/O error trying to read log directory \(directory): \(error). Ignoring...")
        }
        guard !ensemble.emptyDirectories.isEmpty else {
            guard !ensemble.valid.isEmpty else {
                throw Failure("No available log directories to format.")
            }
            return console.print("All of the log directories are already formatted.")
        }
        console.print("Bootstrap metadata: \(text(records, version))")
        for directory in ensemble.emptyDirectories {
            let isMetadata = directory == node.metadataDirectory
            let what = isMetadata ? voters.directoryKind : "data directory"
            console.print("Formatting \(what) \(directory) with metadata.version \(version).")
            try fileSystem.createDirectory(directory)
            var generator = SystemRandomNumberGenerator()
            let id =
                isMetadata
                ? voters.ownDirectoryID ?? .random(using: &generator) : .random(using: &generator)
            if isMetadata, node.isController {
                try voters.write(
                    bootstrap: records, at: version, in: directory, node, fileSystem)
            }
            // Last, so that a directory is formatted only once all else is there.
            try MetaProperties(
                clusterID: clusterID, nodeID: BrokerID(node.nodeID), directoryID: id
            ).write(to: directory, in: fileSystem)
        }
    }

    /// The records as Kafka prints its own objects.
    private static func text(_ records: [MetadataRecord], _ version: MetadataVersion) -> String {
        let texts = records.map { record in
            var text = "\(record)"
            if case .featureLevelRecord(let feature) = record {
                text =
                    "FeatureLevelRecord(name='\(feature.name)', "
                    + "featureLevel=\(feature.featureLevel))"
            }
            // Its keys are nobody's business.
            if case .userScramCredentialRecord(let user) = record {
                text =
                    "UserScramCredentialRecord(name='\(user.name)', mechanism=\(user.mechanism), "
                    + "iterations=\(user.iterations))"
            }
            return "ApiMessageAndVersion(\(text) at version \(version.version(of: record)))"
        }
        return "BootstrapMetadata(records=[\(texts.joined(separator: ", "))], "
            + "metadataVersionLevel=\(version.rawValue), source=format command)"
    }
}
