import Glibc
import NIOCore

/// A port on which nobody listened when it was taken, and nobody does yet.
///
/// The socket is bound and does not listen: whoever connects is refused at once, and the system
/// gives the port to nobody who asks for a free one. It is bound once more to listen
/// (`SO_REUSEADDR` on both), so that it is never free in between.
final class HeldPort {
    private let descriptor: Int32
    /// The port that was asked for, or the one that the system has picked.
    let port: Int

    /// - Parameter port: 0 for a free one.
    /// - Throws: `IOError` when it is in use, or what the look-up of the host's name gave.
    init(host: String, port: Int) throws {
        let address = try SocketAddress.makeAddressResolvingHost(host, port: port)
        let stream = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let family: Int32 = address.protocol == .inet6 ? AF_INET6 : AF_INET
        descriptor = socket(family, stream, 0)
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        do {
            self.port = try Self.bind(descriptor, to: address)
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    private static func bind(_ descriptor: Int32, to address: SocketAddress) throws -> Int {
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        guard setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size) == 0,
            address.withSockAddr({ Glibc.bind(descriptor, $0, socklen_t($1)) }) == 0
        else { throw IOError(errnoCode: errno, reason: "bind") }
        var bound = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &bound) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(descriptor, $0, &length)
            }
        }
        guard result == 0 else { throw IOError(errnoCode: errno, reason: "getsockname") }
        // The port lies at the same place in the addresses of both families.
        let number = withUnsafeBytes(of: &bound) { $0.load(fromByteOffset: 2, as: UInt16.self) }
        return Int(UInt16(bigEndian: number))
    }
}
