import BrokerCore
import KafkaProtocol
import KafkaWire
import LogStorage
import NIOCore

/// One client connection: bytes to frames, answers to bytes and file regions. Decides nothing.
final class ConnectionHandler: ChannelInboundHandler, ChannelOutboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    let id: ConnectionID
    private let listener: String
    private let serves: APIListeners
    private let loop: LoopShell
    private var buffer: FrameBuffer
    private var context: ChannelHandlerContext?
    private var pauses: Pauses = []
    private var wantsRead = false
    private var hasUnflushed = false
    private var isClosing = false
    /// Bytes that the connection was last said to hold, and what of it its requests and its large
    /// answers are.
    private var toldBytes = 0
    private var requestBytes = 0
    private var answerBytes = 0
    private var usedSinceSweep = true
    /// Frames are being handed out, and the buffer is not to be touched otherwise.
    private var isReading = false

    init(
        id: ConnectionID, listener: String, serves: APIListeners, loop: LoopShell, frameLimit: Int
    ) {
        self.id = id
        self.listener = listener
        self.serves = serves
        self.loop = loop
        self.buffer = FrameBuffer(limit: frameLimit)
    }

    // MARK: Lifetime

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        loop.opened(
            self, listener: listener, serves: serves,
            clientAddress: context.remoteAddress?.ipAddress ?? "unknown")
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        isClosing = true
        if toldBytes > 0 { loop.holds(id, 0) }
        toldBytes = 0
        loop.closed(self)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        loop.log.connectionError(id, "\(error)")
        close()
    }

    // MARK: In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        let bytes = unwrapInboundIn(data)
        loop.heard(from: self)
        usedSinceSweep = true
        isReading = true
        do {
            try bytes.withUnsafeReadableBytes { raw throws(FrameBuffer.Fault) in
                try buffer.add(raw) { frame in
                    loop.received(&frame, on: self)
                    return !isClosing
                }
            }
        } catch {
            loop.log.connectionClosed(id, "malformed frame: \(error)")
            close()
        }
        isReading = false
        tellMemory()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        loop.drain()
        context.fireChannelReadComplete()
    }

    /// Why reading is suspended.
    struct Pauses: OptionSet {
        let rawValue: UInt8
        /// More answers wait to be sent than the client takes.
        static let unsentAnswers = Pauses(rawValue: 1)
        /// The client has more unanswered requests than it may have.
        static let outstanding = Pauses(rawValue: 2)
        /// Memory is short.
        static let memory = Pauses(rawValue: 4)
    }

    func read(context: ChannelHandlerContext) {
        if pauses.isEmpty { context.read() } else { wantsRead = true }
    }

    /// Takes in no more until `resume`: the client feels it as TCP back-pressure.
    func pause(_ reason: Pauses) {
        pauses.insert(reason)
        if reason == .memory { tellMemory() }
    }

    func resume(_ reason: Pauses) {
        pauses.remove(reason)
        guard pauses.isEmpty, wantsRead else { return }
        wantsRead = false
        context?.read()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { resume(.unsentAnswers) } else { pause(.unsentAnswers) }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Memory

    /// The connection's unanswered requests hold so many bytes.
    func requestsHold(_ bytes: Int) {
        requestBytes = bytes
        tellMemory()
    }

    private func tellMemory() {
        guard !isClosing, !isReading else { return }
        if loop.isMemoryShort { buffer.release() }
        let frame = buffer.capacity > MemoryBudget.smallBytes ? buffer.capacity : 0
        let bytes = frame + requestBytes + answerBytes
        guard bytes != toldBytes else { return }
        toldBytes = bytes
        loop.holds(id, bytes)
    }

    /// Gives back the buffer of a connection that has sent nothing since the last sweep.
    func sweep() {
        if !usedSinceSweep {
            buffer.release()
            tellMemory()
        }
        usedSinceSweep = false
    }

    // MARK: Out

    /// Queues an answer; `flush` sends it.
    func send(_ response: OutgoingResponse) {
        guard let context, !isClosing else { return }
        hasUnflushed = true
        response.withUnsafeBytes { bytes in
            var position = 0
            for (index, splice) in response.splices.enumerated() {
                writeBytes(bytes, position..<splice.position, context)
                position = splice.position
                writeFile(response.slices[index], context)
            }
            writeBytes(bytes, position..<bytes.count, context)
        }
    }

    private func writeBytes(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ context: ChannelHandlerContext
    ) {
        guard !range.isEmpty else { return }
        var out = context.channel.allocator.buffer(capacity: range.count)
        out.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[range]))
        writeCounted(out, context)
    }

    /// A large answer counts as held memory until it has left.
    private func writeCounted(_ out: ByteBuffer, _ context: ChannelHandlerContext) {
        let count = out.readableBytes
        guard count > MemoryBudget.smallBytes else {
            return context.write(wrapOutboundOut(.byteBuffer(out)), promise: nil)
        }
        answerBytes += count
        tellMemory()
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { [self] _ in
            answerBytes -= count
            tellMemory()
        }
        context.write(wrapOutboundOut(.byteBuffer(out)), promise: sent)
    }

    /// Sends the slice with `sendfile`; the slice keeps its file open until the bytes have left.
    private func writeFile(_ slice: FileSlice, _ context: ChannelHandlerContext) {
        guard let descriptor = slice.file.descriptor else { return copyFile(slice, context) }
        let handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: descriptor)
        let region = FileRegion(
            fileHandle: handle, readerIndex: slice.position,
            endIndex: slice.position + slice.count)
        let sent = context.eventLoop.makePromise(of: Void.self)
        let held = SentSlice(handle: handle, slice: slice)
        sent.futureResult.whenComplete { _ in held.release() }
        context.write(wrapOutboundOut(.fileRegion(region)), promise: sent)
    }

    private func copyFile(_ slice: FileSlice, _ context: ChannelHandlerContext) {
        var out = context.channel.allocator.buffer(capacity: slice.count)
        do {
            try out.writeWithUnsafeMutableBytes(minimumWritableBytes: slice.count) { target in
                try slice.file.read(
                    at: slice.position,
                    into: UnsafeMutableRawBufferPointer(rebasing: target[..<slice.count]))
            }
        } catch {
            loop.log.connectionError(id, "reading records failed: \(error)")
            return close()
        }
        writeCounted(out, context)
    }

    /// Sends what was queued.
    func flush() {
        guard hasUnflushed else { return }
        hasUnflushed = false
        context?.flush()
    }

    /// How long a client may take to read its last answers.
    private static let linger = TimeAmount.seconds(1)

    /// Takes in no more, and closes once what was sent has left or the client does not take it.
    func close() {
        guard !isClosing, let context else { return }
        isClosing = true
        hasUnflushed = false
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { _ in
            context.close(mode: .all, promise: nil)
        }
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.linger) {
            context.close(mode: .all, promise: nil)
        }
        // An empty write leaves after all that was written before.
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(ByteBuffer())), promise: sent)
    }
}

/// Keeps a slice's file open, and its descriptor ours, until NIO is done with it.
private final class SentSlice: @unchecked Sendable {
    // Sendable: made and released on the connection's event loop.
    private let handle: NIOFileHandle
    private let slice: FileSlice
    init(handle: NIOFileHandle, slice: FileSlice) {
        self.handle = handle
        self.slice = slice
    }
    /// The descriptor belongs to the segment: NIO must not close it.
    func release() {
        do {
            _ = try handle.takeDescriptorOwnership()
        } catch {
            preconditionFailure("a file region was released while in use: \(error)")
        }
    }
}
