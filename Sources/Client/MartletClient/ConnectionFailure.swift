import ClientCore
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension BrokerAddress {
    /// Why no connection came about, in words.
    func whyUnreachable(_ error: any Error) -> String {
        guard let error = error as? NIOConnectionError else {
            return "cannot connect to \(self): \(error)"
        }
        if let attempt = error.connectionErrors.first {
            let reason = (attempt.error as? IOError)?.reason ?? "\(attempt.error)"
            return "cannot connect to \(self): \(reason)"
        }
        return "cannot resolve \(host)"
    }
}

extension IOError {
    /// The system's words, such as `Connection refused`.
    fileprivate var reason: String {
        // What strerror gives is text that ends with a zero, and is copied at once.
        strerror(errnoCode).map { String(cString: $0) } ?? "error \(errnoCode)"
    }
}
