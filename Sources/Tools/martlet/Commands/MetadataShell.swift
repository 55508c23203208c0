/// `martlet metadata-shell`, `kafka-metadata-shell.sh`.
enum MetadataShellTool: Tool {
    static let name = "metadata-shell"
    static let kafkaNames = ["kafka-metadata-shell"]
    static let summary = "Look at the metadata in a node's snapshots and log, as in a file system."
    static let allowsOperands = true
    static let options: [OptionSpec] = [
        .value(
            "--snapshot", "-s", label: "file",
            help: "A snapshot (….checkpoint) or a segment (….log) of the metadata log."),
        .value(
            "--directory", "-d", label: "directory",
            help:
                "The directory of a node's metadata log: its newest snapshot and what comes after "
                + "(Martlet only)."),
    ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        let choice = try options.exactlyOne(of: ["--snapshot", "--directory"], "The command")
        let path = try options.required(choice)
        let isInteractive = options.operands.isEmpty
        if isInteractive, console.promptsForInput { console.print("Loading...") }
        let files =
            choice == "--snapshot"
            ? try MetadataFiles(file: path) : try MetadataFiles(directory: path)
        let root = ImageTree.root(files.image, files.provenance)
        guard isInteractive else {
            var commands = ShellCommands(root, console, isInteractive: false)
            return commands.run(options.operands) ? 0 : 1
        }
        try converse(root, console)
        return 0
    }

    /// Takes commands from standard input until it ends or `exit` comes.
    private static func converse(_ root: ShellNode, _ console: Console) throws {
        let prompts = console.promptsForInput
        var commands = ShellCommands(
            root, console, isInteractive: true, width: prompts ? console.width : nil)
        if prompts { console.print("Starting...\n[ Martlet Metadata Shell ]") }
        var lines = InputLines(descriptor: console.input)
        while !commands.isOver, console.isOpen {
            if prompts { console.write(">> ") }
            console.flush()
            switch try lines.next(milliseconds: -1) {
            case .line(let bytes): _ = commands.run(line: String(decoding: bytes, as: UTF8.self))
            case .idle: break
            case .end: return
            }
        }
    }
}
