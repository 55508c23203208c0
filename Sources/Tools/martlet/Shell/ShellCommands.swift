/// The commands of `metadata-shell`, with the words of Kafka's.
struct ShellCommands {
    /// One command: its name, what may follow it, and what it does.
    private struct Command {
        var name: String
        var arguments: String
        var summary: String
        var least = 0
        var most = Int.max
        /// Makes sense only where there is a working directory.
        var isInteractive = false
    }

    private static let all: [Command] = [
        Command(
            name: "cat", arguments: "targets [targets ...]",
            summary: "Show the contents of metadata files.", least: 1),
        Command(
            name: "cd", arguments: "[target]", summary: "Set the current working directory.",
            most: 1, isInteractive: true),
        Command(
            name: "exit", arguments: "", summary: "Exit the metadata shell.", most: 0,
            isInteractive: true),
        Command(
            name: "find", arguments: "[paths [paths ...]]",
            summary: "Search for nodes in the directory hierarchy."),
        Command(
            name: "help", arguments: "", summary: "Display this help message.", most: 0,
            isInteractive: true),
        Command(
            name: "history", arguments: "[numEntriesToShow]", summary: "Print command history.",
            most: 1, isInteractive: true),
        Command(
            name: "ls", arguments: "[targets [targets ...]]", summary: "List metadata nodes."),
        Command(
            name: "man", arguments: "cmd", summary: "Show the help text for a specific command.",
            least: 1, most: 1, isInteractive: true),
        Command(
            name: "pwd", arguments: "", summary: "Print the current working directory.", most: 0,
            isInteractive: true),
        Command(
            name: "tree", arguments: "targets [targets ...]",
            summary: "Show the contents of metadata nodes in a tree structure.", least: 1),
    ]

    private let root: ShellNode
    private let console: Console
    private let isInteractive: Bool
    /// Columns of the screen; `nil`: one name a line.
    private let width: Int?
    private(set) var directory = ShellPath()
    private var history: [String] = []
    /// Whether `exit` was given.
    private(set) var isOver = false

    init(_ root: ShellNode, _ console: Console, isInteractive: Bool, width: Int? = nil) {
        self.root = root
        self.console = console
        self.isInteractive = isInteractive
        self.width = width
    }

    /// Runs a line that was typed; whether it could be done.
    mutating func run(line: String) -> Bool {
        let words = Self.words(line)
        guard !words.isEmpty else { return true }
        history.append(line)
        return run(words)
    }

    /// Runs a command that is taken apart already; whether it could be done.
    mutating func run(_ words: [String]) -> Bool {
        guard let name = words.first else { return true }
        let known = Self.all.filter { isInteractive || !$0.isInteractive }
        guard let command = known.first(where: { $0.name == name }) else {
            let names = known.map { "'\($0.name)'" }.joined(separator: ", ")
            return complain("invalid choice: '\(name)' (choose from \(names))")
        }
        let arguments = words.dropFirst().filter { !$0.isEmpty }
        guard arguments.count >= command.least else { return complain("too few arguments") }
        guard arguments.count <= command.most else {
            let rest = arguments.dropFirst(command.most).joined(separator: " ")
            return complain("unrecognized arguments: '\(rest)'")
        }
        return run(name, Array(arguments))
    }

    private mutating func run(_ name: String, _ arguments: [String]) -> Bool {
        switch name {
        case "cat": return each(arguments, name) { show($0, $1, $2) }
        case "tree": return each(arguments, name) { _, _, node in print(node.text()) }
        case "find": return each(arguments.isEmpty ? ["."] : arguments, name) { find($0, $2) }
        case "ls": return list(arguments.isEmpty ? ["."] : arguments)
        case "cd": return change(to: arguments.first ?? "/")
        case "pwd": console.print("\(directory)")
        case "help": help()
        case "man": return manual(arguments[0])
        case "history": return printHistory(arguments.first)
        default: isOver = true
        }
        return true
    }

    private func print(_ text: String) -> Bool {
        console.write(text)
        return true
    }

    private func complain(_ text: String) -> Bool {
        console.error(text)
        return false
    }

    /// Does something with every node that the targets lead to.
    private func each(
        _ targets: [String], _ command: String,
        _ body: (String, ShellPath, ShellNode) -> Bool
    ) -> Bool {
        var isGood = true
        for target in targets {
            let found = root.find(ShellPath(target, in: directory))
            if found.isEmpty {
                let what = command == "find" ? "no such" : "No such"
                isGood = complain("\(command): \(target): \(what) file or directory.")
            }
            for (path, node) in found { isGood = body(target, path, node) && isGood }
        }
        return isGood
    }

    private func show(_ target: String, _ path: ShellPath, _ node: ShellNode) -> Bool {
        node.isDirectory ? complain("cat: \(target): Is a directory") : print(node.text())
    }

    private func find(_ path: String, _ node: ShellNode) -> Bool {
        console.print(path)
        for name in node.names {
            guard let child = node.child(name) else { continue }
            _ = find(path == "/" ? path + name : "\(path)/\(name)", child)
        }
        return true
    }

    private mutating func change(to target: String) -> Bool {
        let found = root.find(ShellPath(target, in: directory))
        guard !found.isEmpty else { return complain("cd: \(target): no such directory.") }
        for (path, node) in found {
            guard node.isDirectory else { return complain("cd: \(target): not a directory.") }
            directory = path
        }
        return true
    }

    // MARK: ls

    private func list(_ targets: [String]) -> Bool {
        var isGood = true
        var files: [String] = []
        var directories: [(name: String, names: [String])] = []
        for target in targets {
            let found = root.find(ShellPath(target, in: directory))
            if found.isEmpty {
                isGood = complain("ls: \(target): no such file or directory.")
            }
            for (path, node) in found {
                if node.isDirectory {
                    directories.append((path.last, node.names))
                } else {
                    files.append(path.last)
                }
            }
        }
        show(files, under: nil)
        let hasTitles = !files.isEmpty || directories.count > 1
        for (index, one) in directories.enumerated() {
            let gap = files.isEmpty && index == 0 ? "" : "\n"
            show(one.names, under: hasTitles ? "\(gap)\(one.name):" : nil)
        }
        return isGood
    }

    private func show(_ names: [String], under title: String?) {
        guard !names.isEmpty else { return }
        if let title { console.print(title) }
        for row in Self.rows(names, width) { console.print(row) }
    }

    /// Names in as many columns as fit, read from the top down.
    static func rows(_ names: [String], _ width: Int?) -> [String] {
        guard let width else { return names }
        for columns in stride(from: max(1, min(width / 4, names.count)), through: 1, by: -1) {
            let height = (names.count + columns - 1) / columns
            let widths = (0..<columns).map { column in
                names.dropFirst(column * height).prefix(height).reduce(0) { max($0, $1.count + 2) }
            }
            guard columns == 1 || (widths.last != 0 && widths.reduce(0, +) <= width) else {
                continue
            }
            return (0..<height).map { row in
                var line = ""
                for column in 0..<columns where column * height + row < names.count {
                    let name = names[column * height + row]
                    line += column == columns - 1 ? name : TextColumns.pad(name, widths[column])
                }
                return line
            }
        }
        return names
    }

    // MARK: Help

    private func help() {
        console.print("Welcome to the Martlet metadata shell.\n")
        for command in Self.all {
            console.print(TextColumns.pad("  \(command.name)", 12) + command.summary)
        }
    }

    private func manual(_ name: String) -> Bool {
        guard let command = Self.all.first(where: { $0.name == name }) else {
            return complain("man: unknown command \(name). Type help to get a list of commands.")
        }
        console.print("\(name): \(command.summary)\n")
        console.print("usage: \(name) \(command.arguments)".trimmed)
        return true
    }

    private func printHistory(_ argument: String?) -> Bool {
        guard let argument else {
            for (index, line) in history.enumerated() { show(line, index) }
            return true
        }
        guard let count = Int(argument) else {
            return complain("argument numEntriesToShow: could not convert '\(argument)' to integer")
        }
        for (index, line) in history.enumerated().suffix(max(0, count)) { show(line, index) }
        return true
    }

    private func show(_ line: String, _ index: Int) {
        let number = "\(index)"
        console.print(
            String(repeating: " ", count: max(0, 5 - number.count)) + number + "  " + line)
    }

    // MARK: Words

    /// The words of a line; quotes hold words together, and a backslash before a blank or a quote
    /// makes that a sign like any other.
    static func words(_ line: String) -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Character?
        var rest = Array(line)[...]
        while let sign = rest.popFirst() {
            if sign == "\\", let next = rest.first, next.isWhitespace || "\"'".contains(next) {
                word = (word ?? "") + String(next)
                rest.removeFirst()
            } else if sign == quote {
                quote = nil
            } else if quote == nil, sign == "\"" || sign == "'" {
                quote = sign
                word = word ?? ""
            } else if quote == nil, sign.isWhitespace {
                if let done = word { words.append(done) }
                word = nil
            } else {
                word = (word ?? "") + String(sign)
            }
        }
        if let word { words.append(word) }
        return words
    }
}
