import MartletClient

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Records to and from lines of text.
///
///     record-pipe write BOOTSTRAP TOPIC [setting=value ...] < lines
///     record-pipe read BOOTSTRAP TOPIC COUNT [setting=value ...]
///     record-pipe member BOOTSTRAP GROUP TOPIC [setting=value ...]
///     record-pipe load BOOTSTRAP TOPIC PARTITION
///     record-pipe follow BOOTSTRAP TOPIC PARTITIONS
///
/// A line has key, value and headers, separated by blanks: bytes in hexadecimal, `-` for none,
/// headers as `name=bytes,name=bytes`. What is read has the partition and the offset before that.
/// Settings have Kafka's names. With `group.id`, `read` is a member of the group; with
/// `transactional.id`, lines `commit` and `abort` end the transaction of the lines before.
/// `member` tells what it does as a member of a group, until SIGTERM makes it leave; `load` and
/// `follow` write and read numbered records until their input ends.
@main struct RecordPipe {
    static func main() async {
        let words = Array(CommandLine.arguments.dropFirst())
        do {
            switch words.first {
            case "write" where words.count >= 3:
                try await write(words[1], words[2], try settings(words[3...]))
            case "read" where words.count >= 4:
                try await read(
                    words[1], words[2], Int(words[3]) ?? 0, try settings(words[4...]))
            case "member" where words.count >= 4:
                try await GroupMember.run(
                    words[1], group: words[2], words[3], try settings(words[4...]))
            case "load" where words.count == 4:
                try await NumberedLoad.write(words[1], words[2], Int32(words[3]) ?? 0)
            case "follow" where words.count == 4:
                try await NumberedLoad.follow(words[1], words[2], Int32(words[3]) ?? 0)
            default:
                throw Complaint(text: "record-pipe write|read|member|load|follow BOOTSTRAP ...")
            }
        } catch {
            print(error)
            exit(1)
        }
    }

    struct Complaint: Error, CustomStringConvertible {
        let text: String
        var description: String { text }
    }

    static func settings(_ words: ArraySlice<String>) throws -> [String: String] {
        var settings: [String: String] = [:]
        for word in words {
            guard let place = word.firstIndex(of: "=") else {
                throw Complaint(text: "'\(word)' is not setting=value")
            }
            settings[String(word[..<place])] = String(word[word.index(after: place)...])
        }
        return settings
    }

    // MARK: Writing

    static func write(_ bootstrap: String, _ topic: String, _ given: [String: String]) async throws
    {
        var settings = ProducerSettings(network: .init(bootstrap: []))
        try settings.apply(given.merging(["bootstrap.servers": bootstrap]) { $1 })
        let isTransactional = settings.transactionalID != nil
        let producer = try Producer(settings)
        while let line = readLine() {
            if isTransactional, !producer.isInTransaction {
                _ = try await producer.beginTransaction()
            }
            switch line {
            case "commit": try await producer.commitTransaction()
            case "abort": try await producer.abortTransaction()
            default: try await producer.enqueue(try record(line, topic))
            }
        }
        try await producer.close()
    }

    static func record(_ line: String, _ topic: String) throws -> ProducerRecord {
        let fields = line.split(separator: " ")
        guard fields.count == 3 else { throw Complaint(text: "'\(line)' has not three fields") }
        var record = ProducerRecord(
            topic: topic, key: try bytes(fields[0]), value: try bytes(fields[1]))
        if fields[2] != "-" {
            for header in fields[2].split(separator: ",") {
                let parts = header.split(separator: "=", omittingEmptySubsequences: false)
                guard parts.count == 2 else { throw Complaint(text: "'\(header)' is no header") }
                record.headers.append(
                    RecordHeader(key: String(parts[0]), value: try bytes(parts[1])))
            }
        }
        return record
    }

    static func bytes(_ text: Substring) throws -> [UInt8]? {
        if text == "-" { return nil }
        let digits = Array(text.utf8)
        return try stride(from: 0, to: digits.count - 1, by: 2).map { place in
            guard
                let byte = UInt8(
                    String(decoding: digits[place...place + 1], as: UTF8.self), radix: 16)
            else { throw Complaint(text: "'\(text)' is not hexadecimal") }
            return byte
        }
    }

    // MARK: Reading

    static func read(
        _ bootstrap: String, _ topic: String, _ count: Int, _ given: [String: String]
    ) async throws {
        var settings = ConsumerSettings(network: .init(bootstrap: []))
        settings.offsetReset = .earliest
        try settings.apply(given.merging(["bootstrap.servers": bootstrap]) { $1 })
        let consumer = try Consumer(settings)
        if settings.group == nil {
            try await consumer.assign(topic: topic)
        } else {
            try consumer.subscribe(to: [topic])
        }
        var seen = 0
        while seen < count, let batch = try await consumer.poll(timeout: .seconds(60)) {
            for record in batch.records {
                print(
                    record.partition, record.offset.rawValue, text(record.key), text(record.value),
                    headers(record.headers))
            }
            seen += batch.records.count
            fflush(nil)
        }
        await consumer.close()
    }

    static func headers(_ headers: [RecordHeader]) -> String {
        headers.isEmpty
            ? "-" : headers.map { "\($0.key)=\(text($0.value))" }.joined(separator: ",")
    }

    static func text(_ bytes: [UInt8]?) -> String {
        guard let bytes else { return "-" }
        return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
