import Foundation
import KafkaConfig
import Logging
import MartletServer

/// Where the command line hands over to the server.
enum ServerLauncher {
    /// Starts a node and returns when it has stopped; the exit code of the process.
    ///
    /// SIGTERM and SIGINT stop the node in order; a second one ends the process at once.
    static func run(
        config: String?, overrides: [(key: String, value: String)], _ console: Console
    ) throws -> Int32 {
        let file = try config.map { try PropertiesFile.parse(try TextFile.read($0)) }
        let settings = try BrokerConfig(
            file: file, environment: ProcessInfo.processInfo.environment,
            overrides: overrides.map { .init(key: $0.key, value: $0.value) },
            implemented: ImplementedKeys.all)
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        let logger = Logger(label: "martlet")
        for warning in settings.warnings { logger.warning("\(warning)") }
        let signals = StopSignals()
        let server: Server
        do {
            server = try Server.start(
                ServerConfiguration(
                    settings, workingDirectory: FileManager.default.currentDirectoryPath),
                logger: logger)
        } catch {
            throw Failure("The node did not start: \(error)")
        }
        let addresses = server.listeners.map { "\($0.host):\($0.port)" }.joined(separator: ", ")
        console.print("Martlet is ready: connect clients to \(addresses)")
        console.flush()
        signals.wait()
        try server.stop()
        return 0
    }
}

/// Waits for a signal that asks the process to stop.
private final class StopSignals {
    private let received = DispatchSemaphore(value: 0)
    private let sources: [any DispatchSourceSignal]

    init() {
        sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: .global())
        }
        for source in sources {
            source.setEventHandler { [received] in received.signal() }
            source.resume()
        }
    }

    /// Returns at the first signal; the next one takes its usual effect.
    func wait() {
        received.wait()
        for source in sources { source.cancel() }
        signal(SIGTERM, SIG_DFL)
        signal(SIGINT, SIG_DFL)
    }
}
