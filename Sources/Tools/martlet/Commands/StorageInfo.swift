import KafkaWire
import LogStorage
import PosixFiles

/// `martlet storage info`.
enum StorageInfo {
    /// Prints what the directories hold; 1 when something is wrong with them.
    static func run(_ node: NodeProperties, _ console: Console) throws -> Int32 {
        let fileSystem = PosixFileSystem()
        var problems: [String] = []
        var found: [String] = []
        var first: MetaProperties?
        for directory in node.directories {
            guard let status = try fileSystem.status(directory) else {
                problems.append("\(directory) does not exist")
                continue
            }
            guard status.isDirectory else {
                problems.append("\(directory) is not a directory")
                continue
            }
            found.append(directory)
            do {
                guard let properties = try MetaProperties.read(from: directory, in: fileSystem)
                else {
                    problems.append("\(directory) is not formatted.")
                    continue
                }
                if let first {
                    problems += mismatches(first, properties)
                } else {
                    first = properties
                }
            } catch {
                problems.append("Error loading \(directory)/\(MetaProperties.fileName): \(error)")
            }
        }
        if let first, first.version == .v0, !node.roles.isEmpty {
            problems.append(
                "The kafka configuration file appears to be for a cluster in KRaft mode, but the "
                    + "directories are formatted for legacy mode.")
        }
        show(found, first, problems, console)
        return problems.isEmpty ? 0 : 1
    }

    private static func mismatches(_ first: MetaProperties, _ next: MetaProperties) -> [String] {
        if first.clusterID != next.clusterID {
            return ["Mismatched cluster IDs between storage directories."]
        }
        if first.nodeID != next.nodeID {
            return ["Mismatched node IDs between storage directories."]
        }
        return []
    }

    private static func show(
        _ found: [String], _ first: MetaProperties?, _ problems: [String], _ console: Console
    ) {
        func list(_ title: String, _ lines: [String]) {
            guard !lines.isEmpty else { return }
            console.print(title)
            for line in lines { console.print("  \(line)") }
            console.print("")
        }
        list(found.count == 1 ? "Found log directory:" : "Found log directories:", found)
        if let first {
            var pairs: [(String, String)] = [("version", "\(first.version.rawValue)")]
            if let id = first.clusterID { pairs.append(("cluster.id", id)) }
            if let id = first.nodeID {
                pairs.append((first.version == .v0 ? "broker.id" : "node.id", "\(id)"))
            }
            if let id = first.directoryID { pairs.append(("directory.id", "\(id)")) }
            let text = pairs.sorted { $0.0 < $1.0 }.map { "\($0.0)=\($0.1)" }
            console.print("Found metadata: {\(text.joined(separator: ", "))}")
            console.print("")
        }
        list(problems.count == 1 ? "Found problem:" : "Found problems:", problems)
    }
}
