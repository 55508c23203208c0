import BrokerCore
import NIOConcurrencyHelpers
import NIOCore

/// The connections of all listeners, and the listeners that wait for one to end.
final class OpenConnections: @unchecked Sendable {
    // Sendable: everything is reached only with `lock` held.
    private let lock = NIOLock()
    private var counts = ConnectionCounts()
    private var waiting: [@Sendable () -> Void] = []
    private var readLimits: @Sendable () -> ConnectionLimits = { ConnectionLimits() }

    /// Where the limits in force are read.
    func follow(_ limits: @escaping @Sendable () -> ConnectionLimits) {
        lock.withLock { readLimits = limits }
    }

    /// Counts a connection until it ends; whether its address may have it.
    func accepted(_ channel: any Channel) -> Bool {
        let address = channel.remoteAddress?.ipAddress ?? "unknown"
        let isAdmitted = lock.withLock { counts.accepted(from: address, readLimits()) }
        channel.closeFuture.whenComplete { [self] _ in
            let woken = lock.withLock {
                counts.ended(from: address)
                defer { waiting = [] }
                return waiting
            }
            for wake in woken { wake() }
        }
        return isAdmitted
    }

    /// Whether one more may be accepted; if not, `whenOneEnds` runs once that may have changed.
    func hasRoom(_ whenOneEnds: @escaping @Sendable () -> Void) -> Bool {
        lock.withLock {
            if counts.hasRoom(readLimits()) { return true }
            waiting.append(whenOneEnds)
            return false
        }
    }
}

/// On a listener's channel: accepts no more while there are `max.connections`, and closes at once
/// what is beyond the number of its address.
final class AcceptGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private let connections: OpenConnections
    private let log: ConnectionLog

    init(_ connections: OpenConnections, _ log: ConnectionLog) {
        self.connections = connections
        self.log = log
    }

    func read(context: ChannelHandlerContext) {
        let channel = context.channel
        if connections.hasRoom({ channel.eventLoop.execute { channel.read() } }) { context.read() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = unwrapInboundIn(data)
        guard connections.accepted(channel) else {
            log.connectionRefused(channel.remoteAddress?.ipAddress ?? "unknown")
            channel.close(promise: nil)
            return
        }
        context.fireChannelRead(data)
    }
}
