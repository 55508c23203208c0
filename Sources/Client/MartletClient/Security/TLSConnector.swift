import ClientCore
import NIOCore
import NIOSSL

/// Puts TLS on a client's connections.
struct TLSConnector {
    private let context: NIOSSLContext

    /// Reads the files that the settings name.
    ///
    /// - Throws: `invalidSetting` for keys and certificates that cannot be read.
    init(_ settings: TLSSettings) throws(ClientError) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = settings.allowsTLS12 ? .tlsv12 : .tlsv13
        configuration.certificateVerification =
            settings.verifiesHostName ? .fullVerification : .noHostnameVerification
        if let trusted = settings.trusted {
            configuration.trustRoots = .certificates(
                try Self.certificates(trusted, "ssl.truststore"))
        }
        if let chain = settings.certificateChain {
            configuration.certificateChain = try Self.certificates(chain, "ssl.keystore")
                .map { .certificate($0) }
        }
        if let key = settings.privateKey {
            configuration.privateKey = .privateKey(
                try Self.privateKey(key, password: settings.keyPassword?.text))
        }
        do { context = try NIOSSLContext(configuration: configuration) } catch {
            throw .invalidSetting(key: "ssl.keystore", value: "", reason: "\(error)")
        }
    }

    /// What must come first on a connection to `host`.
    func handler(for host: String) throws -> NIOSSLClientHandler {
        // An address is checked against the certificate too, but is no name to ask for.
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        return try NIOSSLClientHandler(
            context: context, serverHostname: isAddress ? nil : host)
    }

    private static func certificates(
        _ pem: TLSSettings.PEM, _ key: String
    ) throws(ClientError) -> [NIOSSLCertificate] {
        try reading(pem, key) {
            let found =
                switch pem {
                case .text(let text): try NIOSSLCertificate.fromPEMBytes(Array(text.text.utf8))
                case .file(let path): try NIOSSLCertificate.fromPEMFile(path)
                }
            guard !found.isEmpty else { throw NoCertificates() }
            return found
        }
    }

    private struct NoCertificates: Error, CustomStringConvertible {
        var description: String { "there is no certificate in it" }
    }

    private static func privateKey(
        _ pem: TLSSettings.PEM, password: String?
    ) throws(ClientError) -> NIOSSLPrivateKey {
        try reading(pem, "ssl.keystore") {
            let answer: NIOSSLPassphraseCallback<[UInt8]> = { set in
                set(Array((password ?? "").utf8))
            }
            switch pem {
            case .text(let text):
                return try NIOSSLPrivateKey(
                    bytes: Array(text.text.utf8), format: .pem, passphraseCallback: answer)
            case .file(let path):
                return try NIOSSLPrivateKey(
                    file: path, format: .pem, passphraseCallback: answer)
            }
        }
    }

    private static func reading<Value>(
        _ pem: TLSSettings.PEM, _ key: String, _ body: () throws -> Value
    ) throws(ClientError) -> Value {
        do { return try body() } catch {
            let value = if case .file(let path) = pem { path } else { "(hidden)" }
            throw .invalidSetting(key: key, value: value, reason: "\(error)")
        }
    }
}

extension SecurityFailure {
    /// What an error of a connection's TLS says of trust; `nil` for other errors, such as a
    /// connection that breaks.
    init?(_ error: any Error) {
        if let error = error as? NIOSSLExtraError {
            guard error == .failedToValidateHostname else { return nil }
            self = .wrongHostName("\(error)")
            return
        }
        let text = "\(error)"
        guard error is NIOSSLError || error is BoringSSLError, text.contains("sslError"),
            !text.contains("EOF during handshake")
        else { return nil }
        let reason = Self.reason(in: text)
        self = reason == Self.notVerified ? .untrustedCertificate(reason) : .tls(reason)
    }

    private static let notVerified = "CERTIFICATE_VERIFY_FAILED"

    /// BoringSSL's name for what is wrong, which stands between its library and a line of its
    /// source; all of the text where there is none.
    private static func reason(in text: String) -> String {
        guard let library = text.firstRange(of: "OPENSSL_internal:") else { return text }
        return String(
            text[library.upperBound...].prefix { $0.isLetter || $0.isNumber || $0 == "_" })
    }
}
