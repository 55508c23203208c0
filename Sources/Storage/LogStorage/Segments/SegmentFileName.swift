public import KafkaWire

/// The files of a segment, by what follows the base offset in their name.
public enum SegmentFileKind: String, CaseIterable, Sendable {
    case log = ".log"
    case offsetIndex = ".index"
    case timeIndex = ".timeindex"
    case transactionIndex = ".txnindex"
    case producerSnapshot = ".snapshot"
}

/// The name of a file of a segment: the base offset in twenty digits, the kind, and a state.
public struct SegmentFileName: Equatable, Sendable {
    /// What a file is in the middle of.
    public enum State: String, CaseIterable, Sendable {
        /// In use.
        case live = ""
        /// Given up; to be removed once no reader can still want it.
        case deleted = ".deleted"
        /// Being written by the cleaner.
        case cleaned = ".cleaned"
        /// Written by the cleaner, and about to replace the live ones.
        case swap = ".swap"
    }
    public var baseOffset: Offset
    public var kind: SegmentFileKind
    public var state: State

    public init(baseOffset: Offset, kind: SegmentFileKind, state: State = .live) {
        self.baseOffset = baseOffset
        self.kind = kind
        self.state = state
    }

    public var text: String {
        let digits = String(baseOffset.rawValue)
        let zeros = String(repeating: "0", count: max(0, 20 - digits.count))
        return zeros + digits + kind.rawValue + state.rawValue
    }

    /// `nil` when a file of that name is none of a segment's.
    public init?(_ name: String) {
        guard let dot = name.firstIndex(of: "."), let offset = Int64(name[..<dot]), offset >= 0
        else { return nil }
        let rest = name[dot...]
        for kind in SegmentFileKind.allCases where rest.hasPrefix(kind.rawValue) {
            guard let state = State(rawValue: String(rest.dropFirst(kind.rawValue.count))) else {
                continue
            }
            self.init(baseOffset: Offset(offset), kind: kind, state: state)
            return
        }
        return nil
    }
}
