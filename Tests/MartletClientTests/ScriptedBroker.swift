import KafkaProtocol
import KafkaWire
import MartletClient
import NIOCore
import NIOPosix
import Synchronization

/// A broker on a port of this process that answers as a test says: for APIs that no node of ours
/// serves, and for answers that no broker should give.
final class ScriptedBroker: Sendable {
    /// Answers a request: its bytes from behind the header, and its version.
    typealias Script = @Sendable (inout WireReader, Int16) throws -> any KafkaResponse

    /// Bytes that a script throws to have them sent as they are, length and all.
    struct Raw: Error {
        var bytes: [UInt8]
    }

    private let scripts: Mutex<[APIKey: Script]>

    private init(_ scripts: [APIKey: Script]) { self.scripts = Mutex(scripts) }

    /// Runs a broker while `body` does.
    static func with(
        _ scripts: [APIKey: Script], _ body: (String) async throws -> Void
    ) async throws {
        let broker = ScriptedBroker(scripts)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Answerer(broker))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = Int32(channel.localAddress?.port ?? 0)
        broker.answerUsually(port)
        do { try await body("127.0.0.1:\(port)") } catch {
            try await channel.close()
            throw error
        }
        try await channel.close()
    }

    /// What every client asks for first.
    private func answerUsually(_ port: Int32) {
        scripts.withLock { scripts in
            let given = scripts
            defer { scripts.merge(given) { $1 } }
            let served = Array(
                Set(scripts.keys).union([.apiVersions, .metadata, .findCoordinator]))
            scripts[.apiVersions] = { _, _ in
                ApiVersionsResponse(
                    apiKeys: served.map {
                        .init(
                            apiKey: $0.rawValue, minVersion: $0.validVersions.lowerBound,
                            maxVersion: $0.validVersions.upperBound)
                    })
            }
            scripts[.metadata] = { _, _ in
                MetadataResponse(
                    brokers: [.init(nodeID: 1, host: "127.0.0.1", port: port)], controllerID: 1)
            }
            scripts[.findCoordinator] = { reader, version in
                let request = try FindCoordinatorRequest(from: &reader, version: version)
                return FindCoordinatorResponse(
                    coordinators: request.coordinatorKeys.map {
                        .init(key: $0, nodeID: 1, host: "127.0.0.1", port: port)
                    })
            }
        }
    }

    fileprivate func answer(_ frame: [UInt8]) throws -> [UInt8] {
        var reader = WireReader(frame.span.bytes)
        guard let key = APIKey(rawValue: try reader.readInt16()) else {
            throw WireError.badValue("api key")
        }
        let version = try reader.readInt16()
        reader = WireReader(frame.span.bytes)
        let header = try RequestHeader(
            from: &reader, version: key.requestHeaderVersion(for: version))
        guard let script = scripts.withLock({ $0[key] }) else {
            throw WireError.badValue("\(key) is not in the script")
        }
        let message = try script(&reader, version)
        var writer = WireWriter()
        try ResponseHeader(correlationID: header.correlationID).encode(
            to: &writer, version: key.responseHeaderVersion(for: version))
        try message.encode(to: &writer, version: version)
        return writer.toArray()
    }
}

/// Reads frames and writes answers, in order.
private final class Answerer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let broker: ScriptedBroker
    private var received = ByteBuffer()

    init(_ broker: ScriptedBroker) { self.broker = broker }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        while let size = received.getInteger(at: received.readerIndex, as: Int32.self),
            received.readableBytes >= 4 + Int(size)
        {
            received.moveReaderIndex(forwardBy: 4)
            guard let frame = received.readBytes(length: Int(size)) else { return }
            var out = context.channel.allocator.buffer(capacity: 4096)
            do {
                let answer = try broker.answer(frame)
                out.writeInteger(Int32(answer.count))
                out.writeBytes(answer)
            } catch let raw as ScriptedBroker.Raw {
                out.writeBytes(raw.bytes)
            } catch { return context.close(promise: nil) }
            context.writeAndFlush(NIOAny(out), promise: nil)
        }
    }
}
