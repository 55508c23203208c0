import MartletClient

/// `martlet metadata-quorum`, `kafka-metadata-quorum.sh`.
enum MetadataQuorumTool: Tool {
    static let name = "metadata-quorum"
    static let kafkaNames = ["kafka-metadata-quorum"]
    static let summary = "Describe the quorum of controllers; add controllers to it, remove them."
    static let options: [OptionSpec] = [
        .bootstrapServer, .bootstrapController,
        .value(
            "--command-config", label: "file",
            help: "Properties file with settings of the client; for add-controller the "
                + "server.properties of the new controller."),
    ]
    private static let dryRun = OptionSpec.flag(
        "--dry-run", help: "Say what would be done, and change nothing.")
    static let verbs = [
        Verb(
            name: "describe", summary: "Print the state of the metadata quorum.",
            options: [
                .flag("--status", help: "Leader, high watermark, greatest lag, members."),
                .flag("--replication", help: "How far each member has the metadata log."),
                .flag(
                    "--human-readable", help: "Times as milliseconds ago (with --replication)."),
                .json,
            ]),
        Verb(
            name: "add-controller",
            summary: "Make the controller of --command-config a voter; run on its machine.",
            options: [dryRun]),
        Verb(
            name: "remove-controller", summary: "Take a controller out of the voters.",
            options: [
                .value("--controller-id", "-i", label: "id", help: "The controller's node id."),
                .value(
                    "--controller-directory-id", "-d", label: "id",
                    help: "The id of its metadata directory."),
                .flag(
                    "--unregister",
                    help: "Forget the controller's registration too, once it is no voter."),
                dryRun,
            ]),
    ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        _ = try options.exactlyOne(
            of: ["--bootstrap-server", "--bootstrap-controller"], "The command")
        switch invocation.verb {
        case "describe": try describe(options, console)
        case "add-controller": try add(options, console)
        default: try remove(options, console)
        }
        return 0
    }

    private static func describe(_ options: ParsedOptions, _ console: Console) throws {
        let status = options.has("--status")
        let replication = options.has("--replication")
        guard status || replication else {
            throw Failure(
                "One of --status or --replication must be specified with describe sub-command")
        }
        guard !(status && replication) else {
            throw Failure(
                "Only one of --status or --replication should be specified with describe "
                    + "sub-command")
        }
        guard replication || !options.has("--human-readable") else {
            throw Failure("The option --human-readable is only supported along with --replication")
        }
        let cluster = try AdminSession(options, id: "metadata-quorum-tool")
        defer { cluster.close() }
        let quorum = QuorumReport(try cluster.ask { try await $0.describeQuorum() })
        func clusterID() throws -> String {
            try cluster.ask { try await $0.describeCluster().clusterID }
        }
        if options.has("--json") {
            return console.print(try quorum.json(clusterID: try clusterID()).text)
        }
        if status {
            console.print(try quorum.status(clusterID: try clusterID()))
        } else {
            let now = options.has("--human-readable") ? Clocks.wall : nil
            console.write(try quorum.replication(now: now))
        }
    }

    private static func add(_ options: ParsedOptions, _ console: Console) throws {
        guard let file = options.value("--command-config") else {
            throw Failure(
                "You must supply the configuration file of the controller you are adding when "
                    + "using add-controller.")
        }
        let controller = try JoiningController(file: file)
        let isDryRun = options.has("--dry-run")
        if !isDryRun {
            let cluster = try AdminSession(options, id: "metadata-quorum-tool")
            defer { cluster.close() }
            try controller.join(cluster)
        }
        let endpoints = controller.endpoints.map(\.description).joined(separator: ", ")
        console.print(
            "\(isDryRun ? "DRY RUN of adding" : "Added") controller \(controller.nodeID) with "
                + "directory id \(controller.directoryID) and endpoints: \(endpoints)")
    }

    private static func remove(_ options: ParsedOptions, _ console: Console) throws {
        _ = try options.required("--controller-id")
        guard let id: Int32 = try options.integer("--controller-id") else { return }
        guard id >= 0 else { throw Failure("Invalid negative --controller-id: \(id)") }
        let text = try options.required("--controller-directory-id")
        guard let directory = KafkaUUID(text) else {
            throw Failure(
                "Failed to parse --controller-directory-id: '\(text)' is no id.",
                remedy: "`describe --status` prints the directory ids of all voters.")
        }
        let isDryRun = options.has("--dry-run")
        let unregisters = options.has("--unregister")
        if !isDryRun {
            let cluster = try AdminSession(options, id: "metadata-quorum-tool")
            defer { cluster.close() }
            try QuorumRemoval(
                nodeID: BrokerID(id), directoryID: directory, unregisters: unregisters
            ).run(cluster)
        }
        console.print(
            "\(isDryRun ? "DRY RUN of removing" : "Removed") KRaft controller \(id) with "
                + "directory id \(directory)")
        if unregisters {
            console.print(
                "\(isDryRun ? "DRY RUN of unregistering" : "Unregistered") KRaft controller \(id)")
        }
    }
}
