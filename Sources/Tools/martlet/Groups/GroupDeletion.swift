import MartletClient

/// `consumer-groups --delete` and `--delete-offsets`.
enum GroupDeletion {
    /// Deletes the groups; 1 when one of them is left.
    static func deleteGroups(
        _ options: ParsedOptions, _ cluster: AdminSession, _ console: Console
    ) throws -> Int32 {
        let groups = try ConsumerGroupsTool.groups(options, cluster)
        let results = try cluster.ask { await $0.deleteGroups(groups) }
        var deleted: [String] = []
        var failures: [String] = []
        for group in groups {
            switch results[group] {
            case .failure(let error)?:
                failures.append("* Group '\(group)' could not be deleted due to: \(error.cause)")
            default: deleted.append("'\(group)'")
            }
        }
        let names = deleted.joined(separator: ", ")
        guard !failures.isEmpty else {
            console.print("Deletion of requested consumer groups (\(names)) was successful.")
            return 0
        }
        console.error("\nError: Deletion of some consumer groups failed:")
        for failure in failures { console.error(failure) }
        if !deleted.isEmpty {
            console.print("\nThese consumer groups were deleted successfully: \(names)")
        }
        return 1
    }

    /// Deletes offsets of one group and prints what came of each; 1 when one of them is left.
    static func deleteOffsets(
        _ options: ParsedOptions, _ cluster: AdminSession, _ console: Console
    ) throws -> Int32 {
        let groups = Set(options.values("--group"))
        guard groups.count == 1, let group = groups.first else {
            throw Failure.usage("Option --delete-offsets takes one --group.")
        }
        let topics = try TopicArguments.partitions(options.values("--topic"), cluster)
        var rows = topics.failures.map { Row(topic: $0.topic, error: $0.error.cause) }
        var fault = topics.failures.isEmpty ? nil : partialFailure
        let partitions = topics.partitions
        do {
            let results = try cluster.ask { try await $0.deleteGroupOffsets(group, partitions) }
            for partition in partitions {
                var reason: String?
                if case .failure(let error)? = results[partition] { reason = error.cause }
                if reason != nil { fault = partialFailure }
                rows.append(Row(partition, error: reason))
            }
        } catch let error as ClientError where error.kafkaError != nil {
            fault = error.cause
            rows += partitions.map { Row($0, error: error.cause) }
        }
        if let fault {
            console.error("\nError: \(fault)")
        } else {
            console.print("Request succeeded for deleting offsets from group \(group).")
        }
        show(rows, console)
        return fault == nil ? 0 : 1
    }

    private static let partialFailure =
        "Encountered some partition-level error, see the follow-up details."

    /// What became of the offset of one partition, or of those of a topic.
    private struct Row {
        var topic: String
        var partition = GroupReports.missing
        var status: String

        init(topic: String, error: String) {
            self.topic = topic
            status = "Error: \(error)"
        }
        init(_ partition: TopicPartition, error: String?) {
            topic = partition.topic
            self.partition = "\(partition.partition)"
            status = error.map { "Error: \($0)" } ?? "Successful"
        }
    }

    private static func show(_ rows: [Row], _ console: Console) {
        let widths = [TextColumns.width(rows.map(\.topic), atLeast: 15), 10, 15]
        console.write("\n" + TextColumns.row(["TOPIC", "PARTITION", "STATUS"], widths))
        for row in rows {
            let cells = [row.topic, row.partition, row.status]
            console.write("\n" + TextColumns.row(cells, widths))
        }
        console.print()
    }
}
