import BrokerCore
import NIOConcurrencyHelpers
import NIOCore

/// The connections of all listeners, and the listeners that wait for one to end.
final class OpenConnections: @unchecked Sendable {
    // Sendable: everything is reached only with `lock` held.
    private let lock = NIOLock()
    private var counts = ConnectionCounts()
    private var waiting: [@Sendable () -> Void] = []
    private var readLimits: @Sendable (String) -> ConnectionLimits = { _ in ConnectionLimits() }
    private let clock = Clock()

    /// Where the limits in force for a listener are read.
    func follow(_ limits: @escaping @Sendable (String) -> ConnectionLimits) {
        lock.withLock { readLimits = limits }
    }

    /// Counts a connection until it ends; what is to become of it.
    func accepted(_ channel: any Channel, on listener: String) -> ConnectionCounts.Admission {
        let address = channel.remoteAddress?.ipAddress ?? "unknown"
        let admission = lock.withLock {
            counts.accepted(
                from: address, on: listener, readLimits(listener), nowNs: clock.now.monotonicNs)
        }
        channel.closeFuture.whenComplete { [self] _ in
            let woken = lock.withLock {
                counts.ended(from: address, on: listener)
                defer { waiting = [] }
                return waiting
            }
            for wake in woken { wake() }
        }
        return admission
    }

    /// Whether a listener may accept one more; if another has to end first, `again` runs once that
    /// may have happened.
    func room(
        on listener: String, _ again: @escaping @Sendable () -> Void
    ) -> ConnectionCounts.Room {
        lock.withLock {
            let room = counts.room(
                on: listener, readLimits(listener), nowNs: clock.now.monotonicNs)
            if room == .whenOneEnds { waiting.append(again) }
            return room
        }
    }
}

/// On a listener's channel: accepts no more while there are `max.connections`, no faster than
/// `max.connection.creation.rate`, and closes what is beyond the number or the rate of its address.
final class AcceptGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private let listener: String
    private let connections: OpenConnections
    private let log: ConnectionLog

    init(_ listener: String, _ connections: OpenConnections, _ log: ConnectionLog) {
        self.listener = listener
        self.connections = connections
        self.log = log
    }

    func read(context: ChannelHandlerContext) {
        let channel = context.channel
        // A listener that is closed has no event loop to count on.
        let again: @Sendable () -> Void = {
            if channel.isActive { channel.eventLoop.execute { channel.read() } }
        }
        switch connections.room(on: listener, again) {
        case .now: context.read()
        case .whenOneEnds: break
        case .after(let pause):
            channel.eventLoop.scheduleTask(in: .nanoseconds(pause)) { channel.read() }
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = unwrapInboundIn(data)
        switch connections.accepted(channel, on: listener) {
        case .admitted: context.fireChannelRead(data)
        case .tooMany: log.refuse(channel, "max.connections.per.ip")
        case .tooFast(let pause):
            // Not at once, or it would be back at once.
            channel.eventLoop.scheduleTask(in: .nanoseconds(pause)) { [log] in
                log.refuse(channel, "connection_creation_rate")
            }
        }
    }
}

extension ConnectionLog {
    /// Closes a connection that was not let in.
    fileprivate func refuse(_ channel: any Channel, _ limit: String) {
        connectionRefused(channel.remoteAddress?.ipAddress ?? "unknown", limit)
        channel.close(promise: nil)
    }
}
