#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Milliseconds of a clock that never goes back.
func monotonicMilliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}

/// A point in time by which an operation must be done.
public struct Deadline: Sendable {
    let at: Int64
    /// The whole time that was allowed, for error messages.
    public let milliseconds: Int

    /// `milliseconds` from now.
    public init(milliseconds: Int) {
        self.milliseconds = milliseconds
        at = monotonicMilliseconds() + Int64(milliseconds)
    }

    /// Milliseconds left, at least 0.
    public var remaining: Int { max(0, Int(at - monotonicMilliseconds())) }
}

/// One TCP connection with timeouts: blocking calls of one thread, no buffering.
final class Socket {
    let address: HostPort
    private var descriptor: Int32

    private init(address: HostPort, descriptor: Int32) {
        self.address = address
        self.descriptor = descriptor
    }
    deinit { close() }

    /// Closes the connection; harmless when it is closed already.
    func close() {
        guard descriptor >= 0 else { return }
        #if canImport(Darwin)
            _ = Darwin.close(descriptor)
        #elseif canImport(Musl)
            _ = Musl.close(descriptor)
        #else
            _ = Glibc.close(descriptor)
        #endif
        descriptor = -1
    }

    /// Resolves the host and tries its addresses in turn until one accepts.
    static func connect(to address: HostPort, deadline: Deadline) throws(AdminError) -> Socket {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = streamType
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(address.host, String(address.port), &hints, &list)
        guard code == 0, let first = list else {
            throw .unresolved(address, String(cString: gai_strerror(code)))
        }
        defer { freeaddrinfo(first) }
        var failure = AdminError.connect(address, "no address")
        var next: UnsafeMutablePointer<addrinfo>? = first
        while let candidate = next {
            do { return try open(candidate.pointee, address, deadline) } catch { failure = error }
            next = candidate.pointee.ai_next
        }
        throw failure
    }

    private static var streamType: Int32 {
        #if canImport(Glibc)
            Int32(SOCK_STREAM.rawValue)
        #else
            SOCK_STREAM
        #endif
    }

    private static func open(
        _ info: addrinfo, _ address: HostPort, _ deadline: Deadline
    ) throws(AdminError) -> Socket {
        let descriptor = socket(info.ai_family, info.ai_socktype, info.ai_protocol)
        guard descriptor >= 0 else { throw .connect(address, lastError()) }
        let socket = Socket(address: address, descriptor: descriptor)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        var one: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, size)
        if connectSystem(descriptor, info.ai_addr, info.ai_addrlen) == 0 { return socket }
        guard errno == EINPROGRESS else { throw .connect(address, lastError()) }
        guard socket.wait(for: Int16(POLLOUT), deadline) else {
            throw .timedOut(
                address, what: "the connection attempt", milliseconds: deadline.milliseconds)
        }
        var failure: Int32 = 0
        var length = size
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &length)
        guard failure == 0 else { throw .connect(address, String(cString: strerror(failure))) }
        return socket
    }

    /// Waits until the socket is ready for `events` or has failed; false when the time is up.
    private func wait(for events: Int16, _ deadline: Deadline) -> Bool {
        while true {
            var poller = pollfd(fd: descriptor, events: events, revents: 0)
            let ready = poll(&poller, 1, Int32(clamping: deadline.remaining))
            if ready > 0 { return true }
            if ready == 0 || errno != EINTR { return false }
        }
    }

    /// Whether an answer (or the end of the connection) is there to be read without waiting.
    var isReadable: Bool { wait(for: Int16(POLLIN), Deadline(milliseconds: 0)) }

    /// Sends all of `bytes`.
    func write(
        _ bytes: UnsafeRawBufferPointer, what: String, deadline: Deadline
    ) throws(AdminError) {
        var sent = 0
        while sent < bytes.count, let base = bytes.baseAddress {
            let count = send(descriptor, base + sent, bytes.count - sent, noSignal)
            if count > 0 {
                sent += count
            } else if errno == EAGAIN || errno == EWOULDBLOCK {
                guard wait(for: Int16(POLLOUT), deadline) else {
                    throw .timedOut(address, what: what, milliseconds: deadline.milliseconds)
                }
            } else if errno != EINTR {
                throw .closed(address, what: what)
            }
        }
    }

    /// Fills `buffer`.
    func read(
        into buffer: UnsafeMutableRawBufferPointer, what: String, deadline: Deadline
    ) throws(AdminError) {
        var filled = 0
        while filled < buffer.count, let base = buffer.baseAddress {
            let count = recv(descriptor, base + filled, buffer.count - filled, 0)
            if count > 0 {
                filled += count
            } else if count == 0 {
                throw .closed(address, what: what)
            } else if errno == EAGAIN || errno == EWOULDBLOCK {
                guard wait(for: Int16(POLLIN), deadline) else {
                    throw .timedOut(address, what: what, milliseconds: deadline.milliseconds)
                }
            } else if errno != EINTR {
                throw .closed(address, what: what)
            }
        }
    }

    private var noSignal: Int32 {
        #if canImport(Darwin)
            0
        #else
            Int32(MSG_NOSIGNAL)
        #endif
    }
}

/// `connect(2)`, whose name the methods of `Socket` hide.
private func connectSystem(
    _ descriptor: Int32, _ address: UnsafePointer<sockaddr>?, _ length: socklen_t
) -> Int32 {
    connect(descriptor, address, length)
}

private func lastError() -> String { String(cString: strerror(errno)) }
