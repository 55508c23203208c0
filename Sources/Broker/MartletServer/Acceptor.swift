import BrokerCore
import KafkaProtocol
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// Where a listener binds.
public struct Binding: Sendable, Equatable {
    /// The listener's name (`PLAINTEXT`).
    public var name: String
    /// The address to bind; empty for all.
    public var host: String
    /// The port; 0 for a free one.
    public var port: Int
    /// Which APIs it serves: those of brokers or those of controllers.
    public var serves: APIListeners
    public init(name: String, host: String, port: Int, serves: APIListeners = .broker) {
        self.serves = serves
        self.name = name
        self.host = host
        self.port = port
    }

    /// The address as the system takes it.
    var boundHost: String { host.isEmpty ? "0.0.0.0" : host }
}

/// Binds listeners and gives each connection to the shell of its event loop.
final class Acceptor: @unchecked Sendable {
    // Sendable: `loops` is set once, by `open`, before any channel accepts; `nextID` is guarded.
    private let group: MultiThreadedEventLoopGroup
    private let frameLimit: Int
    private let settings: ConnectionSettings
    private let log: ConnectionLog
    private let connections = OpenConnections()
    private let brokerListeners: [String]
    private var loops: [ObjectIdentifier: LoopShell] = [:]
    private let lock = NIOLock()
    private var nextID: UInt64 = 1

    /// Bytes taken from a socket in one wake: one fat producer must not cost the others their
    /// latency, and memory that has become short is noticed before more is taken.
    private static let readBytes = 131_072

    init(
        group: MultiThreadedEventLoopGroup, brokerListeners: [String], frameLimit: Int,
        settings: ConnectionSettings, log: ConnectionLog
    ) {
        self.brokerListeners = brokerListeners
        self.settings = settings
        self.log = log
        self.group = group
        self.frameLimit = frameLimit
    }

    /// Connections may come from now on.
    func open(_ node: NodeShell) {
        for loop in node.loops { loops[ObjectIdentifier(loop.eventLoop)] = loop }
        connections.follow { [unowned node, brokerListeners] name in
            ConnectionLimits(
                node.view.controller, listener: name, brokerListeners: brokerListeners)
        }
    }

    /// Binds a listener that does not accept yet.
    func bind(_ binding: Binding) throws -> any Channel {
        var bootstrap = ServerBootstrap(group: group)
            .serverChannelInitializer { [connections, log] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        AcceptGate(binding.name, connections, log))
                }
            }
            // So that `max.connections` is met to the one.
            .serverChannelOption(.maxMessagesPerRead, value: 1)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(
                .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.readBytes)
            )
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try adopt(channel, binding) }
            }
        if let bytes = settings.sendBufferBytes {
            bootstrap = bootstrap.childChannelOption(.socketOption(.so_sndbuf), value: .init(bytes))
        }
        if let bytes = settings.receiveBufferBytes {
            bootstrap = bootstrap.childChannelOption(.socketOption(.so_rcvbuf), value: .init(bytes))
        }
        do {
            return try bootstrap.bind(host: binding.boundHost, port: binding.port).wait()
        } catch {
            throw Self.refusal(of: binding, error)
        }
    }

    /// Why a listener could not be bound, and what to do.
    static func refusal(of binding: Binding, _ error: any Error) -> NodeError {
        NodeError(
            "cannot listen on \(binding.boundHost):\(binding.port) (listener \(binding.name)): "
                + "\(error); stop what uses the port or set another in listeners")
    }

    /// Lets connections in on a listener that is bound.
    func accept(on channel: any Channel) {
        channel.setOption(ChannelOptions.autoRead, value: true).cascade(to: nil)
    }

    private func adopt(_ channel: any Channel, _ binding: Binding) throws {
        guard let loop = loops[ObjectIdentifier(channel.eventLoop)] else {
            preconditionFailure("a connection was accepted before the node was ready")
        }
        let handler = ConnectionHandler(
            id: ConnectionID(takeID()), listener: binding.name, serves: binding.serves, loop: loop,
            frameLimit: frameLimit)
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    private func takeID() -> UInt64 {
        lock.withLock {
            defer { nextID += 1 }
            return nextID
        }
    }
}
