import MartletClient

/// `martlet consumer-groups`, `kafka-consumer-groups.sh`.
enum ConsumerGroupsTool: Tool {
    static let name = "consumer-groups"
    static let kafkaNames = ["kafka-consumer-groups"]
    static let summary =
        "List, describe and delete consumer groups; reset and delete their offsets."
    private static let actions = [
        "--list", "--describe", "--delete", "--reset-offsets", "--delete-offsets",
        "--validate-regex",
    ]
    static let options: [OptionSpec] =
        ClientOptions.specs + [
            .flag("--list", help: "List the groups."),
            .flag("--describe", help: "Show groups: their offsets, members or state."),
            .flag("--delete", help: "Delete groups that have no members, with their offsets."),
            .flag("--reset-offsets", help: "Set the offsets of groups that have no members."),
            .flag("--delete-offsets", help: "Delete offsets of one group."),
            .value(
                "--validate-regex", label: "regex",
                help: "Say whether a subscription's regular expression (RE2) is well-formed."),
            .value(
                "--group", label: "group", help: "The group; may be repeated.", isRepeatable: true),
            .flag("--all-groups", help: "All groups, in the place of --group."),
            .value(
                "--topic", label: "topic[:p1,p2]",
                help: "With --reset-offsets and --delete-offsets: the topic, or some partitions "
                    + "of it. May be repeated.", isRepeatable: true),
            .flag(
                "--all-topics",
                help: "With --reset-offsets: all partitions that have a committed offset."),
            .flag("--members", help: "With --describe: the members."),
            .flag("--offsets", help: "With --describe: offsets and lag (the default)."),
            .optionalValue(
                "--state", label: "state1,state2",
                help: "With --describe: the state of the group. With --list: the state of each "
                    + "group, or only groups in these states."),
            .optionalValue(
                "--type", label: "type1,type2",
                help: "With --list: the type of each group, or only groups of these types."),
            .flag("--verbose", help: "With --describe: more columns."),
        ] + OffsetReset.options + [
            .value(
                "--timeout", label: "ms",
                help: "Time for the operation, coordinators that are still loading included.",
                default: "30000"),
            .json,
        ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        let action = try options.exactlyOne(of: actions, "Command")
        if let regex = options.value("--validate-regex") {
            console.print(RegexCheck.verdict(on: regex))
            return 0
        }
        _ = try options.required("--bootstrap-server")
        try check(options, action)
        let reset = action == "--reset-offsets" ? try OffsetReset(options, console) : nil
        let states = try states(options)
        let types = try types(options)
        let cluster = try AdminSession(
            options, id: "consumer-groups-tool",
            timeout: try options.integer("--timeout", 1...Int(Int32.max)))
        defer { cluster.close() }
        do {
            switch action {
            case "--list": try GroupListings.run(options, states, types, cluster, console)
            case "--describe": return try GroupReports(options, cluster, console).run()
            case "--delete": return try GroupDeletion.deleteGroups(options, cluster, console)
            case "--delete-offsets":
                return try GroupDeletion.deleteOffsets(options, cluster, console)
            default: return try reset?.run(try groups(options, cluster), cluster) ?? 0
            }
            return 0
        } catch let failure as Failure { throw failure } catch {
            throw Failure("Error: Executing consumer group command failed due to \(error.cause)")
        }
    }

    /// The groups that `--group` or `--all-groups` names, sorted.
    static func groups(_ options: ParsedOptions, _ cluster: AdminSession) throws -> [String] {
        guard options.has("--all-groups") else { return Set(options.values("--group")).sorted() }
        let types = [GroupType.classic, .consumer].map(\.rawValue)
        return try cluster.ask { try await $0.listGroups(types: types) }
            .filter(\.isOfConsumers).map(\.id)
    }

    private static func check(_ options: ParsedOptions, _ action: String) throws(Failure) {
        let allowed: [(String, [String])] = [
            ("--members", ["--describe"]), ("--offsets", ["--describe"]),
            ("--verbose", ["--describe"]), ("--state", ["--describe", "--list"]),
            ("--type", ["--list"]),
            ("--group", ["--describe", "--delete", "--reset-offsets", "--delete-offsets"]),
            ("--topic", ["--reset-offsets", "--delete-offsets"]),
        ]
        for (option, actions) in allowed where options.has(option) {
            guard actions.contains(action) else {
                throw .usage("Option \(option) can't be used with option \(action).")
            }
        }
        try options.forbid("--group", with: ["--all-groups"])
        let needsGroups = ["--describe", "--delete", "--reset-offsets"].contains(action)
        if needsGroups, !options.has("--group"), !options.has("--all-groups") {
            throw .usage("Option \(action) takes one of these options: --all-groups, --group.")
        }
        if action == "--delete-offsets", !options.has("--group") || !options.has("--topic") {
            throw .usage("Option --delete-offsets takes the following options: --group, --topic.")
        }
        guard action == "--describe" else { return }
        if ["--members", "--offsets", "--state"].count(where: options.has) > 1 {
            throw .usage(
                "Option --describe takes at most one of these options: --members, --offsets, "
                    + "--state.")
        }
        if options.value("--state") != nil {
            throw .usage("Option --describe does not take a value for --state.")
        }
    }

    private static func states(_ options: ParsedOptions) throws(Failure) -> [GroupState] {
        guard let text = options.value("--state"), !text.isEmpty else { return [] }
        let states = text.split(separator: ",", omittingEmptySubsequences: false).map {
            GroupState(named: String($0).trimmed)
        }
        guard states.allSatisfy(GroupState.ofConsumerGroups.contains) else {
            throw .usage(
                "Invalid state list '\(text)'. Valid states are: "
                    + GroupState.ofConsumerGroups.map(\.rawValue).joined(separator: ", "))
        }
        return states
    }

    private static func types(_ options: ParsedOptions) throws(Failure) -> [GroupType] {
        let all: [GroupType] = [.classic, .consumer]
        guard let text = options.value("--type"), !text.isEmpty else { return all }
        let types = text.split(separator: ",", omittingEmptySubsequences: false).map {
            GroupType(named: String($0).trimmed)
        }
        guard types.allSatisfy(all.contains) else {
            throw .usage(
                "Invalid types list '\(text)'. Valid types are: "
                    + all.map(\.rawValue).joined(separator: ", "))
        }
        return types
    }
}
