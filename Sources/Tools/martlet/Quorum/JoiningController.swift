import LogStorage
import MartletClient
import PosixFiles

/// A controller that shall become a voter, as its own machine knows it (KIP-853).
struct JoiningController {
    let nodeID: Int32
    /// The id of its metadata directory.
    let directoryID: KafkaUUID
    /// One for each of `controller.listener.names`.
    let endpoints: [VoterEndpoint]

    /// Reads the controller's properties, and its formatted directory; throws `Failure` naming
    /// what is missing.
    init(file: String) throws {
        let properties = try ClientOptions.properties(file)
        nodeID = try Self.nodeID(properties)
        endpoints = try Self.endpoints(properties)
        directoryID = try Self.directoryID(at: try Self.metadataDirectory(properties))
    }

    private static let question = "Is this a valid controller configuration file?"

    private static func nodeID(_ properties: [String: String]) throws(Failure) -> Int32 {
        guard let text = properties["node.id"] else {
            throw Failure("node.id not found in configuration file.", remedy: question)
        }
        guard let id = Int32(text.trimmed) else {
            throw Failure("node.id '\(text)' is no number.", remedy: question)
        }
        guard id >= 0 else {
            throw Failure("node.id was negative in configuration file.", remedy: question)
        }
        guard properties["process.roles"]?.contains("controller") == true else {
            throw Failure(
                "process.roles did not contain 'controller' in configuration file.",
                remedy: question)
        }
        return id
    }

    private static func list(_ text: String?) -> [String] {
        (text ?? "").split(separator: ",").map { String($0).trimmed }.filter { !$0.isEmpty }
    }

    private static func metadataDirectory(
        _ properties: [String: String]
    ) throws(Failure) -> String {
        if let directory = properties["metadata.log.dir"] { return directory.trimmed }
        guard let first = list(properties["log.dirs"] ?? properties["log.dir"]).first else {
            throw Failure("Neither metadata.log.dir nor log.dirs were found.", remedy: question)
        }
        return first
    }

    private static func directoryID(at path: String) throws -> KafkaUUID {
        guard let found = try MetaProperties.read(from: path, in: PosixFileSystem()) else {
            throw Failure(
                "Unable to read meta.properties from \(path)",
                remedy: "Format it first: martlet storage format --no-initial-controllers.")
        }
        guard let id = found.directoryID else { throw Failure("No directory id found in \(path)") }
        return id
    }

    private static func endpoints(
        _ properties: [String: String]
    ) throws(Failure) -> [VoterEndpoint] {
        var listeners: [String: VoterEndpoint] = [:]
        for key in ["listeners", "advertised.listeners"] {
            for text in list(properties[key]) {
                guard let endpoint = endpoint(text) else {
                    throw Failure(
                        "'\(text)' in \(key) is no listener.", remedy: "Write NAME://host:port.")
                }
                listeners[endpoint.listener] = endpoint
            }
        }
        guard let names = properties["controller.listener.names"] else {
            throw Failure("controller.listener.names was not found.", remedy: question)
        }
        var found: [VoterEndpoint] = []
        for name in list(names).map({ $0.uppercased() }) {
            guard let endpoint = listeners[name] else {
                throw Failure(
                    "Cannot find information about controller listener name: \(name)")
            }
            if !found.contains(endpoint) { found.append(endpoint) }
        }
        return found
    }

    /// `NAME://host:port`; without a host it is `localhost`.
    private static func endpoint(_ text: String) -> VoterEndpoint? {
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://"),
            let last = text.lastIndex(of: ":"), last > colon,
            let port = UInt16(text[text.index(after: last)...])
        else { return nil }
        var host = text[text.index(colon, offsetBy: 3)..<last]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        return VoterEndpoint(
            listener: text[..<colon].uppercased(),
            address: BrokerAddress(host: host.isEmpty ? "localhost" : String(host), port: port))
    }

    /// Makes it a voter; returns once that is committed.
    func join(_ cluster: AdminSession) throws {
        let (id, directory) = (BrokerID(nodeID), directoryID)
        let listeners = Dictionary(
            endpoints.map { ($0.listener, $0.address) }, uniquingKeysWith: { $1 })
        try cluster.ask {
            try await $0.addRaftVoter(id, directory: directory, endpoints: listeners)
        }
    }
}
