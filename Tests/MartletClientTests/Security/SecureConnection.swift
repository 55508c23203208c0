import KafkaProtocol
import KafkaWire
import NIOCore
import NIOPosix

/// One client of a `SecureListener`: answers what concerns SASL, hands all else to the node, and
/// keeps the answers in the order of the requests.
final class SecureConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// An answer that the client waits for.
    private enum Slot {
        case ofNode(APIKey, version: Int16)
        case own([UInt8])
    }

    private let listener: SecureListener
    private var frames = FrameCutter()
    private var context: ChannelHandlerContext?
    private var node: (any Channel)?
    /// Frames for the node, which is not connected yet.
    private var waiting: [[UInt8]] = []
    private var slots: [Slot] = []
    private var sasl: SaslServer?
    private var sessionEnd: NIODeadline?

    init(_ listener: SecureListener) { self.listener = listener }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        listener.change { $0.connections += 1 }
        let loop = context.eventLoop
        let bound = NIOLoopBound(self, eventLoop: loop)
        ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NodeAnswers(bound.value))
                }
            }
            .connect(host: "127.0.0.1", port: listener.nodePort)
            .whenComplete { result in
                switch result {
                case .success(let channel): bound.value.connected(channel)
                case .failure: bound.value.end()
                }
            }
    }

    private func connected(_ channel: any Channel) {
        node = channel
        for frame in waiting { channel.writeAndFlush(Self.framed(frame), promise: nil) }
        waiting = []
    }

    func end() { context?.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        node?.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        for frame in frames.take(unwrapInboundIn(data)) {
            do { try take(frame) } catch { end() }
        }
        flush()
    }

    private func take(_ frame: [UInt8]) throws {
        var reader = WireReader(frame.span.bytes)
        guard let key = APIKey(rawValue: try reader.readInt16()) else { return end() }
        let version = try reader.readInt16()
        reader = WireReader(frame.span.bytes)
        let header = try RequestHeader(
            from: &reader, version: key.requestHeaderVersion(for: version))
        switch key {
        case .saslHandshake:
            let request = try SaslHandshakeRequest(from: &reader, version: version)
            let server = SaslServer(request.mechanism, listener.policy)
            sasl = server
            let known = listener.policy.mechanisms
            let error = server == nil ? KafkaError.unsupportedSaslMechanism.code : 0
            try answer(
                SaslHandshakeResponse(errorCode: error, mechanisms: known), header, version)
        case .saslAuthenticate:
            let request = try SaslAuthenticateRequest(from: &reader, version: version)
            try answer(authenticate(request.authBytes), header, version)
        case .apiVersions: forward(frame, key, version)
        default:
            guard mayGo() else {
                listener.change { $0.expired += 1 }
                return end()
            }
            forward(frame, key, version)
        }
    }

    private func mayGo() -> Bool {
        if listener.policy.mechanisms.isEmpty { return true }
        return sessionEnd.map { $0 > .now() } ?? false
    }

    private func authenticate(_ token: [UInt8]) -> SaslAuthenticateResponse {
        do {
            guard let step = try sasl?.take(String(decoding: token, as: UTF8.self)) else {
                throw ScramServer.Refusal()
            }
            guard case .done(let last) = step else { return .init(authBytes: step.bytes) }
            sasl = nil
            let (lifetime, grace) = listener.change { policy in
                policy.authentications += 1
                return (policy.lifetime, policy.grace)
            }
            let milliseconds = lifetime.map { Int64($0.wholeMilliseconds) } ?? 0
            let end = milliseconds + Int64(grace.wholeMilliseconds)
            sessionEnd = lifetime == nil ? .distantFuture : .now() + .milliseconds(end)
            return .init(authBytes: Array(last.utf8), sessionLifetimeMs: milliseconds)
        } catch {
            listener.change { $0.refusals += 1 }
            sessionEnd = nil
            return .init(
                errorCode: KafkaError.saslAuthenticationFailed.code,
                errorMessage: "Authentication failed: Invalid username or password")
        }
    }

    private func answer(
        _ message: some KafkaResponse, _ header: RequestHeader, _ version: Int16
    ) throws {
        var writer = WireWriter()
        try ResponseHeader(correlationID: header.correlationID).encode(
            to: &writer, version: type(of: message).apiKey.responseHeaderVersion(for: version))
        try message.encode(to: &writer, version: version)
        slots.append(.own(writer.toArray()))
    }

    private func forward(_ frame: [UInt8], _ key: APIKey, _ version: Int16) {
        slots.append(.ofNode(key, version: version))
        if let node {
            node.writeAndFlush(Self.framed(frame), promise: nil)
        } else {
            waiting.append(frame)
        }
    }

    /// The node has answered the oldest request that it has.
    func answered(_ frame: [UInt8]) {
        guard case .ofNode(let key, let version) = slots.first else { return end() }
        slots.removeFirst()
        do {
            switch key {
            case .apiVersions: write(try edited(frame, key, version, addSasl))
            case .metadata: write(try edited(frame, key, version, bringBrokersHere))
            case .findCoordinator: write(try edited(frame, key, version, bringCoordinatorsHere))
            default: write(frame)
            }
            flush()
        } catch { end() }
    }

    private func edited<Answer: KafkaResponse>(
        _ frame: [UInt8], _ key: APIKey, _ version: Int16, _ edit: (inout Answer) -> Void
    ) throws -> [UInt8] {
        let headerVersion = key.responseHeaderVersion(for: version)
        var reader = WireReader(frame.span.bytes)
        let header = try ResponseHeader(from: &reader, version: headerVersion)
        var answer = try Answer(from: &reader, version: version)
        edit(&answer)
        var writer = WireWriter()
        try header.encode(to: &writer, version: headerVersion)
        try answer.encode(to: &writer, version: version)
        return writer.toArray()
    }

    /// The node's versions, and those of SASL, which it has not.
    private func addSasl(_ answer: inout ApiVersionsResponse) {
        for key in [APIKey.saslHandshake, .saslAuthenticate] {
            answer.apiKeys.removeAll { $0.apiKey == key.rawValue }
            answer.apiKeys.append(
                .init(
                    apiKey: key.rawValue, minVersion: key.validVersions.lowerBound,
                    maxVersion: key.validVersions.upperBound))
        }
    }

    /// Has clients connect to the listener, and not to the node.
    private func bringBrokersHere(_ answer: inout MetadataResponse) {
        for index in answer.brokers.indices {
            answer.brokers[index].host = "localhost"
            answer.brokers[index].port = Int32(listener.port)
        }
    }

    private func bringCoordinatorsHere(_ answer: inout FindCoordinatorResponse) {
        if !answer.host.isEmpty { (answer.host, answer.port) = ("localhost", Int32(listener.port)) }
        for index in answer.coordinators.indices where !answer.coordinators[index].host.isEmpty {
            answer.coordinators[index].host = "localhost"
            answer.coordinators[index].port = Int32(listener.port)
        }
    }

    private func flush() {
        while case .own(let frame) = slots.first {
            slots.removeFirst()
            write(frame)
        }
    }

    private func write(_ frame: [UInt8]) {
        guard let context else { return }
        context.writeAndFlush(wrapOutboundOut(Self.framed(frame)), promise: nil)
    }

    private static func framed(_ frame: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt32(frame.count))
        buffer.writeBytes(frame)
        return buffer
    }
}

/// What the node sends back.
private final class NodeAnswers: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let client: SecureConnection
    private var frames = FrameCutter()

    init(_ client: SecureConnection) { self.client = client }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        for frame in frames.take(unwrapInboundIn(data)) { client.answered(frame) }
    }
    func channelInactive(context: ChannelHandlerContext) { client.end() }
}

/// Cuts a stream into frames, without their lengths.
struct FrameCutter {
    private var buffer = ByteBuffer()

    mutating func take(_ bytes: ByteBuffer) -> [[UInt8]] {
        var bytes = bytes
        buffer.writeBuffer(&bytes)
        var frames: [[UInt8]] = []
        while let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self),
            buffer.readableBytes >= 4 + Int(length)
        {
            buffer.moveReaderIndex(forwardBy: 4)
            frames.append(buffer.readBytes(length: Int(length)) ?? [])
        }
        buffer.discardReadBytes()
        return frames
    }
}
