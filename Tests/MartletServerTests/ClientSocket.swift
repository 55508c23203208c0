import Foundation
import KafkaProtocol
import KafkaWire
import Testing

/// A blocking client of one connection, as bare as can be.
final class ClientSocket {
    private var descriptor: Int32

    struct Failure: Error { var what: String }

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(
                    descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure(what: "connect: errno \(errno)") }
    }

    deinit { close() }

    func close() {
        guard descriptor >= 0 else { return }
        Foundation.close(descriptor)
        descriptor = -1
    }

    /// Sends no more; still reads.
    func shutdownWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

    func write(_ bytes: some Collection<UInt8>) throws {
        let all = Array(bytes)
        var position = 0
        while position < all.count {
            let sent = all[position...].withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { throw Failure(what: "send: errno \(errno)") }
            position += sent
        }
    }

    /// The next frame without its length; `nil` once the server has closed the connection.
    func read() throws -> [UInt8]? {
        guard let prefix = try read(4) else { return nil }
        let length = prefix.reduce(0) { $0 << 8 | Int($1) }
        return try read(length)
    }

    private func read(_ count: Int) throws -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var position = 0
        while position < count {
            let got = bytes[position...].withUnsafeMutableBytes {
                recv(descriptor, $0.baseAddress, $0.count, 0)
            }
            if got == 0 || (got < 0 && errno == ECONNRESET) { return nil }
            guard got > 0 else { throw Failure(what: "recv: errno \(errno)") }
            position += got
        }
        return bytes
    }

    /// A request's frame with its length.
    static func frame<Request: KafkaRequest>(
        _ request: Request, version: Int16, correlation: Int32
    ) throws -> [UInt8] {
        let header = RequestHeader(
            requestAPIKey: Request.apiKey.rawValue, requestAPIVersion: version,
            correlationID: correlation, clientID: "test")
        let frame =
            try header.encoded(version: Request.apiKey.requestHeaderVersion(for: version))
            + request.encoded(version: version)
        return withUnsafeBytes(of: Int32(frame.count).bigEndian) { Array($0) } + frame
    }

    func call<Request: KafkaRequest>(
        _ request: Request, version: Int16
    ) throws -> Request.Response {
        try write(Self.frame(request, version: version, correlation: 1))
        let answer = try #require(try read(), "the server closed the connection")
        let header = Request.apiKey.responseHeaderVersion(for: version) == 0 ? 4 : 5
        return try Request.Response(decoding: Array(answer.dropFirst(header)), version: version)
    }
}
