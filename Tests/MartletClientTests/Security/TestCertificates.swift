import Foundation

/// A certificate authority of the test, and what it has signed, made by `openssl` in a directory
/// that is gone afterwards.
final class TestCertificates {
    private let directory: URL

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "martlet-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
                + " -subj /CN=martlet-test-ca -keyout ca.key -out ca.pem")
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    /// The certificate of the authority: what clients and brokers trust.
    var authority: String { path("ca.pem") }
    /// PEM files of a key and of its certificate, which `sign` has made.
    func key(_ name: String) -> String { path("\(name).key") }
    func certificate(_ name: String) -> String { path("\(name).pem") }
    /// Both in one file, as a keystore of PEM has them.
    func keystore(_ name: String) throws -> String {
        let both =
            try String(contentsOfFile: key(name), encoding: .utf8)
            + String(contentsOfFile: certificate(name), encoding: .utf8)
        try both.write(toFile: path("\(name).store"), atomically: true, encoding: .utf8)
        return path("\(name).store")
    }

    private func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

    /// Makes a key and a certificate for it, such as `DNS:localhost`.
    func sign(_ name: String, for subject: String) throws {
        try "subjectAltName=\(subject)".write(
            toFile: path("\(name).ext"), atomically: true, encoding: .utf8)
        try openssl(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=\(name)"
                + " -keyout \(name).key -out \(name).csr")
        try openssl(
            "x509 -req -in \(name).csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
                + " -extfile \(name).ext -out \(name).pem")
    }

    private struct Failure: Error { var output: String }

    private func openssl(_ arguments: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments.split(separator: " ").map(String.init)
        process.currentDirectoryURL = directory
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(output: String(decoding: text, as: UTF8.self))
        }
    }
}
