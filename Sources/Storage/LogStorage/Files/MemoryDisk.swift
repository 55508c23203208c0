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

/// Which unsynced changes survive a power cut.
struct PowerCutSurvival {
    /// `nil`: none of them. Else a legal choice drawn from the generator: of a directory a prefix
    /// of its changes, of a file any of its writes, each whole, lost, or torn at a 512-byte sector.
    var random: SplitMix64?

    mutating func names(of node: MemoryNode) -> [String: MemoryNode] {
        var names = node.durableNames
        guard let count = draw(node.nameChanges.count + 1) else { return names }
        for change in node.nameChanges.prefix(count) {
            for (name, target) in change { names[name] = target }
        }
        return names
    }

    mutating func bytes(of node: MemoryNode) -> [UInt8] {
        var bytes = node.durableBytes
        for change in node.changes {
            switch (draw(4), change) {
            case (nil, _), (0, _): continue
            case (1, .write(let new, let position)):
                // The sector that the tear falls into keeps its old bytes.
                let sectors = (position + new.count) / 512 - position / 512
                guard sectors > 0, let kept = draw(sectors) else { continue }
                let end = (position / 512 + kept) * 512 - position
                if end > 0 {
                    MemoryNode.apply(.write(Array(new[..<end]), at: position), to: &bytes)
                }
            default: MemoryNode.apply(change, to: &bytes)
            }
        }
        return bytes
    }

    /// A number from 0 to below `bound`, `nil` when nothing survives.
    private mutating func draw(_ bound: Int) -> Int? {
        guard var generator = random else { return nil }
        let value = Int.random(in: 0..<bound, using: &generator)
        random = generator
        return value
    }
}
