import Foundation
import KafkaProtocol
import KafkaWire

/// One line of `Golden/messages.txt`.
struct GoldenMessage: Sendable, CustomStringConvertible {
    var name: String
    var version: Int16
    var isFull: Bool
    var bytes: [UInt8]
    var type: any KafkaMessage.Type

    var description: String { "\(name) v\(version)\(isFull ? "" : " null")" }

    struct BadLine: Error { var line: Substring }

    /// All lines; throws for one that names no message of ours.
    static func all() throws -> [GoldenMessage] {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Golden/messages.txt")
        let types = Dictionary(
            uniqueKeysWithValues: MessageCatalog.all.map { ("\($0)".lowercased(), $0) })
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map { line in
            let words = line.split(separator: " ")
            guard words.count == 4, let type = types[words[0].lowercased()],
                let version = Int16(words[1]), let bytes = hex(words[3])
            else { throw BadLine(line: line) }
            return GoldenMessage(
                name: String(words[0]), version: version, isFull: words[2] == "full",
                bytes: bytes, type: type)
        }
    }

    static func hex(_ text: Substring) -> [UInt8]? {
        if text == "-" { return [] }
        var bytes: [UInt8] = []
        var rest = text
        while !rest.isEmpty {
            guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return bytes
    }
}

/// `message` with the records that lie in `frame` copied, so that it can be written again.
func withRecords<Message: KafkaMessage>(_ message: Message, from frame: [UInt8]) -> Message {
    func copied(_ records: RecordsField) -> RecordsField {
        if case .inFrame(let range) = records { return .bytes(Array(frame[range])) }
        return records
    }
    var result: any KafkaMessage = message
    if var produce = message as? ProduceRequest {
        for topic in produce.topicData.indices {
            for partition in produce.topicData[topic].partitionData.indices {
                let records = produce.topicData[topic].partitionData[partition].records
                produce.topicData[topic].partitionData[partition].records = copied(records)
            }
        }
        result = produce
    } else if var fetch = message as? FetchResponse {
        for topic in fetch.responses.indices {
            for partition in fetch.responses[topic].partitions.indices {
                let records = fetch.responses[topic].partitions[partition].records
                fetch.responses[topic].partitions[partition].records = copied(records)
            }
        }
        result = fetch
    } else if var fetch = message as? ShareFetchResponse {
        for topic in fetch.responses.indices {
            for partition in fetch.responses[topic].partitions.indices {
                let records = fetch.responses[topic].partitions[partition].records
                fetch.responses[topic].partitions[partition].records = copied(records)
            }
        }
        result = fetch
    } else if var snapshot = message as? FetchSnapshotResponse {
        for topic in snapshot.topics.indices {
            for partition in snapshot.topics[topic].partitions.indices {
                let records = snapshot.topics[topic].partitions[partition].unalignedRecords
                snapshot.topics[topic].partitions[partition].unalignedRecords = copied(records)
            }
        }
        result = snapshot
    }
    return result as? Message ?? message
}
