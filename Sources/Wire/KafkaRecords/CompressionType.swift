/// The compression of a batch's records: the low three bits of its attributes.
public enum CompressionType: Int8, CaseIterable, Sendable {
    case none = 0
    case gzip = 1
    case snappy = 2
    case lz4 = 3
    case zstd = 4

    /// Kafka's name of it, as in `compression.type`.
    public var name: String {
        switch self {
        case .none: "none"
        case .gzip: "gzip"
        case .snappy: "snappy"
        case .lz4: "lz4"
        case .zstd: "zstd"
        }
    }

    /// The type of that name; `uncompressed` (the topic config's word) is `none`. `nil` for any
    /// other name, `producer` among them.
    public init?(name: String) {
        switch name {
        case "none", "uncompressed": self = .none
        case "gzip": self = .gzip
        case "snappy": self = .snappy
        case "lz4": self = .lz4
        case "zstd": self = .zstd
        default: return nil
        }
    }

    /// The levels that `compression.TYPE.level` takes (KIP-390), gzip's -1 apart; `nil` where there
    /// are none.
    public var levels: ClosedRange<Int>? {
        switch self {
        case .none, .snappy: nil
        case .gzip: 1...9
        case .lz4: 1...17
        case .zstd: -131_072...22
        }
    }

    /// The level that stands where none is given; `nil` where there are none.
    ///
    /// Gzip's -1 is zlib's own choice (6). Lz4's 9 means the fast compressor, as in Kafka, and not
    /// the high compressor that every other level of it selects.
    public var defaultLevel: Int? {
        switch self {
        case .none, .snappy: nil
        case .gzip: -1
        case .lz4: 9
        case .zstd: 3
        }
    }

    /// Whether `level` can be used with this type.
    public func accepts(level: Int) -> Bool {
        level == defaultLevel || levels?.contains(level) == true
    }
}
