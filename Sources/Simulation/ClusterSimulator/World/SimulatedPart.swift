/// What a world can do without, to see whether it still shows what it shows.
public enum SimulatedPart: String, CaseIterable, Sendable {
    // Kinds of faults
    case crash, reset, disk, partition, halt, clog, skew, split
    // Workloads
    case group, offsets, transactions, compaction, churn, deletion, readers, copiers
}

extension SimulationOptions {
    /// Takes a part out of the world.
    public mutating func leaveOut(_ part: SimulatedPart) {
        guard has(part) else { return }
        switch part {
        case .crash: crashMs = 0
        case .reset: resetMs = 0
        case .disk: diskFaultMs = 0
        case .partition: partitionMs = 0
        case .halt: haltMs = 0
        case .clog: clogMs = 0
        case .skew: skewMs = 0
        case .split: splitPercent = 0
        case .group: groupMembers = 0
        case .offsets: offsetGroups = 0
        case .transactions: transactionalProducers = 0
        case .compaction: compacts = false
        case .churn: churns = false
        case .deletion: deletesRecords = false
        case .readers: clients.members = 0
        case .copiers: clients.copiers = 0
        }
        leftOut.append(part)
    }

    /// Whether the world has that part.
    public func has(_ part: SimulatedPart) -> Bool {
        switch part {
        case .crash: crashMs > 0
        case .reset: resetMs > 0
        case .disk: diskFaultMs > 0
        case .partition: partitionMs > 0
        case .halt: haltMs > 0
        case .clog: clogMs > 0
        case .skew: skewMs > 0
        case .split: splitPercent > 0
        case .group: groupMembers > 0
        case .offsets: offsetGroups > 0
        case .transactions: transactionalProducers > 0
        case .compaction: compacts
        case .churn: churns
        case .deletion: deletesRecords
        case .readers: clients.members > 0
        case .copiers: clients.copiers > 0
        }
    }

    /// What the command line says to have this very world.
    public var arguments: String {
        var words = "--seed \(seed)"
        switch shape {
        case .any: break
        case .alone: words += " --alone"
        case .short: words += " --short"
        }
        if hasOperators { words += " --operators" }
        if hasSwiftClients { words += " --swift-clients" }
        if !leftOut.isEmpty {
            words += " --without " + leftOut.map(\.rawValue).joined(separator: ",")
        }
        if let faults {
            words +=
                " --faults "
                + (faults.isEmpty
                    ? "none" : faults.sorted().map(String.init).joined(separator: ","))
        }
        return words
    }

    /// The world that `arguments` tells of; `nil` when they are not understood.
    public init?(arguments: String) {
        var shape = SimulatedShape.any
        var hasOperators = false
        var hasSwiftClients = false
        var seed: UInt64?
        var without: [SimulatedPart] = []
        var faults: Set<Int>?
        var words = arguments.split(separator: " ").map(String.init)[...]
        while let word = words.popFirst() {
            switch word {
            case "--short": shape = .short
            case "--alone": shape = .alone
            case "--operators": hasOperators = true
            case "--swift-clients": hasSwiftClients = true
            case "--seed": seed = words.popFirst().flatMap { UInt64($0) }
            case "--without":
                guard let parts = words.popFirst().flatMap(SimulatedPart.list) else { return nil }
                without = parts
            case "--faults":
                guard let numbers = words.popFirst().flatMap(Self.faults) else { return nil }
                faults = numbers
            default: return nil
            }
        }
        guard let seed else { return nil }
        self.init(
            seed: seed, shape: shape, hasOperators: hasOperators, hasSwiftClients: hasSwiftClients)
        for part in without { leaveOut(part) }
        self.faults = faults
    }

    /// Numbers of faults with commas between, or `none`.
    public static func faults(_ text: String) -> Set<Int>? {
        if text == "none" { return [] }
        let words = text.split(separator: ",")
        let numbers = words.compactMap { Int($0) }
        return numbers.count == words.count && !words.isEmpty ? Set(numbers) : nil
    }
}

extension SimulatedPart {
    /// Parts with commas between.
    public static func list(_ text: String) -> [SimulatedPart]? {
        let words = text.split(separator: ",")
        let parts = words.compactMap { SimulatedPart(rawValue: String($0)) }
        return parts.count == words.count ? parts : nil
    }
}
