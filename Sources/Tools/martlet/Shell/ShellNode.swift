/// A node of the tree that `metadata-shell` shows; directories are made as they are looked at.
enum ShellNode {
    /// Its text, which may have several lines.
    case file(String)
    /// The names in it, in any order, and the node of a name.
    case directory(names: () -> [String], child: (String) -> ShellNode?)

    /// A directory of nodes that are all there.
    static func directory(_ children: [(name: String, node: () -> ShellNode)]) -> ShellNode {
        .directory(
            names: { children.map(\.name) },
            child: { name in children.first { $0.name == name }?.node() })
    }

    /// A directory of a dictionary's keys, with a file for each value.
    static func files<Value>(
        _ values: [String: Value], _ text: @escaping (Value) -> String
    ) -> ShellNode {
        .directory(
            names: { Array(values.keys) },
            child: { name in values[name].map { .file(text($0)) } })
    }

    var isDirectory: Bool {
        if case .directory = self { return true }
        return false
    }

    /// The names in a directory, sorted as Kafka sorts them; empty for a file.
    var names: [String] {
        guard case .directory(let names, _) = self else { return [] }
        return names().sorted { $0.utf16.lexicographicallyPrecedes($1.utf16) }
    }

    /// The node of a name in a directory.
    func child(_ name: String) -> ShellNode? {
        guard case .directory(_, let child) = self else { return nil }
        return child(name)
    }

    /// The text of a file, or all that is below a directory, each level two spaces further in.
    func text(indent: Int = 0) -> String {
        let margin = String(repeating: "  ", count: indent)
        switch self {
        case .file(let text): return margin + text + "\n"
        case .directory:
            return names.map { name in
                "\(margin)\(name):\n" + (child(name)?.text(indent: indent + 1) ?? "")
            }.joined()
        }
    }
}

/// Where a node is: the names from the root on.
struct ShellPath: Equatable, CustomStringConvertible {
    var names: [String] = []

    /// A path, from `directory` on unless it begins with a slash; `.` and `..` are resolved.
    init(_ text: String, in directory: ShellPath = ShellPath()) {
        var names = text.hasPrefix("/") ? [] : directory.names
        for name in text.split(separator: "/").map(String.init) where name != "." {
            if name == ".." { _ = names.popLast() } else { names.append(name) }
        }
        self.names = names
    }
    init() {}

    var description: String { "/" + names.joined(separator: "/") }
    /// The last name; `/` for the root.
    var last: String { names.last ?? "/" }
}

extension ShellNode {
    /// All nodes that a path with patterns leads to from this root, in order.
    func find(_ path: ShellPath) -> [(path: ShellPath, node: ShellNode)] {
        var found = [(path: ShellPath(), node: self)]
        for part in path.names {
            let glob = Glob(part)
            found = found.flatMap { place in
                let names =
                    glob.literal.map { [$0] } ?? place.node.names.filter { glob.matches($0) }
                return names.compactMap { name in
                    place.node.child(name).map { node in
                        var path = place.path
                        path.names.append(name)
                        return (path, node)
                    }
                }
            }
        }
        return found
    }
}
