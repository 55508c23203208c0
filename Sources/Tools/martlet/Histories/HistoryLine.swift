import HistoryChecker

/// A line of a history as JSON (docs/HISTORY.md), made into the event that it is.
struct HistoryLine {
    private let fields: JSON
    private let type: String

    private init(_ text: String) throws(Failure) {
        fields = try JSONParser.parse(text)
        guard case .object = fields, let type = fields["type"]?.stringValue else {
            throw Failure("a line is an object with a 'type'")
        }
        self.type = type
    }

    /// The event; `nil` for an empty line and for a type that carries no claim (`note`).
    static func event(_ text: String) throws(Failure) -> HistoryEvent? {
        guard text.contains(where: { !$0.isWhitespace }) else { return nil }
        return try HistoryLine(text).event()
    }

    private func event() throws(Failure) -> HistoryEvent? {
        switch type {
        case "produce": return .produce(try write())
        case "acked":
            return .acked(
                value: try text("value"), partition: try partition(), offset: try offset())
        case "failed": return .failed(value: try text("value"))
        case "begin": return .begin(transaction: try text("txn"))
        case "commit": return .end(transaction: try text("txn"), commits: true)
        case "abort": return .end(transaction: try text("txn"), commits: false)
        case "committed": return .ended(transaction: try text("txn"), commits: true)
        case "aborted": return .ended(transaction: try text("txn"), commits: false)
        case "seek": return .seek(try place(), offset: try offset(), isCommitted: try isolation())
        case "read":
            return .read(
                try place(), offset: try offset(), value: try text("value"),
                transaction: try optionalText("txn"))
        case "position": return .position(try place(), offset: try offset(), isEnd: false)
        case "end": return .position(try place(), offset: try offset(), isEnd: true)
        case "deleted":
            return .deleted(
                topic: try text("topic"), partition: try partition(), before: try offset())
        case "offset-commit": return try offset(.commit)
        case "offset-committed": return try offset(.committed)
        case "offset-fetched": return try offset(.fetched)
        case "note": return nil
        default: throw Failure("there is no type '\(type)'")
        }
    }

    private func write() throws(Failure) -> HistoryEvent.Write {
        HistoryEvent.Write(
            process: try text("process"), value: try text("value"), topic: try text("topic"),
            transaction: try optionalText("txn"),
            isIdempotent: fields["idempotent"] != .bool(false))
    }

    private func place() throws(Failure) -> HistoryEvent.Place {
        HistoryEvent.Place(
            reader: try text("reader"), topic: try text("topic"), partition: try partition())
    }

    private func offset(_ step: HistoryEvent.OffsetStep) throws(Failure) -> HistoryEvent {
        .offset(
            step,
            HistoryEvent.GroupPlace(
                group: try text("group"), topic: try text("topic"), partition: try partition()),
            offset: try number("offset", from: -1), transaction: try optionalText("txn"))
    }

    private func isolation() throws(Failure) -> Bool {
        switch try optionalText("isolation") {
        case "read_committed": return true
        case "read_uncommitted", nil: return false
        case let other?: throw Failure("the isolation '\(other)' is not known")
        }
    }

    // MARK: Fields

    private func text(_ name: String) throws(Failure) -> String {
        guard let text = try optionalText(name) else {
            throw Failure("'\(type)' needs '\(name)'")
        }
        return text
    }

    private func optionalText(_ name: String) throws(Failure) -> String? {
        switch fields[name] {
        case nil, .null?: return nil
        case .string(let text)?: return text
        default: throw Failure("'\(name)' is not a string")
        }
    }

    private func offset() throws(Failure) -> Int64 { try number("offset", from: 0) }

    private func partition() throws(Failure) -> Int32 {
        guard let number = Int32(exactly: try number("partition", from: 0)) else {
            throw Failure("'partition' is too large")
        }
        return number
    }

    private func number(_ name: String, from least: Int64) throws(Failure) -> Int64 {
        guard let number = fields[name]?.integerValue, number >= least, number < 1 << 60 else {
            throw Failure("'\(type)' needs '\(name)', a number from \(least) on")
        }
        return number
    }
}
