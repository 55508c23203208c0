import AdminWire
import KafkaProtocol
import KafkaWire

/// `martlet broker-api-versions`, `kafka-broker-api-versions.sh`.
enum BrokerAPIVersionsTool: Tool {
    static let name = "broker-api-versions"
    static let kafkaNames = ["kafka-broker-api-versions"]
    static let summary = "Print the API versions that each broker serves."
    static let options = ClientOptions.specs

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let client = try ClientOptions.client(invocation.options, id: "admin-1")
        defer { client.close() }
        try APIVersionsReport.run(client, console)
        return 0
    }
}

/// The list of APIs and versions, broker by broker.
enum APIVersionsReport {
    /// Prints it for all brokers of the cluster, or for its controllers where those are asked.
    static func run(_ client: AdminClient, _ console: Console) throws {
        let brokers = try ClusterQueries.describe(client).brokers
        for broker in brokers.sorted(by: { $0.brokerID < $1.brokerID }) {
            let name =
                "\(broker.host):\(broker.port) (id: \(broker.brokerID) "
                + "rack: \(broker.rack ?? "null") isFenced: \(broker.isFenced))"
            do {
                let connection = try client.connection(to: BrokerID(broker.brokerID))
                console.print("\(name) -> \(text(connection.apiVersions))")
            } catch {
                console.print("\(name) -> ERROR: \(error)")
            }
        }
    }

    /// Kafka's layout: one API a line, in parentheses.
    static func text(_ versions: [Int16: ClosedRange<Int16>]) -> String {
        var lines: [Int16: String] = [:]
        for (key, range) in versions { lines[key] = line(key, range) }
        for key in APIKey.allCases where key.listeners.contains(.broker) {
            if lines[key.rawValue] == nil {
                lines[key.rawValue] = "\(key.name)(\(key.rawValue)): UNSUPPORTED"
            }
        }
        let sorted = lines.sorted { $0.key < $1.key }.map(\.value)
        return "(\n\t" + sorted.joined(separator: ",\n\t") + "\n)"
    }

    private static func line(_ key: Int16, _ range: ClosedRange<Int16>) -> String {
        let versions =
            range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
        guard let api = APIKey(rawValue: key) else { return "UNKNOWN(\(key)): \(versions)" }
        let ours = api.validVersions
        let usable =
            if ours.upperBound < range.lowerBound {
                "[unusable: node too new]"
            } else if range.upperBound < ours.lowerBound {
                "[unusable: node too old]"
            } else {
                "[usable: \(min(ours.upperBound, range.upperBound))]"
            }
        return "\(api.name)(\(key)): \(versions) \(usable)"
    }
}
