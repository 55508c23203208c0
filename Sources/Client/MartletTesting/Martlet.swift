import BrokerCore
import Foundation
import KafkaWire
import Logging
import MartletServer
import Synchronization

/// A broker in the test's own process, on a free port, over a directory of its own: a whole node,
/// with its log on disk, that clients of any kind reach at `bootstrap`.
///
///     let martlet = try await Martlet.run()
///     let producer = try Producer(bootstrap: martlet.bootstrap)
///
/// `stop` ends it and takes the directory away; so does the end of the last reference, on whatever
/// thread that is.
public final class Martlet: Sendable {
    /// What can be other than by default.
    public struct Options: Sendable {
        /// `num.partitions`: of topics that are made by their first use.
        public var defaultPartitions: Int32 = 1
        /// `broker.id`
        public var nodeID: Int32 = 1
        /// Where the data goes; a temporary directory without. One that is given stays.
        public var directory: String?

        public init() {}
    }

    /// The broker of the test that runs now, for tests with the trait `.martlet`.
    @TaskLocal public static var current: Martlet?

    private let server: Server
    private let directory: String
    private let isTemporary: Bool
    private let isStopped = Atomic(false)

    /// Starts a broker; it serves when this returns.
    ///
    /// - Throws: what keeps a node from starting, such as a directory that cannot be written.
    public static func run(
        _ configure: (inout Options) -> Void = { _ in }
    ) async throws -> Martlet {
        var options = Options()
        configure(&options)
        let chosen = options
        return try await onThread { try Martlet(chosen) }
    }

    private init(_ options: Options) throws {
        isTemporary = options.directory == nil
        directory =
            options.directory
            ?? FileManager.default.temporaryDirectory
            .appendingPathComponent("martlet-\(UUID().uuidString)").path
        let listener = NodeOptions.Listener(name: "PLAINTEXT", host: "127.0.0.1", port: 0)
        var node = NodeOptions(
            nodeID: BrokerID(options.nodeID), logDirectories: [directory], listeners: [listener],
            controllerListener: .init(name: "CONTROLLER", host: "127.0.0.1", port: 9093))
        node.defaultPartitions = options.defaultPartitions
        server = try Server.start(
            ServerConfiguration(
                node: node, bindings: [Binding(name: "PLAINTEXT", host: "127.0.0.1", port: 0)],
                networkThreads: 1, ioThreads: 1),
            logger: Logger(label: "martlet") { _ in SwiftLogNoOpLogHandler() })
    }

    /// `host:port`, for `bootstrap.servers`.
    public var bootstrap: String { "127.0.0.1:\(server.listeners[0].port)" }

    /// Stops it in good order and deletes a temporary directory. Does nothing the second time.
    public func stop() async throws { try await Self.onThread { try self.stopNow() } }

    private func stopNow() throws {
        guard !isStopped.exchange(true, ordering: .relaxed) else { return }
        defer { if isTemporary { try? FileManager.default.removeItem(atPath: directory) } }
        try server.stop()
    }

    deinit { try? stopNow() }

    /// Starting and stopping block. The threads of tasks and of Dispatch, of which there are few,
    /// must not: what is waited for may need one of them.
    private static func onThread<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
        }
    }
}
