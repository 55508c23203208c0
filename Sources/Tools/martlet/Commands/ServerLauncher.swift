import Foundation
import KafkaConfig
import Logging
import MartletServer
import Synchronization

/// Where the command line hands over to the server.
enum ServerLauncher {
    /// Starts a node and returns when it has stopped; the exit code of the process.
    ///
    /// SIGTERM and SIGINT stop the node in order; a second one ends the process at once. A node
    /// that cannot go on stops by itself, with exit code 1.
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
                logger: logger, failed: { signals.nodeFailed($0) })
        } catch {
            throw Failure("The node did not start: \(error)")
        }
        server.whenServing { signals.nodeServes() }
        let failure = signals.wait {
            console.print("Martlet is ready: \(invitation(to: server))")
            console.flush()
        }
        if let failure { logger.critical("the node stops: \(failure)") }
        try server.stop()
        return failure == nil ? 0 : 1
    }
}

extension ServerLauncher {
    private static func invitation(to server: Server) -> String {
        let addresses = server.listeners.map { "\($0.host):\($0.port)" }
        return addresses.isEmpty
            ? "a controller of the metadata quorum"
            : "connect clients to \(addresses.joined(separator: ", "))"
    }
}

/// Waits for a signal that asks the process to stop, or for the node's own end.
private final class StopSignals: @unchecked Sendable {
    // Sendable: `sources` is set once and used by the thread that waits.
    private let received = DispatchSemaphore(value: 0)
    private let failure = Mutex<String?>(nil)
    private let serves = Mutex(false)
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

    /// The node cannot go on.
    func nodeFailed(_ reason: String) {
        failure.withLock { $0 = reason }
        received.signal()
    }

    /// Clients can connect.
    func nodeServes() {
        serves.withLock { $0 = true }
        received.signal()
    }

    /// Returns at the first signal, or with the reason why the node cannot go on; the next signal
    /// takes its usual effect. Calls `ready` once clients can connect.
    func wait(_ ready: () -> Void) -> String? {
        received.wait()
        let begins = serves.withLock { value in
            defer { value = false }
            return value
        }
        if begins {
            ready()
            received.wait()
        }
        for source in sources { source.cancel() }
        signal(SIGTERM, SIG_DFL)
        signal(SIGINT, SIG_DFL)
        return failure.withLock { $0 }
    }
}
