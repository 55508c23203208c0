import ClusterController
import KafkaWire

/// `martlet storage`, `kafka-storage.sh`.
enum StorageTool: Tool {
    static let name = "storage"
    static let kafkaNames = ["kafka-storage"]
    static let summary = "Format log directories and look at them."
    static let options: [OptionSpec] = []
    static let readsArgumentFiles = true
    private static let config = OptionSpec.value(
        "--config", "-c", label: "file", help: "The node's server.properties.")
    static let verbs = [
        Verb(
            name: "info", summary: "Print what the log directories hold.", options: [config]),
        Verb(
            name: "format", summary: "Format the log directories.",
            options: [
                config,
                .value("--cluster-id", "-t", label: "id", help: "The cluster's id (random-uuid)."),
                .flag("--standalone", "-s", help: "This controller alone is the quorum."),
                .value(
                    "--initial-controllers", "-I", label: "id@host:port:directory,...",
                    help: "The quorum's first controllers; the same on all nodes."),
                .flag(
                    "--no-initial-controllers", "-N",
                    help: "The quorum is there already, or is formatted elsewhere."),
                .flag(
                    "--ignore-formatted", "-g", help: "Leave formatted directories as they are."),
                .value(
                    "--release-version", "-r", label: "version",
                    help: "The release whose features the cluster begins with."),
                .value(
                    "--feature", "-f", label: "feature=level", help: "The level of one feature.",
                    isRepeatable: true),
                .value(
                    "--add-scram", "-S", label: "credential",
                    help: "A user that the cluster begins with: "
                        + "SCRAM-SHA-256=[name=alice,password=secret] or SCRAM-SHA-512=[name=alice,"
                        + "iterations=8192,salt=\"N3E=\",saltedpassword=\"YCE=\"].",
                    isRepeatable: true),
            ]),
        Verb(name: "random-uuid", summary: "Print a new id."), FeatureLookup.mapping,
        FeatureLookup.dependencies,
    ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        switch invocation.verb {
        case "random-uuid":
            var generator = SystemRandomNumberGenerator()
            console.print(KafkaUUID.random(using: &generator).description)
        case "version-mapping": try FeatureLookup.printMapping(options, console)
        case "feature-dependencies": try FeatureLookup.printDependencies(options, console)
        case "info":
            return try StorageInfo.run(
                try NodeProperties(file: try options.required("--config")), console)
        default: try StorageFormat.run(options, console)
        }
        return 0
    }
}
