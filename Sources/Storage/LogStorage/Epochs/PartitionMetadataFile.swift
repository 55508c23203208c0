public import KafkaWire

/// `partition.metadata`: the id of the topic that the partition belongs to (KIP-516).
///
/// Two lines, `version: 0` and `topic_id: ` with the id in base64.
public enum PartitionMetadataFile {
    public static let fileName = "partition.metadata"

    static func encode(_ topicID: KafkaUUID) -> [UInt8] {
        Array("version: 0\ntopic_id: \(topicID)".utf8)
    }

    /// `nil` when the text is damaged or names no topic.
    static func decode(_ bytes: [UInt8]) -> KafkaUUID? {
        var id: KafkaUUID?
        var version: Substring?
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            switch line[..<colon] {
            case "version": version = value
            case "topic_id": id = KafkaUUID(String(value.filter { $0 != " " && $0 != "\r" }))
            default: return nil
            }
        }
        guard version == "0", id != .zero else { return nil }
        return id
    }

    /// The topic id of the partition in `directory`; `nil` when the file is absent.
    public static func read(
        _ directory: String, _ fileSystem: any FileSystem
    ) throws(LogError) -> KafkaUUID? {
        let path = "\(directory)/\(fileName)"
        let bytes: [UInt8]?
        do throws(FileError) {
            bytes = try fileSystem.readFile(path, limit: 4096)
        } catch {
            throw .io(error)
        }
        // Empty after a power cut that came before the first record was made durable.
        guard let bytes, !bytes.isEmpty else { return nil }
        guard let id = decode(bytes) else {
            throw .corrupt("\(path) is not a version 0 partition.metadata file with a topic_id")
        }
        return id
    }
}
