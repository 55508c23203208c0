import AdminWire
import KafkaProtocol
import KafkaWire

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
        let client = try ClientOptions.client(options, id: "cluster-tool")
        defer { client.close() }
        switch invocation.verb {
        case "cluster-id":
            let id = try ClusterQueries.describe(client).clusterID
            console.print(
                options.has("--json")
                    ? JSON.object([("clusterId", .string(id))]).text : "Cluster ID: \(id)")
        case "unregister":
            let id = try requiredID(options)
            try ClusterQueries.unregisterBroker(id, client)
            console.print("Broker \(id) is no longer registered.")
        case "unregister-controller":
            let id = try requiredID(options)
            try ClusterQueries.unregisterController(id, client)
            console.print("Controller \(id) is no longer registered.")
        case "list-endpoints": try listEndpoints(options, client, console)
        default: try APIVersionsReport.run(client, console)
        }
        return 0
    }

    private static func requiredID(_ options: ParsedOptions) throws(Failure) -> Int32 {
        guard let id: Int32 = try options.integer("--id", 0...Int32.max) else {
            throw Failure.usage("Missing required argument \"--id\".")
        }
        return id
    }

    private static func listEndpoints(
        _ options: ParsedOptions, _ client: AdminClient, _ console: Console
    ) throws {
        let fenced = options.has("--include-fenced-brokers")
        let areControllers = client.settings.asksControllers
        guard !(fenced && areControllers) else {
            throw Failure(
                "The option --include-fenced-brokers is only supported with --bootstrap-server "
                    + "option")
        }
        let nodes = try ClusterQueries.describe(client, fenced: fenced).brokers.sorted {
            $0.brokerID < $1.brokerID
        }
        if options.has("--json") {
            return console.print(JSON.array(nodes.map { json($0, areControllers) }).text)
        }
        let hostWidth = nodes.map(\.host.count).max() ?? 100
        let rackWidth = nodes.compactMap(\.rack?.count).max() ?? 10
        func row(_ cells: [String], _ state: String, _ type: String) {
            let states = areControllers ? [] : [(state, 10)]
            let all = zip(cells, [10, hostWidth, 10, rackWidth]) + states + [(type, 15)]
            console.print(TextColumns.row(all.map(\.0), all.map(\.1)))
        }
        row(["ID", "HOST", "PORT", "RACK"], "STATE", "ENDPOINT_TYPE")
        for node in nodes {
            row(
                ["\(node.brokerID)", node.host, "\(node.port)", node.rack ?? "null"],
                node.isFenced ? "fenced" : "unfenced", areControllers ? "controller" : "broker")
        }
    }

    private static func json(
        _ node: DescribeClusterResponse.DescribeClusterBroker, _ isController: Bool
    ) -> JSON {
        let state = isController ? [] : [("fenced", JSON.bool(node.isFenced))]
        return .object(
            [
                ("id", .integer(Int64(node.brokerID))), ("host", .string(node.host)),
                ("port", .integer(Int64(node.port))),
                ("rack", node.rack.map(JSON.string) ?? .null),
            ] + state)
    }
}
