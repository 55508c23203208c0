/// What the console consumer is asked to do.
struct ConsumptionPlan {
    var partition: Int32?
    var start: RecordReader.Start
    /// Where to go on after an offset that is not in the log any more.
    var reset: RecordReader.Start
    /// Records to print; `nil`: no end.
    var maxMessages: Int?
    /// Milliseconds without a record after which to stop; `nil`: never.
    var timeout: Int64?
    var readCommitted: Bool
    var formatter: any RecordFormatter
    /// Whether to go on after a record that cannot be printed.
    var skipsBadRecords: Bool
    /// The group to be a member of; `nil`: read without one.
    var group: String?
    /// Settings of the consumer from files and arguments.
    var properties: [String: String]

    /// Throws `Failure` for options that do not go together.
    init(_ options: ParsedOptions) throws {
        _ = try options.exactlyOne(of: ["--topic", "--include"], "The command")
        _ = try options.required("--bootstrap-server")
        try Self.check(options)
        properties = try ConsoleProducerTool.merged(
            options, ["--command-config", "--consumer.config"],
            ["--command-property", "--consumer-property"])
        group = try Self.group(options, properties)
        partition = try options.integer("--partition", 0...Int32.max)
        reset = try Self.reset(options, properties)
        start = try Self.start(options) ?? reset
        let most: Int? = try options.integer("--max-messages", -1...Int(Int32.max))
        maxMessages = most == -1 ? nil : most
        let timeout: Int64? = try options.integer("--timeout-ms")
        self.timeout = timeout.flatMap { $0 >= 0 ? $0 : nil }
        readCommitted = try Self.readCommitted(options, properties)
        formatter = try Self.formatter(options)
        skipsBadRecords = options.has("--skip-message-on-error")
    }

    /// Whether a record after the first `count` is wanted.
    func wantsMore(after count: Int) -> Bool { maxMessages.map { count < $0 } ?? true }

    private static func check(_ options: ParsedOptions) throws(Failure) {
        if options.has("--partition") {
            _ = try options.required("--topic")
            try options.forbid("--from-beginning", with: ["--offset"])
        } else if options.has("--offset") {
            throw .usage("The partition is required when offset is specified.")
        }
        try options.forbid("--command-property", with: ["--consumer-property"])
        try options.forbid("--command-config", with: ["--consumer.config"])
        try options.forbid("--formatter-property", with: ["--property"])
    }

    private static func group(
        _ options: ParsedOptions, _ properties: [String: String]
    ) throws(Failure) -> String? {
        let given = Set([options.value("--group"), properties["group.id"]].compactMap { $0 })
        guard given.count <= 1 else {
            let names = given.sorted().map { "'\($0)'" }.joined(separator: ", ")
            throw .usage(
                "The group ids provided in different places (directly using '--group', via "
                    + "'--consumer-property', or via '--consumer.config') do not match. "
                    + "Detected group ids: \(names)")
        }
        guard given.isEmpty || !options.has("--partition") else {
            throw .usage("Options group and partition cannot be specified together.")
        }
        return given.first
    }

    /// The consumer's settings, with those of the options.
    func consumerProperties(_ servers: String) -> [String: String] {
        var all = properties
        all["bootstrap.servers"] = servers
        all["group.id"] = group
        all["isolation.level"] = readCommitted ? "read_committed" : "read_uncommitted"
        all["auto.offset.reset"] = reset == .earliest ? "earliest" : "latest"
        return all
    }

    private static func reset(
        _ options: ParsedOptions, _ properties: [String: String]
    ) throws(Failure) -> RecordReader.Start {
        guard let text = properties["auto.offset.reset"] else {
            return options.has("--from-beginning") ? .earliest : .latest
        }
        guard text == "earliest" || text == "latest" else {
            throw Failure("auto.offset.reset=\(text) is neither earliest nor latest.")
        }
        guard text == "earliest" || !options.has("--from-beginning") else {
            throw Failure(
                "Can't simultaneously specify --from-beginning and 'auto.offset.reset=\(text)', "
                    + "please remove one option")
        }
        return text == "earliest" ? .earliest : .latest
    }

    private static func start(_ options: ParsedOptions) throws(Failure) -> RecordReader.Start? {
        guard let text = options.value("--offset") else {
            return options.has("--from-beginning") ? .earliest : nil
        }
        switch text.lowercased() {
        case "earliest": return .earliest
        case "latest": return .latest
        default:
            guard let offset = Int64(text), offset >= 0 else {
                throw .usage(
                    "The provided offset value '\(text)' is incorrect. Valid values are "
                        + "'earliest', 'latest', or a non-negative long.")
            }
            return .offset(offset)
        }
    }

    private static func readCommitted(
        _ options: ParsedOptions, _ properties: [String: String]
    ) throws(Failure) -> Bool {
        let given = options.has("--isolation-level") ? options.value("--isolation-level") : nil
        let text = given ?? properties["isolation.level"] ?? "read_uncommitted"
        switch text.lowercased() {
        case "read_committed": return true
        case "read_uncommitted": return false
        default: throw Failure("'\(text)' is neither read_committed nor read_uncommitted.")
        }
    }

    private static func formatter(_ options: ParsedOptions) throws -> any RecordFormatter {
        let properties = try formatterProperties(options)
        guard let name = options.value("--formatter") else {
            return try MessageFormatter(properties)
        }
        let simpleName = name.split { $0 == "." || $0 == "$" }.last ?? ""
        if simpleName == "DefaultMessageFormatter" { return try MessageFormatter(properties) }
        if simpleName == "NoOpMessageFormatter" { return NoFormatter() }
        if let formatter = CoordinatorRecordFormatter(className: simpleName) { return formatter }
        throw Failure(
            "--formatter \(name) names a Java class, which this tool cannot load.",
            remedy: "Use --formatter-property to choose what is printed.")
    }

    private static func formatterProperties(
        _ options: ParsedOptions
    ) throws -> [String: String] {
        var properties = try ConsoleProducerTool.merged(
            options, ["--formatter-config"], ["--formatter-property", "--property"])
        for side in ["key", "value"] {
            if let name = options.value("--\(side)-deserializer"), !name.isEmpty {
                properties["\(side).deserializer"] = name
            }
        }
        return properties
    }
}
