import Foundation
import KafkaProtocol

/// A message that Apache Kafka wrote: one line of `KafkaProtocolTests/Golden/messages.txt`.
struct Golden {
    var name: String
    var version: Int16
    /// Whether every field has a value, rather than null or its default.
    var isFull: Bool
    var bytes: [UInt8]
    var type: any KafkaMessage.Type

    static var all: [Golden] {
        get throws {
            let file = URL(filePath: #filePath).deletingLastPathComponent()
                .deletingLastPathComponent().appending(
                    path: "KafkaProtocolTests/Golden/messages.txt")
            let types = Dictionary(
                uniqueKeysWithValues: MessageCatalog.all.map { ("\($0)".lowercased(), $0) })
            return try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
                .compactMap { line in
                    let words = line.split(separator: " ")
                    guard words.count == 4, let type = types[words[0].lowercased()],
                        let version = Int16(words[1])
                    else { return nil }
                    return Golden(
                        name: "\(type)", version: version, isFull: words[2] == "full",
                        bytes: hex(words[3]), type: type)
                }
        }
    }

    private static func hex(_ text: Substring) -> [UInt8] {
        guard text != "-" else { return [] }
        let digits = Array(text.utf8).map { $0 < 58 ? $0 - 48 : $0 - 87 }
        return stride(from: 0, to: digits.count - 1, by: 2).map {
            digits[$0] << 4 | digits[$0 + 1]
        }
    }
}
