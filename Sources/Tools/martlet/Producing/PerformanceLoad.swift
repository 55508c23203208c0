import ClientCore
import KafkaWire
import MartletClient

/// What `producer-perf-test` is to send.
struct PerformanceLoad: Sendable {
    let topic: String
    let count: Int
    /// Records at the beginning that do not count for the steady state.
    let warmup: Int
    /// Records a second at most; none without a positive number.
    let throughput: Double
    let payloads: Payloads
    let keys: Keys

    init(_ options: ParsedOptions) throws {
        topic = try options.required("--topic")
        _ = try options.required("--num-records")
        let rate = try options.required("--throughput")
        count = try options.integer("--num-records", 1...Int(Int32.max) * 1000) ?? 1
        guard let throughput = Double(rate), throughput.isFinite else {
            throw Failure.usage("--throughput takes a number, not '\(rate)'.")
        }
        self.throughput = throughput
        warmup = try options.integer("--warmup-records", 0...Int.max) ?? 0
        guard warmup < count else {
            throw Failure.usage("--warmup-records must be less than --num-records.")
        }
        let seed: Int64 = try options.integer("--random-seed", Int64.min...Int64.max) ?? 0
        payloads = try Payloads(options, seed: UInt64(bitPattern: seed))
        keys = try Keys(options, seed: ~UInt64(bitPattern: seed))
    }
}

/// The keys of the records.
struct Keys: Sendable {
    private enum Kind {
        case none
        case range(Int)
        case random(Int)
    }
    private let kind: Kind
    private var generator: SplitMix64

    init(_ options: ParsedOptions, seed: UInt64) throws {
        generator = SplitMix64(seed: seed)
        let range: Int? = try options.integer("--record-key-range", 1...Int(Int32.max))
        switch (options.value("--key-distribution")?.lowercased() ?? "none", range) {
        case ("none", nil): kind = .none
        case ("range", let range?): kind = .range(range)
        case ("random", let range?): kind = .random(range)
        case ("range", nil), ("random", nil):
            throw Failure.usage("--key-distribution range and random need --record-key-range.")
        case ("none", _):
            throw Failure.usage("--record-key-range needs --key-distribution range or random.")
        case (let name, _):
            throw Failure.usage("--key-distribution takes none, range or random, not '\(name)'.")
        }
    }

    mutating func next(_ index: Int) -> [UInt8]? {
        switch kind {
        case .none: nil
        case .range(let range): Array(String(index % range).utf8)
        case .random(let range):
            Array(String(Int.random(in: 0..<range, using: &generator)).utf8)
        }
    }
}

/// What `producer-perf-test` sends.
struct Payloads: Sendable {
    private enum Kind {
        case random(Int)
        case lines([[UInt8]])
        case numbers
    }
    private let kind: Kind
    private var generator: SplitMix64
    private var letters: [UInt8] = []

    init(_ options: ParsedOptions, seed: UInt64) throws {
        let chosen = try options.exactlyOne(
            of: ["--record-size", "--payload-file", "--payload-monotonic"], "The command")
        generator = SplitMix64(seed: seed)
        switch chosen {
        case "--record-size":
            let size: Int = try options.integer("--record-size", 1...Int(Int32.max)) ?? 1
            kind = .random(size)
            letters = (0..<size).map { _ in UInt8.random(in: 65...90, using: &generator) }
        case "--payload-file":
            let text = try TextFile.read(try options.required("--payload-file"))
            let given = options.value("--payload-delimiter") ?? "\\n"
            let delimiter: Character = given == "\\n" ? "\n" : given.first ?? "\n"
            let lines = text.split(separator: delimiter).map { Array($0.utf8) }
            guard !lines.isEmpty else { throw Failure("The payload file has no payload.") }
            kind = .lines(lines)
        default: kind = .numbers
        }
    }

    /// The payload of the record with this number. A random one differs from the one before in a
    /// few letters, so that making it costs next to nothing.
    mutating func next(_ index: Int) -> [UInt8] {
        switch kind {
        case .random(let size):
            let word: UInt64 = generator.next()
            letters[Int(word % UInt64(size))] = 65 + UInt8((word >> 32) % 26)
            return letters
        case .lines(let lines): return lines[Int.random(in: 0..<lines.count, using: &generator)]
        case .numbers: return Array(String(index).utf8)
        }
    }
}
