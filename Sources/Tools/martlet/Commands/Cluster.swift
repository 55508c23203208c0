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
            "--bootstrap-controller", "-C", label: "host:port", help: "Not supported yet.",
            isHidden: true),
        .value(
            "--command-config", "-c", label: "file",
            help: "Properties file with settings of the client."),
        .value("--config", label: "file", help: "Old name of --command-config.", isHidden: true),
        .json,
    ]
    static let verbs = [
        Verb(name: "cluster-id", summary: "Print the cluster's id."),
        Verb(
            name: "unregister", summary: "Remove a stopped broker's registration.",
            options: [.value("--id", "-i", label: "id", help: "The broker.")]),
        Verb(
            name: "unregister-controller", summary: "Remove a stopped controller's registration.",
            options: [.value("--id", "-i", label: "id", help: "The controller.")]),
        Verb(
            name: "list-endpoints", summary: "Print the brokers and where they listen.",
            options: [
                .flag("--include-fenced-brokers", help: "Brokers that are not in service too.")
            ]),
        Verb(name: "api-versions", summary: "Print the API versions of each broker."),
    ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        let client = try ClientOptions.client(options, id: "cluster-tool")
        defer { client.close() }
        switch invocation.verb {
        case "cluster-id":
            let id = try describe(client).clusterID
            console.print(
                options.has("--json")
                    ? JSON.object([("clusterId", .string(id))]).text : "Cluster ID: \(id)")
        case "unregister": try unregister(options, client, console)
        case "unregister-controller":
            throw Failure(
                "The target cluster does not support the controller unregistration API.")
        case "list-endpoints": try listEndpoints(options, client, console)
        default: try APIVersionsReport.run(client, console)
        }
        return 0
    }

    private static func describe(
        _ client: AdminClient, fenced: Bool = false
    ) throws -> DescribeClusterResponse {
        let response = try client.call(DescribeClusterRequest(includeFencedBrokers: fenced))
        try AdminError.check(response.errorCode, response.errorMessage)
        return response
    }

    private static func unregister(
        _ options: ParsedOptions, _ client: AdminClient, _ console: Console
    ) throws {
        guard let id: Int32 = try options.integer("--id", 0...Int32.max) else {
            throw Failure.usage("Missing required argument \"--id\".")
        }
        guard try client.anyConnection().serves(.unregisterBroker) else {
            throw Failure("The target cluster does not support the broker unregistration API.")
        }
        let response = try client.callController(UnregisterBrokerRequest(brokerID: id))
        try AdminError.check(response.errorCode, response.errorMessage)
        console.print("Broker \(id) is no longer registered.")
    }

    private static func listEndpoints(
        _ options: ParsedOptions, _ client: AdminClient, _ console: Console
    ) throws {
        let fenced = options.has("--include-fenced-brokers")
        let brokers = try describe(client, fenced: fenced).brokers.sorted {
            $0.brokerID < $1.brokerID
        }
        if options.has("--json") {
            let documents = brokers.map { broker in
                JSON.object([
                    ("id", .integer(Int64(broker.brokerID))), ("host", .string(broker.host)),
                    ("port", .integer(Int64(broker.port))),
                    ("rack", broker.rack.map(JSON.string) ?? .null),
                    ("fenced", .bool(broker.isFenced)),
                ])
            }
            return console.print(JSON.array(documents).text)
        }
        let hostWidth = brokers.map(\.host.count).max() ?? 100
        let rackWidth = brokers.compactMap(\.rack?.count).max() ?? 10
        let widths = [10, hostWidth, 10, rackWidth, 10, 15]
        console.print(
            TextColumns.row(["ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE"], widths))
        for broker in brokers {
            let state = broker.isFenced ? "fenced" : "unfenced"
            let cells = [
                "\(broker.brokerID)", broker.host, "\(broker.port)", broker.rack ?? "null", state,
                "broker",
            ]
            console.print(TextColumns.row(cells, widths))
        }
    }
}
