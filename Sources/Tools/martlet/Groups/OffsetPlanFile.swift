import KafkaWire

/// A CSV file of offsets, as `--export` writes it: `topic,partition,offset` for the one group of
/// the command line, or `group,topic,partition,offset`.
struct OffsetPlanFile: Equatable {
    private var plans: [String: [TopicPartition: Offset]] = [:]

    /// Reads the file's text; `groups` are those of the command line, `path` is for messages.
    init(_ text: String, _ path: String, groups: [String]) throws(Failure) {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            .enumerated().filter { !String($0.element).trimmed.isEmpty }
        var isShort: Bool?
        for (index, line) in lines {
            let place = "\(path), line \(index + 1)"
            let cells = try CSVLine.cells(String(line), place)
            let isShortLine = cells.count == 3
            guard cells.count == 4 || isShortLine, isShort ?? isShortLine == isShortLine,
                let partition = Int32(cells[cells.count - 2].trimmed), partition >= 0,
                let offset = Int64(cells[cells.count - 1].trimmed), offset >= 0
            else {
                throw Failure(
                    "\(place): '\(line)' is neither topic,partition,offset nor "
                        + "group,topic,partition,offset, as its first line is.")
            }
            isShort = isShortLine
            guard !isShortLine || groups.count == 1 else {
                throw Failure(
                    "\(place): a file without groups needs exactly one --group.",
                    remedy: "Write group,topic,partition,offset.")
            }
            let group = isShortLine ? groups[0] : cells[0]
            let id = TopicPartition(topic: cells[cells.count - 3], partition: partition)
            plans[group, default: [:]][id] = Offset(offset)
        }
    }

    /// The offsets of a group; `nil` when the file does not name it.
    func offsets(of group: String) -> [TopicPartition: Offset]? { plans[group] }
}

/// A line of comma-separated values: cells with commas, quotes or line ends are quoted (RFC 4180).
enum CSVLine {
    /// The line, without its end.
    static func text(_ cells: [String]) -> String {
        cells.map { cell in
            guard cell.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else {
                return cell
            }
            return "\""
                + cell.split(separator: "\"", omittingEmptySubsequences: false)
                .joined(separator: "\"\"") + "\""
        }.joined(separator: ",")
    }

    /// The cells of a line; `place` is for messages.
    static func cells(_ line: String, _ place: String) throws(Failure) -> [String] {
        var cells = [""]
        var isQuoted = false
        var rest = line[...]
        while let next = rest.popFirst() {
            if next == "\"" {
                if isQuoted, rest.first == "\"" {
                    cells[cells.count - 1].append("\"")
                    rest = rest.dropFirst()
                } else {
                    isQuoted.toggle()
                }
            } else if next == ",", !isQuoted {
                cells.append("")
            } else {
                cells[cells.count - 1].append(next)
            }
        }
        guard !isQuoted else { throw Failure("\(place): a quote is not closed.") }
        return cells
    }
}
