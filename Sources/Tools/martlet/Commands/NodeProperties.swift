/// What `storage` needs of a node's `server.properties`.
struct NodeProperties: Equatable {
    var nodeID: Int32
    /// `broker`, `controller` or both.
    var roles: [String]
    /// All log directories, the metadata log's among them, sorted.
    var directories: [String]
    /// Where the metadata log is.
    var metadataDirectory: String
    /// `controller.quorum.voters`: a static quorum.
    var staticVoters: String
    /// The first of `controller.listener.names`.
    var controllerListener: String
    /// Where this controller is reached; `nil` when the file does not say.
    var controllerAddress: (host: String, port: UInt16)?
    /// `unstable.feature.versions.enable`
    var allowsUnstable: Bool

    var isController: Bool { roles.contains("controller") }

    static func == (a: NodeProperties, b: NodeProperties) -> Bool {
        a.nodeID == b.nodeID && a.roles == b.roles && a.directories == b.directories
            && a.metadataDirectory == b.metadataDirectory
    }

    /// Reads the file; throws `Failure` naming the key that is missing or makes no sense.
    init(file: String) throws {
        try self.init(try ClientOptions.properties(file), file)
    }

    /// Takes the keys of the file `name`.
    init(_ properties: [String: String], _ name: String) throws(Failure) {
        func list(_ key: String) -> [String] {
            (properties[key] ?? "").split(separator: ",").map { String($0).trimmed }
                .filter { !$0.isEmpty }
        }
        let idText = properties["node.id"] ?? properties["broker.id"]
        guard let nodeID = idText.flatMap({ Int32($0.trimmed) }), nodeID >= 0 else {
            throw Failure(
                "\(name) has no usable node.id.", remedy: "Set node.id to a number of 0 or more.")
        }
        self.nodeID = nodeID
        roles = list("process.roles")
        var found = list("log.dirs")
        if found.isEmpty { found = list("log.dir") }
        if found.isEmpty { found = ["/tmp/kafka-logs"] }
        metadataDirectory = properties["metadata.log.dir"]?.trimmed ?? found[0]
        directories = Set(found + [metadataDirectory]).sorted()
        staticVoters = properties["controller.quorum.voters"]?.trimmed ?? ""
        controllerListener = list("controller.listener.names").first ?? ""
        allowsUnstable = properties["unstable.feature.versions.enable"]?.trimmed == "true"
        let prefix = controllerListener.uppercased() + "://"
        let listeners = list("advertised.listeners") + list("listeners")
        controllerAddress =
            listeners.lazy.filter { $0.uppercased().hasPrefix(prefix) }
            .compactMap { Self.address($0.dropFirst(prefix.count)) }.first
    }

    private static func address(_ text: Substring) -> (host: String, port: UInt16)? {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        return (host.isEmpty ? "localhost" : String(host), port)
    }
}
