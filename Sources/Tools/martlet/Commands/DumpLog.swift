import KafkaRecords

/// `martlet dump-log`, `kafka-dump-log.sh`.
enum DumpLogTool: Tool {
    static let name = "dump-log"
    static let kafkaNames = ["kafka-dump-log"]
    static let summary = "Print segment files, indexes and snapshots, and check them."
    static let options: [OptionSpec] = [
        .value("--files", label: "file1,file2", help: "The files to print."),
        .flag(
            "--print-data-log",
            help: "Print keys and values; so does any of the decoders."),
        .flag("--deep-iteration", help: "Go through the records in each batch."),
        .flag(
            "--deep-check",
            help: "Check everything and print nothing but faults: checksums, records, index "
                + "entries, order of offsets and times. --files may then name directories "
                + "(Martlet only)."),
        .flag("--verify-index-only", help: "Check indexes without printing their entries."),
        .flag(
            "--index-sanity-check",
            help: "Check of indexes only what a broker checks when it starts."),
        .value("--max-message-size", label: "bytes", help: "Largest message.", default: "5242880"),
        .value(
            "--max-bytes", label: "bytes", help: "Bytes of batches to read from each file.",
            default: "2147483647"),
        .flag(
            "--skip-record-metadata",
            help: "Print keys and values only; leaves control records out."),
        .flag("--offsets-decoder", help: "Records are those of __consumer_offsets."),
        .flag("--transaction-log-decoder", help: "Records are those of __transaction_state."),
        .flag("--cluster-metadata-decoder", help: "Records are those of __cluster_metadata."),
        .flag("--remote-log-metadata-decoder", help: "Records are those of __remote_log_metadata."),
        .flag("--share-group-state-decoder", help: "Records are those of __share_group_state."),
        .optionalValue(
            "--value-decoder-class", label: "class", help: "Java classes cannot be loaded.",
            isHidden: true),
        .optionalValue(
            "--key-decoder-class", label: "class", help: "Java classes cannot be loaded.",
            isHidden: true),
    ]

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        let isCheck = options.has("--deep-check")
        var files = try options.required("--files").split(separator: ",").map(String.init)
        if isCheck { files = try files.flatMap(DirectoryWalk.files) }
        let silent = Console(captures: false, isSilent: isCheck)
        let output = isCheck ? silent : console
        let report = DamageReport(console)
        let logs = try logDump(options)
        let indexes = IndexDump(
            verifiesOnly: options.has("--verify-index-only") || isCheck,
            sanityOnly: options.has("--index-sanity-check"), console: output, report: report)
        for file in files {
            output.print("Dumping \(file)")
            switch file.split(separator: "/").last?.split(separator: ".").last ?? "" {
            case "log", "checkpoint": try logs.run(file, output, report)
            case "index": try indexes.offsetIndex(file)
            case "timeindex": try indexes.timeIndex(file)
            case "snapshot": try indexes.producerSnapshot(file)
            case "txnindex": try indexes.transactionIndex(file)
            default: console.error("Ignoring unknown file \(file)")
            }
        }
        if isCheck, report.isEmpty { console.print("No damage in \(files.count) files.") }
        return report.isEmpty ? 0 : 1
    }

    private static func logDump(_ options: ParsedOptions) throws(Failure) -> LogDump {
        for name in ["--value-decoder-class", "--key-decoder-class"] where options.has(name) {
            guard let decoder = options.value(name), !decoder.hasSuffix(".StringDecoder") else {
                continue
            }
            throw Failure(
                "\(name) \(decoder) names a Java class, which this tool cannot load.",
                remedy: "Leave it out to print UTF-8 text, or use one of the --…-decoder options.")
        }
        var dump = LogDump()
        let decoders: [(String, RecordText.Parser)] = [
            ("--offsets-decoder", RecordText.offsets),
            ("--transaction-log-decoder", RecordText.transactions),
            ("--cluster-metadata-decoder", RecordText.clusterMetadata),
            ("--remote-log-metadata-decoder", RecordText.remoteLogMetadata),
            ("--share-group-state-decoder", RecordText.shareState),
        ]
        let decoder = decoders.first { options.has($0.0) }
        if let decoder { dump.parser = decoder.1 }
        let printing = ["--print-data-log", "--value-decoder-class", "--key-decoder-class"]
        dump.printsContents = decoder != nil || printing.contains(where: options.has)
        dump.isDeep =
            dump.printsContents || options.has("--deep-iteration") || options.has("--deep-check")
        dump.reportsGaps = !options.has("--deep-check")
        dump.skipsMetadata = options.has("--skip-record-metadata")
        dump.maxBytes = try options.integer("--max-bytes", 0...Int(Int32.max)) ?? Int(Int32.max)
        return dump
    }
}
