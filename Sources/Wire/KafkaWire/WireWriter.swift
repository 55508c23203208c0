/// Record bytes of a message: kept apart from the fields so that the codec never copies them.
public enum RecordsField: Equatable, Sendable {
    /// No records at all.
    case null
    /// Where the records lie in the frame that was decoded.
    case inFrame(Range<Int>)
    /// Records in memory.
    case bytes([UInt8])
    /// `count` bytes that the shell sends by itself at this place (a file region, say), found by
    /// `token`.
    case external(token: Int, count: Int)

    /// Bytes of records; 0 for null.
    @inlinable public var count: Int {
        switch self {
        case .null: 0
        case .inFrame(let range): range.count
        case .bytes(let bytes): bytes.count
        case .external(_, let count): count
        }
    }
}

/// A place in a writer's output at which the shell inserts `count` bytes that it holds under
/// `token`.
public struct Splice: Equatable, Sendable {
    public var position: Int
    public var token: Int
    public var count: Int
    @inlinable init(position: Int, token: Int, count: Int) {
        self.position = position
        self.token = token
        self.count = count
    }
}

/// A growing buffer of big-endian fields, with places for bytes that others send (`splices`).
@safe public struct WireWriter: ~Copyable {
    @usableFromInline var base: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int
    /// Bytes written; spliced bytes do not count.
    @usableFromInline var used: Int = 0
    /// Where external records belong, in order of position.
    public private(set) var splices: [Splice] = []

    /// Room for `capacity` bytes to begin with (at least 16); grows by doubling.
    public init(capacity: Int = 512) {
        let capacity = Swift.max(16, capacity)
        unsafe self.base = .allocate(byteCount: capacity, alignment: 16)
        self.capacity = capacity
    }
    deinit { unsafe base.deallocate() }

    /// Bytes written so far, without splices.
    @inlinable public var count: Int { used }
    /// Bytes that the splices add.
    public var splicedByteCount: Int { splices.reduce(0) { $0 + $1.count } }

    /// What has been written.
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let span = unsafe RawSpan(_unsafeStart: base, byteCount: used)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }
    /// Lends what has been written to code that takes a pointer (a socket).
    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        unsafe body(UnsafeRawBufferPointer(start: base, count: used))
    }
    /// A copy of what has been written.
    public func toArray() -> [UInt8] {
        unsafe [UInt8](UnsafeRawBufferPointer(start: base, count: used))
    }

    @inlinable @inline(__always) mutating func reserve(_ count: Int) {
        if used + count > capacity { grow(count) }
    }
    @usableFromInline @inline(never) mutating func grow(_ count: Int) {
        let larger = Swift.max(capacity * 2, used + count)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        unsafe moved.copyMemory(from: base, byteCount: used)
        unsafe base.deallocate()
        unsafe base = moved
        capacity = larger
    }

    // MARK: Fixed width, big endian

    @inlinable @inline(__always)
    mutating func writeInteger<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        reserve(MemoryLayout<T>.size)
        unsafe base.storeBytes(of: value.bigEndian, toByteOffset: used, as: T.self)
        used += MemoryLayout<T>.size
    }
    @inlinable public mutating func write(_ value: Int8) { writeInteger(value) }
    @inlinable public mutating func write(_ value: UInt8) { writeInteger(value) }
    @inlinable public mutating func write(_ value: Int16) { writeInteger(value) }
    @inlinable public mutating func write(_ value: UInt16) { writeInteger(value) }
    @inlinable public mutating func write(_ value: Int32) { writeInteger(value) }
    @inlinable public mutating func write(_ value: UInt32) { writeInteger(value) }
    @inlinable public mutating func write(_ value: Int64) { writeInteger(value) }
    @inlinable public mutating func write(_ value: Double) { writeInteger(value.bitPattern) }
    @inlinable public mutating func write(_ value: Bool) { writeInteger(value ? Int8(1) : 0) }
    @inlinable public mutating func write(_ value: KafkaUUID) {
        writeInteger(value.high)
        writeInteger(value.low)
    }
    /// Overwrites four bytes at `position`, which must have been written already.
    @inlinable public mutating func patch(_ value: Int32, at position: Int) {
        precondition(position >= 0 && position + 4 <= used, "patch outside of what was written")
        unsafe base.storeBytes(of: value.bigEndian, toByteOffset: position, as: Int32.self)
    }

    // MARK: Variable width

    @inlinable @inline(__always) public mutating func writeUnsignedVarint(_ value: UInt32) {
        if value < 0x80 { return writeInteger(UInt8(truncatingIfNeeded: value)) }
        writeUnsignedVarlong(UInt64(value))
    }
    @inlinable @inline(__always) public mutating func writeVarint(_ value: Int32) {
        writeShortVarlong(UInt64(UInt32(bitPattern: (value << 1) ^ (value >> 31))))
    }
    @inlinable @inline(__always) public mutating func writeVarlong(_ value: Int64) {
        writeShortVarlong(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }
    /// Most lengths and deltas of records take one byte or two.
    @inlinable @inline(__always) mutating func writeShortVarlong(_ value: UInt64) {
        if value < 0x80 { return writeInteger(UInt8(truncatingIfNeeded: value)) }
        if value < 0x4000 {
            return writeInteger(UInt16(truncatingIfNeeded: (value & 0x7F | 0x80) << 8 | value >> 7))
        }
        writeUnsignedVarlong(value)
    }
    @usableFromInline @inline(never) mutating func writeUnsignedVarlong(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        writeInteger(UInt8(truncatingIfNeeded: rest))
    }

    // MARK: Strings, bytes, arrays

    @inlinable mutating func writeLength(_ length: Int, compact: Bool, short: Bool) {
        if compact {
            writeUnsignedVarint(UInt32(length + 1))
        } else if short {
            writeInteger(Int16(length))
        } else {
            writeInteger(Int32(length))
        }
    }
    /// A string of at most 32 767 UTF-8 bytes (the callers' schemas have none longer).
    @inlinable public mutating func write(_ text: String, compact: Bool) throws(WireError) {
        let utf8 = text.utf8
        let count = utf8.count
        guard count <= Int(Int16.max) else { throw .badLength(count) }
        writeLength(count, compact: compact, short: true)
        writeRaw(utf8)
    }
    @inlinable public mutating func write(_ text: String?, compact: Bool) throws(WireError) {
        guard let text else { return writeLength(-1, compact: compact, short: true) }
        try write(text, compact: compact)
    }
    @inlinable public mutating func write(_ bytes: [UInt8], compact: Bool) {
        writeLength(bytes.count, compact: compact, short: false)
        writeRaw(bytes)
    }
    @inlinable public mutating func write(_ bytes: [UInt8]?, compact: Bool) {
        guard let bytes else { return writeLength(-1, compact: compact, short: false) }
        write(bytes, compact: compact)
    }
    /// The count of an array; -1 for null.
    @inlinable public mutating func writeArrayCount(_ count: Int?, compact: Bool) {
        writeLength(count ?? -1, compact: compact, short: false)
    }
    /// Bytes without a length.
    @inlinable public mutating func writeRaw(_ bytes: some Collection<UInt8>) {
        let count = bytes.count
        reserve(count)
        let target = unsafe UnsafeMutableRawBufferPointer(start: base + used, count: count)
        unsafe target.copyBytes(from: bytes)
        used += count
    }
    /// Bytes without a length.
    public mutating func writeRaw(_ span: RawSpan) {
        let count = span.byteCount
        reserve(count)
        unsafe span.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe (base + used).copyMemory(from: start, byteCount: count)
        }
        used += count
    }
    /// Records: null, a copy of bytes in memory, or a splice. Records in a decoded frame cannot be
    /// written again (`badValue`): whoever holds the frame turns them into bytes first.
    public mutating func write(_ records: RecordsField, compact: Bool) throws(WireError) {
        switch records {
        case .null: writeLength(-1, compact: compact, short: false)
        case .bytes(let bytes): write(bytes, compact: compact)
        case .inFrame: throw .badValue("records of a decoded frame")
        case .external(let token, let count):
            writeLength(count, compact: compact, short: false)
            splices.append(Splice(position: used, token: token, count: count))
        }
    }
}
