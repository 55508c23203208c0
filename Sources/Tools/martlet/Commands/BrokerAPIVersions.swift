import KafkaProtocol
import MartletClient

/// `martlet broker-api-versions`, `kafka-broker-api-versions.sh`.
enum BrokerAPIVersionsTool: Tool {
    static let name = "broker-api-versions"
    static let kafkaNames = ["kafka-broker-api-versions"]
    static let summary = "Print the API versions that each broker serves."
    static let options = ClientOptions.specs

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let cluster = try AdminSession(invocation.options, id: "admin-1")
        defer { cluster.close() }
        try APIVersionsReport.run(cluster, console)
        return 0
    }
}

/// The list of APIs and versions, broker by broker.
enum APIVersionsReport {
    /// Prints it for all brokers of the cluster, or for its controllers where those are asked.
    static func run(_ cluster: AdminSession, _ console: Console) throws {
        for node in try cluster.ask({ try await $0.describeCluster() }).nodes {
            let name =
                "\(node.address) (id: \(node.id) rack: \(node.rack ?? "null") "
                + "isFenced: \(node.isFenced))"
            do {
                let versions = try cluster.ask { try await $0.apiVersions(of: node.id) }
                console.print("\(name) -> \(text(versions))")
            } catch {
                console.print("\(name) -> ERROR: \(error.cause)")
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
