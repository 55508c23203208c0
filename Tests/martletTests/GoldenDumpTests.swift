import Foundation
import Testing

@testable import martlet

/// Where the directories are that real Kafka wrote; `nil` when this machine has none.
private let golden: String? = {
    let environment = ProcessInfo.processInfo.environment["MARTLET_GOLDEN"]
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    let beside = package.deletingLastPathComponent().appendingPathComponent("shared/golden").path
    let above = package.deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("shared/golden").path
    return [environment, beside, above].compactMap { $0 }.first {
        FileManager.default.fileExists(atPath: $0 + "/clean.tar.gz")
    }
}()

@Suite(.enabled(if: golden != nil, "no golden directories on this machine"))
struct GoldenDumpTests {
    private func run(_ command: [String], in directory: String) throws -> Data {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return data
    }

    private func decoder(of path: String) -> String {
        let decoders = [
            "__cluster_metadata": "--cluster-metadata-decoder",
            "__consumer_offsets": "--offsets-decoder",
            "__transaction_state": "--transaction-log-decoder",
            "__share_group_state": "--share-group-state-decoder",
        ]
        return decoders.first { path.hasPrefix($0.key) }?.value ?? "--print-data-log"
    }

    /// Every line that Kafka's own tool printed, in the same order.
    @Test(arguments: ["clean", "crashed"])
    func printsWhatKafkaPrinted(name: String) throws {
        let golden = try #require(golden)
        let directory = try TemporaryDirectory()
        _ = try run(["tar", "xSzf", "\(golden)/\(name).tar.gz"], in: directory.path)
        let data = try run(["gzip", "-dc", "\(golden)/\(name).dump.txt.gz"], in: directory.path)
        let chunks = String(decoding: data, as: UTF8.self).components(
            separatedBy: "Dumping LOGDIR/")
        #expect(chunks.count > 80)
        for expected in chunks.dropFirst() {
            let path = String(expected.prefix { $0 != "\n" })
            let file = "\(directory.path)/\(name)/\(path)"
            let result = CommandTests.run("dump-log", decoder(of: path), "--files", file)
            #expect(result.code == 0, "\(path): \(result.errors)")
            let start = "Dumping \(directory.path)/\(name)/"
            // The capture turned carriage returns to line feeds.
            var found = result.out.dropFirst(start.count).unicodeScalars.map {
                $0 == "\r" ? "\n" : $0
            }[...]
            var wanted = Array(expected.unicodeScalars)[...]
            if path.hasPrefix("__transaction_state") {
                // Kafka 4.4 names the status, the Kafka 4.3 of the capture has its number.
                found =
                    Array(statusNumbers(String(String.UnicodeScalarView(found))).unicodeScalars)[
                        ...]
            }
            while let a = found.first, let b = wanted.first, a == b {
                found.removeFirst()
                wanted.removeFirst()
            }
            let rest = String(String.UnicodeScalarView(found.prefix(200)))
            let missing = String(String.UnicodeScalarView(wanted.prefix(200)))
            #expect(rest == missing, "\(name)/\(path)")
        }
    }

    private func statusNumbers(_ text: String) -> String {
        let names = [
            "Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit",
            "CompleteAbort", "Dead", "PrepareEpochFence",
        ]
        return names.enumerated().reduce(text) { text, state in
            text.replacingOccurrences(
                of: "\"transactionStatus\":\"\(state.element)\"",
                with: "\"transactionStatus\":\(state.offset)")
        }
    }

    @Test(arguments: ["clean", "crashed"])
    func findsNoDamage(name: String) throws {
        let golden = try #require(golden)
        let directory = try TemporaryDirectory()
        _ = try run(["tar", "xSzf", "\(golden)/\(name).tar.gz"], in: directory.path)
        let result = CommandTests.run(
            "dump-log", "--deep-check", "--files", "\(directory.path)/\(name)")
        #expect(result.errors.isEmpty)
        #expect(result.code == 0)
        #expect(result.out.hasPrefix("No damage in "))
    }
}
