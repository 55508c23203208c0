import ClientCore
import NIOCore
import NIOTLS

/// Cuts what a broker sends into frames. It grows only as bytes arrive, never by what a length
/// claims, and ends a connection whose frames are longer than the limit.
final class FrameHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Event {
        /// Frames without their lengths, in order; at least one.
        case frames([[UInt8]])
        /// Both sides have agreed on keys; not said without TLS.
        case encrypted
        /// The connection has ended; one of the two is said once, and last.
        case closed(String)
        case distrusted(SecurityFailure)
    }

    private let limit: Int
    private let tell: (Event) -> Void
    private var prefix: [UInt8] = []
    private var frame: [UInt8] = []
    /// Bytes that the frame lacks; `nil` between frames.
    private var missing: Int?
    private var frames: [[UInt8]] = []
    private var reason = "the broker closed the connection"
    private var failure: SecurityFailure?
    /// Room that a frame gets before any of it has come.
    private static let reservedBytes = 1 << 20

    /// - Parameter limit: the largest frame in bytes.
    init(limit: Int, _ tell: @escaping (Event) -> Void) {
        self.limit = limit
        self.tell = tell
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unwrapInboundIn(data).withUnsafeReadableBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                if let missing {
                    let part = rest.prefix(missing)
                    makeRoom(for: part.count, of: missing)
                    frame.append(contentsOf: part)
                    rest = rest.dropFirst(part.count)
                    self.missing = missing - part.count
                    finishFrame()
                } else {
                    let part = rest.prefix(4 - prefix.count)
                    prefix.append(contentsOf: part)
                    rest = rest.dropFirst(part.count)
                    guard beginFrame() else {
                        context.close(promise: nil)
                        return
                    }
                }
            }
        }
    }

    /// Once the length is there; `false` for one that is out of range.
    private func beginFrame() -> Bool {
        guard prefix.count == 4 else { return true }
        let length = Int(prefix.reduce(Int32(0)) { $0 << 8 | Int32($1) })
        prefix.removeAll(keepingCapacity: true)
        guard length > 0, length <= limit else {
            reason = "a frame of \(length) bytes, the limit is \(limit)"
            // An alert of TLS, version 3: 21, 3, and so on.
            if length >> 16 == 0x1503 { failure = .tls("the broker answers in TLS: encrypt") }
            return false
        }
        missing = length
        frame.reserveCapacity(min(length, Self.reservedBytes))
        return true
    }

    /// Doubles the room, but never past the frame's end.
    private func makeRoom(for count: Int, of missing: Int) {
        guard frame.count + count > frame.capacity else { return }
        let wanted = max(frame.count + count, 2 * frame.capacity)
        frame.reserveCapacity(min(frame.count + missing, wanted))
    }

    private func finishFrame() {
        guard missing == 0 else { return }
        missing = nil
        frames.append(frame)
        frame = []
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard !frames.isEmpty else { return }
        let whole = frames
        frames = []
        tell(.frames(whole))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { tell(.encrypted) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        reason = "\(error)"
        failure = failure ?? SecurityFailure(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        tell(failure.map { .distrusted($0) } ?? .closed(reason))
    }
}
