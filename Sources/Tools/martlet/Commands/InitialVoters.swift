import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage

/// The voters of a quorum that is being formatted (KIP-853).
struct InitialVoters {
    /// One controller: `id@host:port:directoryId`.
    struct Voter: Equatable {
        var nodeID: Int32
        var host: String
        var port: UInt16
        var directoryID: KafkaUUID
    }

    /// Empty for a static quorum and for a node that joins one.
    private(set) var voters: [Voter] = []
    /// Whether `controller.quorum.voters` names the voters instead.
    let isStatic: Bool
    private let nodeID: Int32

    /// Takes `--standalone`, `--initial-controllers` and `--no-initial-controllers`.
    init(_ options: ParsedOptions, _ node: NodeProperties) throws(Failure) {
        let choices = ["--standalone", "--initial-controllers", "--no-initial-controllers"]
        for choice in choices {
            try options.forbid(choice, with: choices.filter { $0 != choice })
        }
        nodeID = node.nodeID
        isStatic = !node.staticVoters.isEmpty
        if isStatic, options.has("--standalone") || options.has("--initial-controllers") {
            throw Failure(
                "You cannot specify controller.quorum.voters and format the node with "
                    + "--initial-controllers or --standalone.",
                remedy: "For a dynamic quorum, remove controller.quorum.voters and set "
                    + "controller.quorum.bootstrap.servers instead.")
        }
        if options.has("--standalone") {
            voters = [try Self.standalone(node)]
        } else if let text = options.value("--initial-controllers") {
            for part in text.split(separator: ",") { voters.append(try Self.voter(String(part))) }
        }
        if !options.has("--no-initial-controllers"), node.isController, !isStatic, voters.isEmpty {
            throw Failure(
                "Because controller.quorum.voters is not set on this controller, you must specify "
                    + "one of the following: --standalone, --initial-controllers, or "
                    + "--no-initial-controllers.")
        }
    }

    private static func standalone(_ node: NodeProperties) throws(Failure) -> Voter {
        guard node.isController else {
            throw Failure("You can only use --standalone on a controller.")
        }
        guard let address = node.controllerAddress else {
            throw Failure(
                "No controller listeners found.",
                remedy: "Set controller.listener.names and a listener of that name in listeners.")
        }
        var generator = SystemRandomNumberGenerator()
        return Voter(
            nodeID: node.nodeID, host: address.host, port: address.port,
            directoryID: .random(using: &generator))
    }

    /// Reads `id@host:port:directoryId`; the host may be an IPv6 address in brackets.
    static func voter(_ text: String) throws(Failure) -> Voter {
        let wrong = Failure(
            "'\(text)' is no controller.", remedy: "Write id@host:port:directoryId.")
        guard let at = text.firstIndex(of: "@"), let id = Int32(text[..<at]), id >= 0 else {
            throw wrong
        }
        let parts = text[text.index(after: at)...].split(
            separator: ":", omittingEmptySubsequences: false)
        guard parts.count >= 3, let port = UInt16(parts[parts.count - 2]),
            let directory = KafkaUUID(String(parts[parts.count - 1]))
        else { throw wrong }
        var host = parts.dropLast(2).joined(separator: ":")
        if host.first == "[", host.last == "]" { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty else { throw wrong }
        return Voter(nodeID: id, host: host, port: port, directoryID: directory)
    }

    /// The id that this node's metadata directory must have, when it is a voter.
    var ownDirectoryID: KafkaUUID? { voters.first { $0.nodeID == nodeID }?.directoryID }

    /// What Kafka calls the metadata directory.
    var directoryKind: String {
        if voters.isEmpty { return "metadata directory" }
        return ownDirectoryID == nil
            ? "dynamic metadata directory" : "dynamic metadata voter directory"
    }

    /// Sets `kraft.version` as the quorum is dynamic or static; throws when `--feature` says
    /// something else.
    func setKRaftVersion(in features: inout [String: Int16]) throws(Failure) {
        let name = Feature.kraft.rawValue
        let wanted: Int16 = isStatic ? 0 : 1
        guard let given = features[name], given != wanted else {
            features[name] = wanted
            return
        }
        throw Failure(
            "Cannot set kraft.version to \(given) for a \(isStatic ? "static" : "dynamic") quorum.",
            remedy: "Leave --feature kraft.version out.")
    }
}
