import MartletClient

/// `martlet cluster`, `kafka-cluster.sh`.
enum ClusterTool: Tool {
    static let name = "cluster"
    static let kafkaNames = ["kafka-cluster"]
    static let summary = "Ask for the cluster's id, endpoints and API versions; unregister nodes."
    static let options: [OptionSpec] = [
        .value(
            "--bootstrap-server", "-b", label: "host:port[,host:port]",
            help: "Servers to connect to."),
        .value(
            "--bootstrap-controller", "-C", label: "host:port[,host:port]",
            help: "Controllers to connect to in the place of brokers."),
        .value(
            "--command-config", "-c", "--config", label: "file",
            help: "Properties file with settings of the client."),
        .json,
    ]
    private static func id(_ help: String) -> OptionSpec {
        .value("--id", "-i", label: "id", help: help)
    }
    static let verbs = [
        Verb(name: "cluster-id", summary: "Print the cluster's id."),
        Verb(
            name: "unregister", summary: "Remove a stopped broker's registration.",
            options: [id("The broker.")]),
        Verb(
            name: "unregister-controller", summary: "Remove a stopped controller's registration.",
            options: [id("The controller.")]),
        Verb(
            name: "list-endpoints", summary: "Print the nodes and where they listen.",
            options: [
                .flag("--include-fenced-brokers", help: "Brokers that are not in service too.")
            ]),
        Verb(name: "api-versions", summary: "Print the API versions of each node."),
    ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        _ = try options.exactlyOne(
            of: ["--bootstrap-server", "--bootstrap-controller"], "The command")
        if invocation.arguments.contains(where: { $0 == "--config" || $0.hasPrefix("--config=") }) {
            console.error(
                "Option --config has been deprecated and will be removed in a future version. Use "
                    + "--command-config instead.")
        }
        let cluster = try AdminSession(options, id: "cluster-tool")
        defer { cluster.close() }
        switch invocation.verb {
        case "cluster-id":
            let id = try cluster.ask { try await $0.describeCluster().clusterID }
            console.print(
                options.has("--json")
                    ? JSON.object([("clusterId", .string(id))]).text : "Cluster ID: \(id)")
        case "unregister":
            let id = try requiredID(options)
            do { try cluster.ask { try await $0.unregisterBroker(id) } } catch {
                guard case .unsupportedRequest? = error as? ClientError else { throw error }
                throw Failure("The target cluster does not support the broker unregistration API.")
            }
            console.print("Broker \(id) is no longer registered.")
        case "unregister-controller":
            let id = try requiredID(options)
            try cluster.unregisterController(id)
            console.print("Controller \(id) is no longer registered.")
        case "list-endpoints": try listEndpoints(options, cluster, console)
        default: try APIVersionsReport.run(cluster, console)
        }
        return 0
    }

    private static func requiredID(_ options: ParsedOptions) throws(Failure) -> BrokerID {
        guard let id: Int32 = try options.integer("--id", 0...Int32.max) else {
            throw Failure.usage("Missing required argument \"--id\".")
        }
        return BrokerID(id)
    }

    private static func listEndpoints(
        _ options: ParsedOptions, _ cluster: AdminSession, _ console: Console
    ) throws {
        let fenced = options.has("--include-fenced-brokers")
        let areControllers = cluster.asksControllers
        guard !(fenced && areControllers) else {
            throw Failure(
                "The option --include-fenced-brokers is only supported with --bootstrap-server "
                    + "option")
        }
        let nodes = try cluster.ask {
            try await $0.describeCluster(includingFenced: fenced).nodes
        }
        if options.has("--json") {
            return console.print(JSON.array(nodes.map { json($0, areControllers) }).text)
        }
        let hostWidth = nodes.map(\.address.host.count).max() ?? 100
        let rackWidth = nodes.compactMap(\.rack?.count).max() ?? 10
        func row(_ cells: [String], _ state: String, _ type: String) {
            let states = areControllers ? [] : [(state, 10)]
            let all = zip(cells, [10, hostWidth, 10, rackWidth]) + states + [(type, 15)]
            console.print(TextColumns.row(all.map(\.0), all.map(\.1)))
        }
        row(["ID", "HOST", "PORT", "RACK"], "STATE", "ENDPOINT_TYPE")
        for node in nodes {
            row(
                ["\(node.id)", node.address.host, "\(node.address.port)", node.rack ?? "null"],
                node.isFenced ? "fenced" : "unfenced", areControllers ? "controller" : "broker")
        }
    }

    private static func json(_ node: ClusterDescription.Node, _ isController: Bool) -> JSON {
        let state = isController ? [] : [("fenced", JSON.bool(node.isFenced))]
        return .object(
            [
                ("id", .integer(Int64(node.id.rawValue))), ("host", .string(node.address.host)),
                ("port", .integer(Int64(node.address.port))),
                ("rack", node.rack.map(JSON.string) ?? .null),
            ] + state)
    }
}

extension AdminSession {
    /// Removes a controller's registration (KIP-1312).
    func unregisterController(_ id: BrokerID) throws {
        do { try ask { try await $0.unregisterController(id) } } catch let error as ClientError {
            switch error {
            // Nodes may know of it while the cluster's metadata.version does not.
            case .unsupportedRequest, .broker(.unsupportedVersion, _):
                throw Failure(
                    "The target cluster does not support the controller unregistration API.")
            default: throw error
            }
        }
    }
}
