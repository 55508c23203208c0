#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The one binary: a server and all tools.
@main struct Martlet {
    static func main() {
        // A closed pipe ends a tool by its own check, not by a signal.
        signal(SIGPIPE, SIG_IGN)
        exit(run(CommandLine.arguments, Console()))
    }

    /// Runs the tool that the link's name or the first argument names; returns the exit code.
    static func run(_ commandLine: [String], _ console: Console) -> Int32 {
        defer { console.flush() }
        let program = commandLine.first.map { $0.split(separator: "/").last.map(String.init) ?? $0 }
        let arguments = Array(commandLine.dropFirst())
        if let program, program.hasPrefix("kafka-"), let tool = ToolList.named(program) {
            return tool.main(arguments, console)
        }
        guard let first = arguments.first, first != "help", first != "--help", first != "-h" else {
            console.write(overview)
            return 0
        }
        if first == "--version" || first == "version" {
            console.print(Version.text)
            return 0
        }
        if first == "tool-names" {
            for name in ToolList.linkNames { console.print(name) }
            return 0
        }
        guard let tool = ToolList.named(first) else {
            console.error("'\(first)' is not a command of martlet. Run 'martlet help' for a list.")
            return 1
        }
        return tool.main(Array(arguments.dropFirst()), console)
    }

    /// What `martlet help` prints.
    static var overview: String {
        var text = "Martlet: an event streaming platform that speaks Kafka's protocol.\n\n"
        text += "Usage: martlet <command> [options]\n\n"
        let width = ToolList.all.map { $0.name.count }.max() ?? 0
        for tool in ToolList.all {
            let padding = String(repeating: " ", count: width - tool.name.count + 2)
            text += "  \(tool.name)\(padding)\(tool.summary)\n"
        }
        return text + "\n'martlet <command> --help' lists a command's options.\n"
    }
}
