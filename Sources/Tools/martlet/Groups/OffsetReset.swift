import MartletClient

/// `consumer-groups --reset-offsets`: plans new offsets and, when told so, commits them.
struct OffsetReset {
    /// How new offsets are found.
    enum Scenario: Equatable {
        case earliest
        case latest
        case current
        case shift(Int64)
        case offset(Int64)
        /// Milliseconds since 1970.
        case time(Int64)
        case file(OffsetPlanFile)
    }

    /// Which partitions are reset.
    enum Scope: Equatable {
        case allTopics
        case topics([String])
        /// Those that the file names.
        case file
    }

    static let options: [OptionSpec] = [
        .flag("--dry-run", help: "With --reset-offsets: only show the new offsets."),
        .flag("--execute", help: "With --reset-offsets: commit them."),
        .flag("--export", help: "With --reset-offsets: print them as CSV, for --from-file."),
        .value("--to-offset", label: "offset", help: "Reset to this offset."),
        .value(
            "--from-file", label: "file",
            help: "Reset to what the CSV file says: topic,partition,offset, or with several "
                + "groups group,topic,partition,offset."),
        .value(
            "--to-datetime", label: "YYYY-MM-DDThh:mm:ss.sss",
            help: "Reset to the first record of this time or later."),
        .value(
            "--by-duration", label: "PnDTnHnMnS",
            help: "Reset to the first record that is not older than this."),
        .flag("--to-earliest", help: "Reset to the first record."),
        .flag("--to-latest", help: "Reset to the end."),
        .flag(
            "--to-current",
            help: "Reset to what is committed, or to the end where nothing is."),
        .value("--shift-by", label: "n", help: "Move offsets by n, which may be negative."),
    ]
    private static let scenarios = [
        "--to-offset", "--shift-by", "--to-datetime", "--by-duration", "--to-earliest",
        "--to-latest", "--to-current", "--from-file",
    ]

    private let scenario: Scenario
    private let scope: Scope
    private let executes: Bool
    private let groupOptions: [String]
    private let options: ParsedOptions
    private let console: Console

    /// Checks the options, reads the file and warns when nothing says whether to execute.
    init(_ options: ParsedOptions, _ console: Console) throws {
        try options.forbid("--execute", with: ["--dry-run"])
        if !options.has("--execute"), !options.has("--dry-run") {
            console.error(
                "WARN: No action will be performed as the --execute option is missing. "
                    + "From Kafka 5.0 on, --reset-offsets needs either --dry-run or --execute: "
                    + "scripts should say --dry-run.")
        }
        let given = Self.scenarios.filter(options.has)
        guard given.count == 1, let name = given.first else {
            throw Failure.usage(
                "Option --reset-offsets requires exactly one of these: "
                    + Self.scenarios.joined(separator: ", "))
        }
        groupOptions = options.values("--group")
        scenario = try Self.scenario(name, options)
        scope = try Self.scope(options)
        executes = options.has("--execute")
        self.options = options
        self.console = console
    }

    private static func scenario(
        _ name: String, _ options: ParsedOptions
    ) throws -> Scenario {
        let text = options.value(name) ?? ""
        switch name {
        case "--to-offset": return .offset(try options.integer(name) ?? 0)
        case "--shift-by": return .shift(try options.integer(name) ?? 0)
        case "--to-datetime": return .time(try TimeText.dateTime(text))
        case "--by-duration": return .time(Clocks.wall - (try TimeText.duration(text)))
        case "--to-earliest": return .earliest
        case "--to-latest": return .latest
        case "--to-current": return .current
        default:
            let groups = options.values("--group")
            return .file(try OffsetPlanFile(try TextFile.read(text), text, groups: groups))
        }
    }

    private static func scope(_ options: ParsedOptions) throws(Failure) -> Scope {
        if options.has("--all-topics") { return .allTopics }
        if options.has("--topic") { return .topics(options.values("--topic")) }
        guard options.has("--from-file") else {
            throw .usage(
                "One of the reset scopes should be defined: --all-topics, --topic.")
        }
        return .file
    }

    /// Resets the groups, prints the new offsets; 1 when a group was left out.
    func run(_ groups: [String], _ cluster: AdminSession) throws -> Int32 {
        let descriptions = try cluster.describeConsumerGroups(groups)
        var plan: [(group: String, offsets: [TopicPartition: Offset])] = []
        var code: Int32 = 0
        for group in groups {
            var offsets: [TopicPartition: Offset]?
            switch descriptions[group] {
            case .success(let found)?
            where found.groupState != .empty && found.groupState != .dead:
                console.error(
                    "\nError: Assignments can only be reset if the group '\(group)' is inactive, "
                        + "but the current state is \(found.groupState.rawValue).")
            case .failure(let error)? where error.kafkaError != .groupIDNotFound: throw error
            default: offsets = try reset(group, cluster)
            }
            if offsets == nil { code = 1 }
            plan.append((group, offsets ?? [:]))
        }
        show(plan)
        return code
    }

    private func reset(
        _ group: String, _ cluster: AdminSession
    ) throws -> [TopicPartition: Offset]? {
        let planner = OffsetPlanner(cluster, group, console)
        let partitions =
            switch scope {
            case .allTopics: Array(try cluster.ask { try await $0.listGroupOffsets(group) }.keys)
            case .topics(let topics): try TopicArguments.partitions(topics, cluster).get()
            case .file: [TopicPartition]()
            }
        try planner.check(partitions)
        guard let offsets = try planner.offsets(for: partitions, scenario) else { return nil }
        if executes {
            let commits = offsets.mapValues { CommittedOffset($0) }
            _ = try cluster.ask { try await $0.alterGroupOffsets(group, commits) }
                .whole { "Partition \($0)" }
        }
        return offsets
    }

    private func show(_ plan: [(group: String, offsets: [TopicPartition: Offset])]) {
        let rows = plan.flatMap { group, offsets in
            offsets.sorted { $0.key < $1.key }.map { (group, $0.key, $0.value) }
        }
        if options.has("--json") {
            let documents = rows.map { group, partition, offset in
                JSON.object([
                    ("group", .string(group)), ("topic", .string(partition.topic)),
                    ("partition", .integer(Int64(partition.partition))),
                    ("newOffset", .integer(offset.rawValue)),
                ])
            }
            return console.print(JSON.array(documents).text)
        }
        if options.has("--export") {
            let lines = rows.map { group, partition, offset in
                let cells = [partition.topic, "\(partition.partition)", "\(offset)"]
                return CSVLine.text((groupOptions.count == 1 ? [] : [group]) + cells) + "\n"
            }
            return console.print(lines.joined())
        }
        let widths = [
            TextColumns.width(plan.map(\.group), atLeast: 15),
            TextColumns.width(rows.map(\.1.topic), atLeast: 15), 10, 0,
        ]
        if !plan.isEmpty {
            let header = ["GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"]
            console.write("\n" + TextColumns.row(header, widths))
        }
        for (group, partition, offset) in rows {
            let cells = [group, partition.topic, "\(partition.partition)", "\(offset)"]
            console.write("\n" + TextColumns.row(cells, widths))
        }
        console.print()
    }
}
