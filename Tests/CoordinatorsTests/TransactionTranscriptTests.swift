import Foundation
import Testing

/// Transcripts of transaction coordinators: events, and below each what it leads to.
///
/// `REWRITE=1 swift test --filter TransactionTranscriptTests` writes down what happens now; read
/// the difference before you keep it.
@Suite struct TransactionTranscriptTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
        path: "Transcripts")

    static var names: [String] {
        let found = try? FileManager.default.contentsOfDirectory(atPath: folder.path())
        return (found ?? []).filter { $0.hasPrefix("txn-") }.sorted()
    }

    @Test(arguments: names)
    func whatHappensIsWhatIsWritten(_ name: String) throws {
        let file = Self.folder.appending(path: name)
        let wanted = try String(contentsOf: file, encoding: .utf8)
        let transcript = TransactionTranscript()
        var got: [String] = []
        for line in wanted.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("> ") {
                got.append(String(line))
                got += try transcript.run(String(line.dropFirst(2))).map { "  " + $0 }
            } else if !line.hasPrefix("  ") {
                got.append(String(line))
            }
        }
        let text = got.joined(separator: "\n")
        if ProcessInfo.processInfo.environment["REWRITE"] != nil {
            try text.write(to: file, atomically: true, encoding: .utf8)
        } else {
            #expect(text == wanted)
        }
    }

    @Test func thereAreTranscripts() { #expect(Self.names.count >= 8) }
}
