import KafkaWire
import BrokerCore
import Glibc
import NIOCore
import NIOPosix

/// The connections of one owner to other nodes, on one event loop. Decides nothing.
final class PeerShell: @unchecked Sendable {
    // Sendable: `send` alone may be called from other threads; it hops to the event loop.
    private let eventLoop: any EventLoop
    private let clock: Clock
    private var core: PeerConnections
    private var connecting: Set<PeerConnectionID> = []
    private var channels: [PeerConnectionID: any Channel] = [:]
    private var unflushed: [any Channel] = []
    private var timer: Scheduled<Void>?
    private var timerInstant = Int64.max
    private var isDraining = false
    /// Gets every outcome, on the event loop; set before the first request.
    var answered: (UInt64, PeerOutcome) -> Void = { _, _ in }

    /// Bytes taken from a socket at once.
    private static let readBytes = 131_072

    init(eventLoop: any EventLoop, clock: Clock, settings: PeerSettings) {
        self.eventLoop = eventLoop
        self.clock = clock
        var seeds = SystemRandomNumberGenerator()
        core = PeerConnections(settings: settings, random: SplitMix64(seed: seeds.next()))
    }

    // MARK: Requests

    /// Sends a request; on the event loop.
    func submit(_ request: PeerRequest) {
        core.submit(request, now: clock.now)
        drain()
    }

    /// Sends requests; from any thread.
    func send(_ requests: [PeerRequest]) {
        eventLoop.execute { [self] in
            for request in requests { core.submit(request, now: clock.now) }
            drain()
        }
    }

    // MARK: Events of connections

    private func connected(_ id: PeerConnectionID, _ channel: any Channel) {
        guard connecting.remove(id) != nil else { return channel.close(promise: nil) }
        channels[id] = channel
        core.connected(id)
        drain()
    }

    fileprivate func closed(
        _ id: PeerConnectionID, _ reason: String, wasRefused: Bool = false
    ) {
        connecting.remove(id)
        channels[id] = nil
        core.closed(id, reason: reason, wasRefused: wasRefused, now: clock.now)
        drain()
    }

    fileprivate func received(_ bytes: RawSpan, on id: PeerConnectionID) {
        core.received(bytes, on: id, now: clock.now)
        drain()
    }

    // MARK: Effects

    private func drain() {
        guard !isDraining else { return }
        isDraining = true
        while true {
            let effects = core.takeEffects()
            if effects.isEmpty { break }
            for effect in effects { carryOut(effect) }
        }
        for channel in unflushed { channel.flush() }
        unflushed.removeAll(keepingCapacity: true)
        isDraining = false
        scheduleTimer()
    }

    private func carryOut(_ effect: PeerEffect) {
        switch effect {
        case .connect(let id, let endpoint): connect(id, endpoint)
        case .send(let id, let bytes):
            guard let channel = channels[id] else { return }
            var buffer = channel.allocator.buffer(capacity: bytes.count)
            buffer.writeBytes(bytes)
            channel.write(buffer, promise: nil)
            unflushed.append(channel)
        case .close(let id):
            connecting.remove(id)
            channels.removeValue(forKey: id)?.close(promise: nil)
        case .outcome(let id, let outcome): answered(id, outcome)
        }
    }

    private func connect(_ id: PeerConnectionID, _ endpoint: PeerEndpoint) {
        connecting.insert(id)
        ClientBootstrap(group: eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(
                .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.readBytes)
            )
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(PeerHandler(id, self))
                }
            }
            .connect(host: endpoint.host, port: Int(endpoint.port))
            .assumeIsolated().whenComplete { [self] result in
                switch result {
                case .success(let channel): connected(id, channel)
                case .failure(let error):
                    closed(id, Self.reason(error), wasRefused: Self.isRefusal(error))
                }
            }
    }

    private static func reason(_ error: any Error) -> String {
        guard let failure = error as? NIOConnectionError else { return "\(error)" }
        let causes = failure.connectionErrors.map { "\($0.error)" }
        return
            (causes + [failure.dnsAError, failure.dnsAAAAError].compactMap { $0.map { "\($0)" } })
            .joined(separator: "; ")
    }

    /// Whether each address of the host answered that nobody listens on the port.
    private static func isRefusal(_ error: any Error) -> Bool {
        guard let failure = error as? NIOConnectionError else {
            return (error as? IOError)?.errnoCode == ECONNREFUSED
        }
        return !failure.connectionErrors.isEmpty
            && failure.connectionErrors.allSatisfy {
                ($0.error as? IOError)?.errnoCode == ECONNREFUSED
            }
    }

    private func scheduleTimer() {
        guard let next = core.nextDeadline, next < timerInstant else { return }
        timer?.cancel()
        timerInstant = next
        let delay = max(0, next - clock.now.monotonicNs)
        timer = eventLoop.scheduleTask(in: .nanoseconds(delay)) { [self] in
            timer = nil
            timerInstant = .max
            core.timersDue(now: clock.now)
            drain()
        }
    }
}

/// One connection to another node.
private final class PeerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let id: PeerConnectionID
    private let shell: PeerShell
    private var reason = "the other node closed it"
    private var wasActive = false

    init(_ id: PeerConnectionID, _ shell: PeerShell) {
        self.id = id
        self.shell = shell
    }

    func channelActive(context: ChannelHandlerContext) { wasActive = true }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unwrapInboundIn(data).withUnsafeReadableBytes { shell.received($0.bytes, on: id) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // A connection that was never there is told of by the attempt itself.
        if wasActive { shell.closed(id, reason) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        reason = "\(error)"
        context.close(promise: nil)
    }
}
