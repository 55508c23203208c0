import MartletClient
import MartletTesting
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// What a `SecureListener` asks of clients, and what it has seen; may change at any time.
struct ListenerPolicy {
    /// SASL, unless there are none.
    var mechanisms: [String] = []
    /// Passwords by name.
    var users: [String: String] = [:]
    var tokens: Set<String> = []
    /// What clients are told: after it a connection must have been authenticated again.
    var lifetime: Duration?
    /// So much later the connection ends, if it was not.
    var grace = Duration.zero
    var iterations = 4096
    /// Whether it does not know the passwords, and poses as if.
    var isImpostor = false

    var connections = 0
    var authentications = 0
    var refusals = 0
    /// Connections that went on when their session was over.
    var expired = 0
}

/// A listener that speaks TLS and SASL as Kafka's brokers do, in front of a node of this process,
/// which does not; all else is the node's own traffic.
final class SecureListener: Sendable {
    private let state: Mutex<ListenerPolicy>
    private let node: Martlet
    private let channels = Mutex<(listener: (any Channel)?, clients: [any Channel])>((nil, []))
    /// `localhost` and the listener's port.
    var bootstrap: String { "localhost:\(port)" }
    /// The node's own, without TLS and SASL.
    var plainBootstrap: String { node.bootstrap }

    private init(_ policy: ListenerPolicy, _ node: Martlet) {
        state = Mutex(policy)
        self.node = node
    }

    /// Gives `body` a listener, and ends it.
    static func with(
        tls: NIOSSLContext? = nil, _ policy: ListenerPolicy = ListenerPolicy(),
        _ body: (SecureListener) async throws -> Void
    ) async throws {
        let node = try await Martlet.run { $0.defaultPartitions = 1 }
        let listener = SecureListener(policy, node)
        let channel = try await listener.bind(tls)
        listener.channels.withLock { $0.listener = channel }
        do { try await body(listener) } catch {
            try await listener.stop()
            throw error
        }
        try await listener.stop()
    }

    private func bind(_ tls: NIOSSLContext?) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                self.channels.withLock { $0.clients.append(channel) }
                return channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLServerHandler(context: tls))
                    }
                    try channel.pipeline.syncOperations.addHandler(SecureConnection(self))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    private func stop() async throws {
        let (listener, clients) = channels.withLock { $0 }
        try? await listener?.close()
        for client in clients { try? await client.close() }
        try await node.stop()
    }

    /// Ends all connections of clients.
    func dropAll() {
        for client in channels.withLock({ $0.clients }) { client.close(promise: nil) }
    }

    var port: Int { channels.withLock { $0.listener?.localAddress?.port } ?? 0 }
    var nodePort: Int { node.bootstrap.split(separator: ":").last.flatMap { Int($0) } ?? 0 }

    var policy: ListenerPolicy { state.withLock { $0 } }
    @discardableResult
    func change<Value: Sendable>(_ body: (inout sending ListenerPolicy) -> Value) -> Value {
        state.withLock { body(&$0) }
    }
}

extension SecureListener {
    /// A client of this listener, with network settings as `configure` makes them.
    func admin(_ configure: (inout NetworkSettings) throws -> Void) throws -> Admin {
        var settings = AdminSettings(
            network: .init(bootstrap: try BrokerAddress.list(bootstrap)))
        try configure(&settings.network)
        return try Admin(settings)
    }
}
