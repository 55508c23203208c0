/// The bytes of one connection that are not yet a whole frame: owned, reused, capped.
///
/// It grows only as bytes arrive, never by what a length prefix claims.
struct FrameBuffer: ~Copyable {
    private var memory: UnsafeMutableRawBufferPointer
    private var used = 0
    private let limit: Int
    /// What a connection keeps between frames; a larger buffer is given back once it is empty.
    private static let keptBytes = 2 << 20

    /// - Parameter limit: the largest frame in bytes, without its length prefix.
    init(limit: Int) {
        self.limit = limit
        self.memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }
    deinit { memory.deallocate() }

    /// Bytes held in memory.
    var capacity: Int { memory.count }
    /// Nothing is left of an unfinished frame.
    var isEmpty: Bool { used == 0 }

    enum Fault: Error {
        case badLength(Int32, limit: Int)
    }

    /// Adds `bytes` and hands every whole frame to `body`, which may change it in place and returns
    /// whether to go on.
    mutating func add(
        _ bytes: UnsafeRawBufferPointer,
        _ body: (inout MutableRawSpan) -> Bool
    ) throws(Fault) {
        reserve(bytes.count)
        if let source = bytes.baseAddress, let target = memory.baseAddress {
            (target + used).copyMemory(from: source, byteCount: bytes.count)
        }
        used += bytes.count
        try drain(body)
    }

    private mutating func drain(_ body: (inout MutableRawSpan) -> Bool) throws(Fault) {
        var start = 0
        while used - start >= 4 {
            let length = Int32(
                bigEndian: memory.loadUnaligned(fromByteOffset: start, as: Int32.self))
            guard length > 0, Int(length) <= limit else {
                throw .badLength(length, limit: limit)
            }
            let end = start + 4 + Int(length)
            guard end <= used else { break }
            var frame = UnsafeMutableRawBufferPointer(rebasing: memory[start + 4..<end])
                .mutableBytes
            start = end
            guard body(&frame) else { break }
        }
        discard(start)
    }

    private mutating func discard(_ count: Int) {
        guard count > 0, let base = memory.baseAddress else { return }
        used -= count
        if used > 0 { base.copyMemory(from: base + count, byteCount: used) }
        if used == 0 && memory.count > Self.keptBytes { release() }
    }

    /// Gives the memory back; only while empty.
    mutating func release() {
        guard used == 0 else { return }
        memory.deallocate()
        memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    private mutating func reserve(_ count: Int) {
        let needed = used + count
        guard needed > memory.count else { return }
        // No more than the frame takes that has begun: a connection's memory counts.
        let whole =
            used >= 4 ? 4 + Int(Int32(bigEndian: memory.loadUnaligned(as: Int32.self))) : limit
        let size = max(needed, min(memory.count * 2, whole), 16_384)
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        if used > 0 { larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<used])) }
        memory.deallocate()
        memory = larger
    }
}
