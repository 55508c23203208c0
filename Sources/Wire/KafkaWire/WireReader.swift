/// A cursor over bytes that nobody vouches for: every read is bounds-checked and throws
/// `WireError`.
///
/// Nothing is allocated by a count or a length before it has been compared with the bytes that
/// remain.
public struct WireReader: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes consumed so far.
    @inlinable public var offset: Int { position }
    @usableFromInline var position: Int = 0

    @_lifetime(copy bytes)
    @inlinable public init(_ bytes: RawSpan) { self.bytes = bytes }

    /// Bytes not yet consumed.
    @inlinable public var remaining: Int { bytes.byteCount - position }

    /// Claims `count` bytes and returns where they start.
    @inlinable @inline(__always)
    public mutating func take(_ count: Int) throws(WireError) -> Int {
        guard count >= 0, count <= remaining else { throw refusal(of: count) }
        let start = position
        position += count
        return start
    }
    /// Why `count` bytes cannot be taken; kept out of line, for callers are many and small.
    @usableFromInline @inline(never) func refusal(of count: Int) -> WireError {
        count < 0 ? .badLength(count) : .truncated(needed: count, remaining: remaining)
    }

    // MARK: Fixed width, big endian

    @inlinable @inline(__always)
    mutating func readInteger<T: FixedWidthInteger & BitwiseCopyable>(
        _: T.Type
    ) throws(WireError) -> T {
        let start = try take(MemoryLayout<T>.size)
        // `take` has checked the range; every bit pattern is a valid integer.
        return unsafe T(
            bigEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: start, as: T.self))
    }

    @inlinable @inline(__always) public mutating func readInt8() throws(WireError) -> Int8 {
        try readInteger(Int8.self)
    }
    @inlinable @inline(__always) public mutating func readUInt8() throws(WireError) -> UInt8 {
        try readInteger(UInt8.self)
    }
    @inlinable @inline(__always) public mutating func readInt16() throws(WireError) -> Int16 {
        try readInteger(Int16.self)
    }
    @inlinable @inline(__always) public mutating func readUInt16() throws(WireError) -> UInt16 {
        try readInteger(UInt16.self)
    }
    @inlinable @inline(__always) public mutating func readInt32() throws(WireError) -> Int32 {
        try readInteger(Int32.self)
    }
    @inlinable @inline(__always) public mutating func readUInt32() throws(WireError) -> UInt32 {
        try readInteger(UInt32.self)
    }
    @inlinable @inline(__always) public mutating func readInt64() throws(WireError) -> Int64 {
        try readInteger(Int64.self)
    }
    @inlinable @inline(__always) public mutating func readFloat64() throws(WireError) -> Double {
        Double(bitPattern: try readInteger(UInt64.self))
    }
    /// Any non-zero byte is true, as Kafka reads it.
    @inlinable @inline(__always) public mutating func readBool() throws(WireError) -> Bool {
        try readInt8() != 0
    }
    @inlinable @inline(__always) public mutating func readUUID() throws(WireError) -> KafkaUUID {
        let high = try readInteger(UInt64.self)
        return KafkaUUID(high: high, low: try readInteger(UInt64.self))
    }

    // MARK: Variable width

    /// An unsigned base-128 integer of at most 5 bytes.
    @inlinable @inline(__always)
    public mutating func readUnsignedVarint() throws(WireError) -> UInt32 {
        if remaining > 0 {
            // Most are a length, a count or a tag of one byte, which is there.
            let byte = unsafe bytes.unsafeLoad(
                fromUncheckedByteOffset: position, as: UInt8.self)
            if byte < 0x80 {
                position += 1
                return UInt32(byte)
            }
        }
        return try readLongVarint()
    }
    /// An unsigned base-128 integer of two to five bytes.
    @usableFromInline @inline(never)
    mutating func readLongVarint() throws(WireError) -> UInt32 {
        if remaining > 1 {
            let (first, second) = unsafe (
                bytes.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self),
                bytes.unsafeLoad(fromUncheckedByteOffset: position + 1, as: UInt8.self)
            )
            if first >= 0x80, second < 0x80 {
                position += 2
                return UInt32(first & 0x7F) | UInt32(second) << 7
            }
        }
        let value = try readUnsignedVarlong(maxBytes: 5)
        guard let result = UInt32(exactly: value) else { throw .badVarint }
        return result
    }
    /// A zigzag-encoded signed integer of at most 5 bytes.
    @inlinable @inline(__always) public mutating func readVarint() throws(WireError) -> Int32 {
        let raw = try readUnsignedVarint()
        return Int32(bitPattern: raw >> 1) ^ -Int32(bitPattern: raw & 1)
    }
    /// A zigzag-encoded signed integer of at most 10 bytes.
    @inlinable @inline(__always) public mutating func readVarlong() throws(WireError) -> Int64 {
        let raw: UInt64
        if remaining > 0,
            case let byte = unsafe bytes.unsafeLoad(
                fromUncheckedByteOffset: position, as: UInt8.self), byte < 0x80
        {
            position += 1
            raw = UInt64(byte)
        } else {
            raw = try readUnsignedVarlong(maxBytes: 10)
        }
        return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }
    @usableFromInline @inline(never)
    mutating func readUnsignedVarlong(maxBytes: Int) throws(WireError) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<maxBytes {
            let byte = try readUInt8()
            if index == 9 && byte > 1 { throw .badVarint }
            value |= UInt64(byte & 0x7F) << UInt64(7 * index)
            if byte & 0x80 == 0 { return value }
        }
        throw .badVarint
    }

    // MARK: Lengths

    /// The length of a string or byte field: `nil` for null, which only nullable fields may take.
    @inlinable mutating func readLength(compact: Bool, short: Bool) throws(WireError) -> Int? {
        let length: Int
        if compact {
            length = Int(try readUnsignedVarint()) - 1
        } else {
            length = short ? Int(try readInt16()) : Int(try readInt32())
        }
        if length == -1 { return nil }
        // A longer string could not be written again, by whatever version or record has it next.
        guard length >= 0, !short || length <= Int(Int16.max) else { throw .badLength(length) }
        guard length <= remaining else { throw .truncated(needed: length, remaining: remaining) }
        return length
    }

    /// The number of elements of an array, checked against the bytes that remain; `nil` for null.
    ///
    /// `minimumElementSize` is the fewest bytes that one element can take (at least 1).
    @inlinable public mutating func readArrayCount(
        compact: Bool, minimumElementSize: Int
    ) throws(WireError) -> Int? {
        let count = compact ? Int(try readUnsignedVarint()) - 1 : Int(try readInt32())
        if count == -1 { return nil }
        guard count >= 0, count <= WireLimits.arrayElements,
            count <= remaining / Swift.max(1, minimumElementSize)
        else { throw .badLength(count) }
        return count
    }

    // MARK: Strings and bytes

    @inlinable public mutating func readNullableString(compact: Bool) throws(WireError) -> String? {
        guard let length = try readLength(compact: compact, short: true) else { return nil }
        return try readUTF8(length)
    }
    @inlinable public mutating func readString(compact: Bool) throws(WireError) -> String {
        guard let length = try readLength(compact: compact, short: true) else {
            throw .badLength(-1)
        }
        return try readUTF8(length)
    }
    /// `length` bytes that must be UTF-8.
    public mutating func readUTF8(_ length: Int) throws(WireError) -> String {
        let start = try take(length)
        let text = unsafe bytes.extracting(start..<start + length).withUnsafeBytes {
            unsafe String(validating: $0, as: UTF8.self)
        }
        guard let text else { throw .badUTF8 }
        return text
    }
    @inlinable public mutating func readNullableBytes(compact: Bool) throws(WireError) -> [UInt8]? {
        guard let length = try readLength(compact: compact, short: false) else { return nil }
        return try readRaw(length)
    }
    @inlinable public mutating func readBytes(compact: Bool) throws(WireError) -> [UInt8] {
        guard let length = try readLength(compact: compact, short: false) else {
            throw .badLength(-1)
        }
        return try readRaw(length)
    }
    /// A copy of the next `length` bytes.
    public mutating func readRaw(_ length: Int) throws(WireError) -> [UInt8] {
        let start = try take(length)
        return unsafe bytes.extracting(start..<start + length).withUnsafeBytes {
            unsafe [UInt8]($0)
        }
    }
    /// Where a byte field lies in this reader's input, without a copy; `nil` for null.
    @inlinable public mutating func readBytesRange(
        compact: Bool
    ) throws(WireError) -> Range<Int>? {
        guard let length = try readLength(compact: compact, short: false) else { return nil }
        let start = try take(length)
        return start..<start + length
    }

    // MARK: Tagged fields (KIP-482)

    /// The number of tagged fields that follow, at most `WireLimits.taggedFields`.
    @inlinable public mutating func readTaggedFieldCount() throws(WireError) -> Int {
        let count = Int(try readUnsignedVarint())
        guard count <= WireLimits.taggedFields, count * 2 <= remaining else {
            throw .badTaggedFields
        }
        return count
    }
    /// The tag and the size of the next tagged field; tags must grow.
    @inlinable public mutating func readTag(after previous: Int) throws(WireError) -> (
        tag: Int, size: Int
    ) {
        let tag = Int(try readUnsignedVarint())
        guard tag > previous else { throw .badTaggedFields }
        let size = Int(try readUnsignedVarint())
        guard size <= remaining else { throw .truncated(needed: size, remaining: remaining) }
        return (tag, size)
    }
    /// Skips a whole section of tagged fields that this version does not know.
    @inlinable public mutating func skipTaggedFields() throws(WireError) {
        var previous = -1
        for _ in 0..<(try readTaggedFieldCount()) {
            let (tag, size) = try readTag(after: previous)
            _ = try take(size)
            previous = tag
        }
    }
    /// Throws unless every byte has been consumed.
    @inlinable public func finish() throws(WireError) {
        guard remaining == 0 else { throw .trailingBytes(remaining) }
    }
}
