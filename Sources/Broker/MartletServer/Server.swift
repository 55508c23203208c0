import BrokerCore
import ClusterController
import KafkaWire
import Logging
import LogStorage
import NIOCore
import NIOPosix
import PosixFiles
import Replication

/// A running node: a combined controller and broker in this process.
///
/// `start` returns once a node that is alone lets clients in; a node of a cluster does so once it
/// has found the others and caught up with their metadata (`whenServing`). `stop` returns once all
/// is on disk and the directories are free.
public final class Server: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let pool: NIOThreadPool
    private let shell: NodeShell
    /// Those of other controllers.
    private let channels: [any Channel]
    private let clients: ClientListeners
    private let maintenance: Maintenance
    private let logger: Logger

    /// Where clients connect: the advertised listeners with the ports that were bound.
    public let listeners: [NodeOptions.Listener]
    /// The cluster's id.
    public let clusterID: String

    private init(
        group: MultiThreadedEventLoopGroup, pool: NIOThreadPool, shell: NodeShell,
        channels: [any Channel], clients: ClientListeners, maintenance: Maintenance,
        logger: Logger, listeners: [NodeOptions.Listener], clusterID: String
    ) {
        self.group = group
        self.pool = pool
        self.shell = shell
        self.channels = channels
        self.clients = clients
        self.maintenance = maintenance
        self.logger = logger
        self.listeners = listeners
        self.clusterID = clusterID
    }

    // MARK: Start

    /// Starts a node.
    ///
    /// The ports are taken first, so that one in use is told before any data is touched. Other
    /// controllers are answered at once, clients once the node serves.
    ///
    /// - Parameter failed: called at most once, on some thread, when the node cannot go on (its
    ///   metadata log or all of its directories failed); whoever started it stops it then.
    /// - Throws: `NodeError` with cause and remedy.
    public static func start(
        _ configuration: ServerConfiguration, logger: Logger,
        failed: @escaping @Sendable (String) -> Void = { _ in }
    ) throws -> Server {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.networkThreads)
        let pool = NIOThreadPool(numberOfThreads: configuration.ioThreads)
        pool.start()
        do {
            return try start(configuration, logger, group, pool, failed)
        } catch {
            try? group.syncShutdownGracefully()
            try? pool.syncShutdownGracefully()
            throw error
        }
    }

    private static func start(
        _ configuration: ServerConfiguration, _ logger: Logger,
        _ group: MultiThreadedEventLoopGroup, _ pool: NIOThreadPool,
        _ failed: @escaping @Sendable (String) -> Void
    ) throws -> Server {
        let acceptor = Acceptor(
            group: group, brokerListeners: configuration.bindings.map(\.name),
            frameLimit: configuration.limits.frameBytes,
            settings: configuration.connections, log: ConnectionLog(logger: logger))
        var options = configuration.node
        let clients = try ClientListeners(configuration.bindings, acceptor)
        for (index, port) in clients.ports.enumerated() where options.listeners[index].port == 0 {
            options.listeners[index].port = UInt16(port)
        }
        var channels: [any Channel] = []
        for binding in configuration.controllerBindings {
            let channel = try acceptor.bind(binding)
            channels.append(channel)
            options.setControllerPort(Self.port(of: channel), of: binding.name)
        }
        let surroundings = makeSurroundings(pool, logger)
        let clock = Clock()
        var seeds = SystemRandomNumberGenerator()
        let controller = try NodeStart.start(
            options, settings: configuration.controllerSettings, surroundings: surroundings,
            seed: seeds.next(), clock: { clock.now })
        let view = controller.currentView
        let shell = NodeShell(
            view: view, surroundings: surroundings, pool: pool, logger: logger,
            memoryMax: configuration.connections.memoryMax,
            nodeServes: { try clients.open() },
            nodeFailed: {
                clients.nodeFailed($0)
                failed($0)
            })
        shell.prepare(Array(group.makeIterator()), configuration.limits)
        acceptor.open(shell)
        shell.start(controller: controller, directories: options.logDirectories)
        for channel in channels { acceptor.accept(on: channel) }
        if !options.isBroker { try clients.open() }
        let maintenance = Maintenance(
            shell: shell, surroundings: surroundings, pool: pool, eventLoop: group.next(),
            intervals: configuration.intervals)
        let server = Server(
            group: group, pool: pool, shell: shell, channels: channels, clients: clients,
            maintenance: maintenance, logger: logger, listeners: options.listeners,
            clusterID: view.settings.clusterID)
        if options.isAlone { try server.awaitService() }
        return server
    }

    private func awaitService() throws {
        do throws(NodeError) {
            try clients.waitUntilOpen()
        } catch {
            try stop()
            throw error
        }
    }

    /// Runs `action` once clients can connect, at once where they can; not at all on a node that
    /// stops before.
    public func whenServing(_ action: @escaping @Sendable () -> Void) { clients.whenOpen(action) }

    private static func port(of channel: any Channel) -> UInt16 {
        UInt16(channel.localAddress?.port ?? 0)
    }

    private static func makeSurroundings(
        _ pool: NIOThreadPool, _ logger: Logger
    ) -> NodeSurroundings {
        NodeSurroundings(
            fileSystem: PosixFileSystem(), makeLock: { PartitionMutex() },
            report: { logger.warning("\($0)") }, note: { logger.info("\($0)") })
    }

    // MARK: Stop

    /// Stops in order: others take over what this node leads, connections end, the event loops
    /// with them, then all is synced and closed.
    public func stop() throws {
        shell.leave()
        maintenance.stop()
        try clients.close()
        for channel in channels { try channel.close().wait() }
        shell.detachLoops()
        try group.syncShutdownGracefully()
        // What I/O threads have in hand comes back before the controller ends.
        try pool.syncShutdownGracefully()
        shell.stop { $0.stop() }
    }
}

extension NodeOptions {
    /// The port that a controller's listener has got, where none was named.
    fileprivate mutating func setControllerPort(_ port: UInt16, of listener: String) {
        if controllerListener.name == listener, controllerListener.port == 0 {
            controllerListener.port = port
        }
        guard let own = quorum?.listeners else { return }
        for index in own.indices where own[index].name == listener && own[index].endpoint.port == 0
        {
            quorum?.listeners[index].endpoint.port = port
        }
    }
}
