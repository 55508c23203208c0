import MartletClient

/// `martlet delete-records`, `kafka-delete-records.sh`.
enum DeleteRecordsTool: Tool {
    static let name = "delete-records"
    static let kafkaNames = ["kafka-delete-records"]
    static let summary = "Delete the records of partitions below given offsets."
    static let options: [OptionSpec] =
        ClientOptions.specs + [
            .value(
                "--offset-json-file", label: "file",
                help: "What to delete: {\"partitions\": [{\"topic\": \"foo\", \"partition\": 1, "
                    + "\"offset\": 1}], \"version\": 1}. Offset -1 deletes all.")
        ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        _ = try options.required("--bootstrap-server")
        let path = try options.required("--offset-json-file")
        let offsets = try parse(try TextFile.read(path))
        let cluster = try AdminSession(options, id: "delete-records-tool")
        defer { cluster.close() }
        console.print("Executing records delete operation")
        let results = try cluster.ask { try await $0.deleteRecords(before: offsets) }
        console.print("Records delete operation completed:")
        for (partition, result) in results.sorted(by: { $0.key < $1.key }) {
            switch result {
            case .success(let low):
                console.print("partition: \(partition)\tlow_watermark: \(low)")
            case .failure(let error):
                console.print("partition: \(partition)\terror: \(error.cause)")
            }
        }
        return 0
    }

    /// The offsets in the JSON text.
    /// `nil` for all records.
    static func parse(_ text: String) throws(Failure) -> [TopicPartition: Offset?] {
        let document = try JSONParser.parse(text)
        let version = document["version"]?.integerValue ?? 1
        guard version == 1 else { throw Failure("Not supported version field value \(version)") }
        guard let partitions = document["partitions"]?.elements else {
            throw Failure("Missing partitions field")
        }
        var offsets: [TopicPartition: Offset?] = [:]
        for entry in partitions {
            guard let topic = entry["topic"]?.stringValue,
                let partition = entry["partition"]?.integerValue.flatMap(Int32.init(exactly:)),
                let offset = entry["offset"]?.integerValue
            else {
                throw Failure(
                    "'\(entry.text)' is no partition's offset.",
                    remedy: "Write {\"topic\": \"name\", \"partition\": 0, \"offset\": 1}.")
            }
            let id = TopicPartition(topic: topic, partition: partition)
            let before = offset == -1 ? nil : Offset(offset)
            guard offsets.updateValue(before, forKey: id) == nil else {
                throw Failure("Offset json file contains duplicate topic partitions: \(id)")
            }
        }
        return offsets
    }
}
