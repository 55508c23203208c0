import HistoryChecker

/// `martlet check-history`: what a recorded history says about the brokers that it was made with.
enum CheckHistoryTool: Tool {
    static let name = "check-history"
    static let summary =
        "Check what clients of a Kafka cluster were told and saw, for lost, "
        + "duplicated, reordered or aborted records, torn transactions and wrong offsets."
    static let options: [OptionSpec] = [
        .value(
            "--evidence", label: "count",
            help: "Anomalies of each kind to print with the lines that show them.", default: "5"),
        .json,
    ]
    static let allowsOperands = true

    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32 {
        let options = invocation.options
        guard options.operands.count == 1 else {
            throw Failure.usage(
                "Give one file of JSON lines (docs/HISTORY.md), or - for the input.")
        }
        let shown = try options.integer("--evidence", 0...HistoryReport.listed) ?? 5
        let file = HistoryFile(path: options.operands[0])
        let report = try check(file)
        if options.has("--json") {
            console.print(json(report).text)
        } else {
            try print(report, file, shown, console)
        }
        return report.counts.isEmpty ? 0 : 1
    }

    private static func check(_ file: HistoryFile) throws(Failure) -> HistoryReport {
        var checker = HistoryChecker()
        try file.forEachLine { number, text throws(Failure) in
            do {
                guard let event = try HistoryLine.event(text) else { return }
                try checker.take(event, line: number)
            } catch {
                let reason = (error as? HistoryFault)?.text ?? "\(error)"
                throw Failure(
                    "\(file.path), line \(number): \(reason).",
                    remedy: "docs/HISTORY.md describes the lines.")
            }
        }
        return checker.finish()
    }

    private static func print(
        _ report: HistoryReport, _ file: HistoryFile, _ shown: Int, _ console: Console
    ) throws(Failure) {
        var printed: [Anomaly] = []
        for kind in Anomaly.Kind.allCases {
            printed += report.anomalies.filter { $0.kind == kind }.prefix(shown)
        }
        let texts = try file.lines(Set(printed.flatMap(\.lines)))
        for anomaly in printed {
            console.print("\(anomaly.kind.rawValue): \(anomaly.text)")
            for line in anomaly.lines {
                console.print("    line \(line)" + (texts[line].map { ": \($0)" } ?? ""))
            }
        }
        console.print(
            "\(report.events) events: \(report.writes) records sent, \(report.acknowledged) "
                + "acknowledged (\(report.unread) of them not read), \(report.reads) reads, "
                + "\(report.transactions) transactions.")
        let found = Anomaly.Kind.allCases.compactMap { kind in
            report.counts[kind].map { "\(kind.rawValue) \($0)" }
        }
        console.print(
            found.isEmpty ? "No anomaly." : "Anomalies: " + found.joined(separator: ", ") + ".")
    }

    private static func json(_ report: HistoryReport) -> JSON {
        func number(_ value: Int) -> JSON { .integer(Int64(value)) }
        return .object([
            ("valid", .bool(report.counts.isEmpty)),
            ("events", number(report.events)), ("sent", number(report.writes)),
            ("acknowledged", number(report.acknowledged)), ("unread", number(report.unread)),
            ("reads", number(report.reads)), ("transactions", number(report.transactions)),
            (
                "counts",
                .object(
                    Anomaly.Kind.allCases.compactMap { kind in
                        report.counts[kind].map { (kind.rawValue, number($0)) }
                    })
            ),
            (
                "anomalies",
                .array(
                    report.anomalies.map {
                        .object([
                            ("kind", .string($0.kind.rawValue)), ("text", .string($0.text)),
                            ("lines", .array($0.lines.map(number))),
                        ])
                    })
            ),
        ])
    }
}
