import Foundation
import KafkaRecords
import KafkaWire
import Testing

@testable import martlet

/// A directory that goes away with the test.
final class TemporaryDirectory {
    let path = NSTemporaryDirectory() + "martlet-" + UUID().uuidString
    init() throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }
    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch {
            print("cannot remove \(path): \(error)")
        }
    }
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = path + "/" + name
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }
}

@Suite struct DumpLogTests {
    private func batch(_ base: Int64, _ values: [String], timestamp: Int64) throws -> [UInt8] {
        var builder = RecordBatchBuilder(.init(baseOffset: Offset(base)))
        for value in values {
            builder.append(timestamp: timestamp, key: nil, value: Array(value.utf8))
        }
        return try builder.finish()
    }
    private func number(_ value: Int64, _ bytes: Int) -> [UInt8] {
        (0..<bytes).map { UInt8(truncatingIfNeeded: value >> Int64(8 * (bytes - 1 - $0))) }
    }

    @Test func printsAndChecksASegment() throws {
        let directory = try TemporaryDirectory()
        let first = try batch(5, ["a", "b"], timestamp: 10)
        let second = try batch(7, ["c"], timestamp: 20)
        let stem = "00000000000000000005"
        let log = try directory.write("\(stem).log", first + second)
        let index = try directory.write(
            "\(stem).index", number(2, 4) + number(Int64(first.count), 4) + number(0, 8))
        let times = try directory.write(
            "\(stem).timeindex",
            number(10, 8) + number(1, 4) + number(20, 8) + number(2, 4) + number(0, 12))
        let result = CommandTests.run(
            "dump-log", "--print-data-log", "--files", "\(log),\(index),\(times)")
        #expect(result.code == 0)
        #expect(result.errors == "Non-consecutive offsets in \(log)\n  -1 is followed by 5\n")
        let lines = result.out.split(separator: "\n")
        #expect(lines[1] == "Log starting offset: 5")
        #expect(lines[2].hasPrefix("baseOffset: 5 lastOffset: 6 count: 2 baseSequence: -1"))
        #expect(
            lines[4]
                == "| offset: 6 CreateTime: 10 keySize: -1 valueSize: 1 sequence: -1 headerKeys: []"
                + " payload: b"
        )
        #expect(lines.contains("offset: 7 position: \(first.count)"))
        #expect(lines.contains("timestamp: 20 offset: 7"))
        #expect(
            CommandTests.run("dump-log", "--deep-check", "--files", directory.path).out
                == "No damage in 3 files.\n")
    }

    @Test func damageMakesTheExitCodeOne() throws {
        let directory = try TemporaryDirectory()
        var bytes = try batch(0, ["abc"], timestamp: 10)
        bytes[bytes.count - 3] ^= 1
        let log = try directory.write("00000000000000000000.log", bytes)
        let flipped = CommandTests.run("dump-log", "--files", log)
        #expect(flipped.code == 1 && flipped.out.contains("isvalid: false"))
        #expect(flipped.errors.contains("checksum"))

        let good = try batch(0, ["abc"], timestamp: 10)
        _ = try directory.write("00000000000000000000.log", good + [1, 2, 3])
        let torn = CommandTests.run("dump-log", "--files", log)
        #expect(torn.code == 1)
        #expect(
            torn.out.contains("Found 3 invalid bytes at the end of 00000000000000000000.log"))

        _ = try directory.write("00000000000000000000.log", good)
        let index = try directory.write(
            "00000000000000000000.index", number(5, 4) + number(0, 4))
        let lying = CommandTests.run("dump-log", "--files", index)
        #expect(lying.code == 1 && lying.errors.contains("Index offset: 5, log offset: 0"))
        let times = try directory.write(
            "00000000000000000000.timeindex", number(99, 8) + number(0, 4))
        let late = CommandTests.run("dump-log", "--files", times)
        #expect(late.code == 1)
        #expect(late.errors.contains("Index timestamp: 99, log timestamp: 10"))
    }

    @Test func javaDecodersAreRefused() {
        let result = CommandTests.run(
            "dump-log", "--files", "x.log", "--value-decoder-class", "com.example.D")
        #expect(result.code == 1 && result.errors.contains("cannot load"))
    }

    @Test func schemasAreThoseOfTheRepository() throws {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try RecordSchemasFile.text(package.appendingPathComponent("Schemas"))
        if ProcessInfo.processInfo.environment["REWRITE"] == "1" {
            let target = "Sources/Tools/martlet/Generated/RecordSchemas.swift"
            try RecordSchemasFile.source(text).write(
                to: package.appendingPathComponent(target), atomically: true, encoding: .utf8)
        }
        #expect(RecordSchemas.text == text.dropLast(), "run this test with REWRITE=1")
        for schema in RecordSchema.parse(RecordSchemas.text) {
            #expect(schema.versions.low >= 0 && !schema.name.isEmpty)
            for name in schema.fields.compactMap(\.type.structName) {
                #expect(schema.structs[name] != nil, "\(schema.name) lacks \(name)")
            }
        }
    }
}

/// How `RecordSchemas.swift` is made.
enum RecordSchemasFile {
    private static let folders = [
        "consumer", "control", "group-coordinator", "metadata", "share-coordinator", "storage",
        "transaction-coordinator",
    ]

    /// All record schemas without comments.
    static func text(_ schemas: URL) throws -> String {
        var text = ""
        for folder in folders {
            let directory = schemas.appendingPathComponent(folder).path
            let names = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
            for name in names where name.hasSuffix(".schema") {
                let file = try String(contentsOfFile: directory + "/" + name, encoding: .utf8)
                for line in file.split(separator: "\n") {
                    var code = line[..<(line.firstRange(of: "//")?.lowerBound ?? line.endIndex)]
                    while code.last == " " { code.removeLast() }
                    if !code.isEmpty { text += code + "\n" }
                }
            }
        }
        return text
    }

    static func source(_ text: String) -> String {
        let lines = text.split(separator: "\n").map { "        \($0)\n" }.joined()
        return """
            // Generated from Schemas/ by the test RecordSchemasTests (REWRITE=1): do not edit.
            // swift-format-ignore-file

            /// The record types that `dump-log` prints, in the notation of `Schemas/`.
            enum RecordSchemas {
                static let text = #\"""

            """ + lines + "        \"\"\"#\n}\n"
    }
}
