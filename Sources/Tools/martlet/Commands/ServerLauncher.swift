/// Where the command line hands over to the server.
enum ServerLauncher {
    /// Starts a node and returns when it has stopped; the exit code of the process.
    static func run(
        config: String?, overrides: [(key: String, value: String)], _ console: Console
    ) throws -> Int32 {
        throw Failure("This build has no server yet.")
    }
}
