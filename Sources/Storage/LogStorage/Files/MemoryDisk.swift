import KafkaWire

/// A file or directory of a `MemoryFileSystem`: what a reader sees, what a power cut would leave,
/// and the changes between the two, in their order.
final class MemoryNode {
    enum Kind { case file, directory }
    /// A change of a file's bytes that is not synced yet.
    enum FileChange {
        case write([UInt8], at: Int)
        case truncate(to: Int)
    }
    /// A change of a directory's names that is not synced yet: what each name stands for from then
    /// on.
    typealias NameChange = [(name: String, node: MemoryNode?)]

    let kind: Kind
    /// What is in it is on the disk only, for reads that tell.
    var isCold = false
    var modified: Int64 = 0
    /// A file's bytes, as reads see them and as they are on disk.
    var bytes: [UInt8] = []
    var durableBytes: [UInt8] = []
    var changes: [FileChange] = []
    /// A directory's names, as lookups see them and as they are on disk.
    var names: [String: MemoryNode] = [:]
    var durableNames: [String: MemoryNode] = [:]
    var nameChanges: [NameChange] = []

    init(_ kind: Kind) { self.kind = kind }

    func apply(_ change: FileChange) {
        Self.apply(change, to: &bytes)
        changes.append(change)
    }

    func apply(_ change: NameChange) {
        for (name, node) in change { names[name] = node }
        nameChanges.append(change)
    }

    static func apply(_ change: FileChange, to bytes: inout [UInt8]) {
        switch change {
        case .write(let new, let position):
            if bytes.count < position + new.count {
                bytes.append(
                    contentsOf: repeatElement(0, count: position + new.count - bytes.count))
            }
            bytes.replaceSubrange(position..<position + new.count, with: new)
        case .truncate(let size):
            if size < bytes.count {
                bytes.removeLast(bytes.count - size)
            } else {
                bytes.append(contentsOf: repeatElement(0, count: size - bytes.count))
            }
        }
    }

    func sync() {
        // Not a copy of all: the next write would make it anew.
        for change in changes { Self.apply(change, to: &durableBytes) }
        changes = []
    }

    func syncNames() {
        durableNames = names
        nameChanges = []
    }

    /// What is left of this node after a power cut in which `survival` decides what of the unsynced
    /// changes made it to the disk.
    func afterPowerCut(
        _ survival: inout PowerCutSurvival, _ made: inout [ObjectIdentifier: MemoryNode]
    ) -> MemoryNode {
        if let known = made[ObjectIdentifier(self)] { return known }
        let left = MemoryNode(kind)
        made[ObjectIdentifier(self)] = left
        left.modified = modified
        left.bytes = survival.bytes(of: self)
        left.durableBytes = left.bytes
        for (name, node) in survival.names(of: self).sorted(by: { $0.key < $1.key }) {
            left.names[name] = node.afterPowerCut(&survival, &made)
        }
        left.durableNames = left.names
        return left
    }
}

/// Which unsynced changes survive a power cut: of a directory a prefix of its changes, of a file
/// any of its writes, each whole, lost, or torn at a 512-byte sector.
struct PowerCutSurvival {
    enum Rule {
        /// None of them.
        case nothing
        /// What the generator says.
        case drawn(SplitMix64)
        /// One choice after the other, each out of so many; the first where none is named.
        case listed([(chosen: Int, of: Int)])
        /// All but what the choice with this number is about.
        case allBut(Int?)
        /// What the choice with this number is about.
        case only(Int)
    }
    private enum Fate { case lost, whole, torn(at: Int) }

    private var rule: Rule
    /// How many choices there were to make, by rules that count them.
    private(set) var choices = 0

    init(_ rule: Rule) { self.rule = rule }

    /// Goes on to the next of the listed choices, as an odometer does. False after the last.
    mutating func advance() -> Bool {
        guard case .listed(var listed) = rule else { return false }
        choices = 0
        while let last = listed.popLast() {
            if last.chosen + 1 < last.of {
                listed.append((last.chosen + 1, last.of))
                rule = .listed(listed)
                return true
            }
        }
        return false
    }

    mutating func names(of node: MemoryNode) -> [String: MemoryNode] {
        var names = node.durableNames
        for change in node.nameChanges.prefix(choose(node.nameChanges.count + 1)) {
            for (name, target) in change { names[name] = target }
        }
        return names
    }

    mutating func bytes(of node: MemoryNode) -> [UInt8] {
        var bytes = node.durableBytes
        for change in node.changes {
            switch (fate(of: change), change) {
            case (.lost, _): continue
            case (.torn(let end), .write(let new, let position)):
                MemoryNode.apply(.write(Array(new[..<end]), at: position), to: &bytes)
            default: MemoryNode.apply(change, to: &bytes)
            }
        }
        return bytes
    }

    private mutating func fate(of change: MemoryNode.FileChange) -> Fate {
        let tears = Self.tears(in: change)
        guard case .drawn = rule else {
            let fate = choose(tears.count + 2)
            if fate == 0 { return .lost }
            return fate <= tears.count ? .torn(at: tears[fate - 1]) : .whole
        }
        switch choose(4) {
        case 0: return .lost
        // The sector that the tear falls into keeps its old bytes.
        case 1: return tears.isEmpty ? .lost : .torn(at: tears[choose(tears.count)])
        default: return .whole
        }
    }

    /// How many bytes of a write are there when it is torn between two sectors.
    private static func tears(in change: MemoryNode.FileChange) -> [Int] {
        guard case .write(let new, let position) = change else { return [] }
        let first = 512 - position % 512
        return Array(stride(from: first, to: new.count, by: 512))
    }

    /// A number from 0, with which nothing survives, to below `bound`, with which all does.
    private mutating func choose(_ bound: Int) -> Int {
        if case .drawn(var generator) = rule {
            defer { rule = .drawn(generator) }
            return Int.random(in: 0..<bound, using: &generator)
        }
        guard bound > 1 else { return 0 }
        let number = choices
        choices += 1
        switch rule {
        case .nothing, .drawn: return 0
        case .allBut(let lost): return number == lost ? 0 : bound - 1
        case .only(let kept): return number == kept ? bound - 1 : 0
        case .listed(var listed):
            if number == listed.count {
                listed.append((0, bound))
                rule = .listed(listed)
            }
            return listed[number].chosen
        }
    }
}
