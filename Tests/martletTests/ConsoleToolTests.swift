import Foundation
import ClientCore
import KafkaRecords
import KafkaWire
import Testing

@testable import martlet

@Suite struct LineParserTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func plainLinesAreValues() throws {
        let parser = try LineParser([:])
        #expect(try parser.record(bytes("a\tb"), number: 1) == ConsoleRecord(value: bytes("a\tb")))
        #expect(try parser.record([0xFF, 0x00], number: 1).value == [0xFF, 0x00])
    }

    @Test func keysHeadersAndNulls() throws {
        let parser = try LineParser([
            "parse.key": "true", "parse.headers": "true", "null.marker": "NULL",
            "key.separator": "::",
        ])
        let record = try parser.record(bytes("a:1,b:NULL\tk::v::w"), number: 1)
        #expect(record.key == bytes("k"))
        #expect(record.value == bytes("v::w"))
        #expect(
            record.headers == [
                RecordHeader(key: "a", value: bytes("1")), RecordHeader(key: "b", value: nil),
            ])
        let nulls = try parser.record(bytes("NULL\tNULL::NULL"), number: 1)
        #expect(nulls.key == nil && nulls.value == nil && nulls.headers.isEmpty)
    }

    @Test func missingSeparators() throws {
        let strict = try LineParser(["parse.key": "true"])
        let failure = #expect(throws: Failure.self) {
            try strict.record(bytes("no key"), number: 7)
        }
        #expect(failure?.message.contains("line number 7: 'no key'") == true)
        let lenient = try LineParser(["parse.key": "true", "ignore.error": "true"])
        #expect(try lenient.record(bytes("no key"), number: 7).value == bytes("no key"))
    }

    @Test func separatorsMustDiffer() {
        #expect(throws: Failure.self) { try LineParser(["headers.delimiter": ","]) }
        #expect(throws: Failure.self) {
            try LineParser(["null.marker": "\t", "key.separator": "\t"])
        }
    }
}

@Suite struct InputLinesTests {
    private func lines(_ pieces: [String]) throws -> [String] {
        let pipe = Pipe()
        var input = InputLines(descriptor: pipe.fileHandleForReading.fileDescriptor)
        var lines: [String] = []
        for piece in pieces {
            pipe.fileHandleForWriting.write(Data(piece.utf8))
            while case .line(let line) = try input.next(milliseconds: 0) {
                lines.append(String(decoding: line, as: UTF8.self))
            }
        }
        pipe.fileHandleForWriting.closeFile()
        while case .line(let line) = try input.next(milliseconds: -1) {
            lines.append(String(decoding: line, as: UTF8.self))
        }
        let last = try input.next(milliseconds: -1)
        #expect(last == .end)
        return lines
    }

    @Test func endsOfLines() throws {
        #expect(try lines(["a\nb\r\nc\rd"]) == ["a", "b", "c", "d"])
        #expect(try lines(["a\r", "\nb\n\nc"]) == ["a", "b", "", "c"])
        #expect(try lines([]) == [])
        #expect(try lines(["\n"]) == [""])
        #expect(try lines(["ab", "cd\n"]) == ["abcd"])
    }

    @Test func longLine() throws {
        let long = String(repeating: "x", count: 60_000)
        #expect(try lines([long, long + "\n"]) == [long + long])
    }
}

@Suite struct MessageFormatterTests {
    private let record = ConsumedRecord(
        topic: "t", partition: 3, offset: Offset(42), timestamp: 1000, timestampType: .createTime,
        leaderEpoch: LeaderEpoch(1),
        content: ConsoleRecord(
            key: nil, value: Array("v".utf8),
            headers: [
                RecordHeader(key: "h", value: Array("1".utf8)), RecordHeader(key: "n", value: nil),
            ]))

    private func text(_ properties: [String: String]) throws -> String {
        var out: [UInt8] = []
        try MessageFormatter(properties).write(record, to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    @Test func columns() throws {
        #expect(try text([:]) == "v\n")
        #expect(try text(["print.key": "true", "null.literal": "-"]) == "-\tv\n")
        #expect(
            try text([
                "print.timestamp": "true", "print.partition": "true", "print.offset": "true",
                "print.epoch": "true", "print.headers": "true", "print.key": "true",
                "key.separator": "|", "line.separator": ";",
            ]) == "CreateTime:1000|Partition:3|Offset:42|Epoch:1|h:1,n:null|null|v;")
        #expect(try text(["print.key": "true", "print.value": "false"]) == "null\n")
        #expect(throws: Failure.self) { try text(["value.deserializer": "com.example.Avro"]) }
    }
}

@Suite struct ConsoleOptionTests {
    @Test func producerSettings() throws {
        func settings(_ arguments: String..., properties: [String: String] = [:]) throws
            -> ProducerSettings
        {
            let options = try ParsedOptions(
                ["--topic", "t"] + arguments, specs: ConsoleProducerTool.options)
            return try ConsoleProducerSettings.settings(options, properties, bootstrap: "x:1")
        }
        let usual = try settings()
        #expect(usual.linger == .seconds(1) && usual.network.requestTimeout == .milliseconds(1500))
        #expect(usual.retries == 3 && usual.maxBlock == .seconds(3) && usual.isIdempotent)
        #expect(usual.compression == .none && usual.network.bootstrap.map(\.port) == [1])
        #expect(try settings("--compression-codec").compression == .gzip)
        #expect(try settings("--compression-codec", "zstd").compression == .zstd)
        #expect(try settings("--request-required-acks", "1").isIdempotent == false)
        #expect(try settings(properties: ["batch.size": "99"]).batchSize == 99)
        #expect(
            try settings("--batch-size", "7", properties: ["batch.size": "99"]).batchSize == 7)
        #expect(throws: Failure.self) { try settings(properties: ["transactional.id": "x"]) }
        #expect(throws: Failure.self) { try settings("--compression-codec", "brotli") }
        #expect(throws: Failure.self) { try settings("--request-required-acks", "2") }
        #expect(throws: Failure.self) { try settings("--timeout", "soon") }
    }

    @Test func consumptionPlan() throws {
        func plan(_ arguments: String...) throws -> ConsumptionPlan {
            try ConsumptionPlan(
                try ParsedOptions(
                    ["--topic", "t", "--bootstrap-server", "x:1"] + arguments,
                    specs: ConsoleConsumerTool.options))
        }
        #expect(try plan().start == .latest)
        #expect(try plan("--from-beginning").start == .earliest)
        #expect(try plan("--partition", "0", "--offset", "7").start == .offset(7))
        #expect(try plan("--partition", "0", "--offset", "earliest").start == .earliest)
        #expect(try plan("--max-messages", "2").wantsMore(after: 2) == false)
        #expect(try plan("--isolation-level", "read_committed").readCommitted)
        #expect(throws: Failure.self) { try plan("--offset", "7") }
        #expect(throws: Failure.self) { try plan("--partition", "0", "--offset", "-7") }
        #expect(throws: Failure.self) { try plan("--formatter", "com.example.F") }
        #expect(throws: Failure.self) {
            try plan("--from-beginning", "--command-property", "auto.offset.reset=latest")
        }
    }
}
