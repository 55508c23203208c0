/// A group of fields that reads and writes itself in a version of the message that holds it.
public protocol WireStruct: Equatable, Sendable {
    /// Reads the fields of `version`; those that this version lacks take their defaults.
    init(from reader: inout WireReader, version: Int16) throws(WireError)
    /// Writes the fields of `version`. Throws `badValue` when a field that this version lacks, and
    /// that may not be dropped, has a value other than its default.
    func encode(to writer: inout WireWriter, version: Int16) throws(WireError)
}

// MARK: Arrays

extension WireLimits {
    /// Elements for which an array makes room before it has seen any of them.
    @usableFromInline static let reservedElements = 1024
}

extension WireReader {
    /// An array of structs, each of at least `minimum` bytes; `nil` for null.
    @inlinable public mutating func readNullableArray<Element: WireStruct>(
        compact: Bool, minimum: Int, version: Int16
    ) throws(WireError) -> [Element]? {
        guard
            let count = try readArrayCount(compact: compact, minimumElementSize: minimum)
        else { return nil }
        var elements: [Element] = []
        elements.reserveCapacity(Swift.min(count, WireLimits.reservedElements))
        for _ in 0..<count { elements.append(try Element(from: &self, version: version)) }
        return elements
    }
    @inlinable public mutating func readArray<Element: WireStruct>(
        compact: Bool, minimum: Int, version: Int16
    ) throws(WireError) -> [Element] {
        try present(readNullableArray(compact: compact, minimum: minimum, version: version))
    }

    /// An array of integers; `nil` for null.
    @inlinable public mutating func readNullableIntegers<Element>(
        compact: Bool
    ) throws(WireError) -> [Element]? where Element: FixedWidthInteger & BitwiseCopyable {
        let size = MemoryLayout<Element>.size
        guard
            let count = try readArrayCount(compact: compact, minimumElementSize: size)
        else { return nil }
        var elements: [Element] = []
        elements.reserveCapacity(Swift.min(count, WireLimits.reservedElements))
        let start = try take(count * size)
        for index in 0..<count {
            // `take` has checked the range; every bit pattern is a valid integer.
            let raw = unsafe bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: start + index * size, as: Element.self)
            elements.append(Element(bigEndian: raw))
        }
        return elements
    }
    @inlinable public mutating func readIntegers<Element>(
        compact: Bool
    ) throws(WireError) -> [Element] where Element: FixedWidthInteger & BitwiseCopyable {
        try present(readNullableIntegers(compact: compact))
    }

    /// An array of strings, none of them null; `nil` for a null array.
    public mutating func readNullableStrings(compact: Bool) throws(WireError) -> [String]? {
        let minimum = compact ? 1 : 2
        guard
            let count = try readArrayCount(compact: compact, minimumElementSize: minimum)
        else { return nil }
        var elements: [String] = []
        elements.reserveCapacity(Swift.min(count, WireLimits.reservedElements))
        for _ in 0..<count { elements.append(try readString(compact: compact)) }
        return elements
    }
    public mutating func readStrings(compact: Bool) throws(WireError) -> [String] {
        try present(readNullableStrings(compact: compact))
    }

    /// An array of UUIDs; `nil` for null.
    public mutating func readNullableUUIDs(compact: Bool) throws(WireError) -> [KafkaUUID]? {
        guard
            let count = try readArrayCount(compact: compact, minimumElementSize: 16)
        else { return nil }
        var elements: [KafkaUUID] = []
        elements.reserveCapacity(Swift.min(count, WireLimits.reservedElements))
        for _ in 0..<count { elements.append(try readUUID()) }
        return elements
    }
    public mutating func readUUIDs(compact: Bool) throws(WireError) -> [KafkaUUID] {
        try present(readNullableUUIDs(compact: compact))
    }

    /// `value`, which the schema does not allow to be null.
    @inlinable public func present<Value>(_ value: Value?) throws(WireError) -> Value {
        guard let value else { throw .badLength(-1) }
        return value
    }

    /// Records as the place where they lie in the input; `RecordsField.null` for null.
    @inlinable public mutating func readRecords(compact: Bool) throws(WireError) -> RecordsField {
        guard let range = try readBytesRange(compact: compact) else { return .null }
        return .inFrame(range)
    }

    /// Whether a nullable struct follows: one byte, negative for null.
    @inlinable public mutating func readPresence() throws(WireError) -> Bool {
        try readInt8() >= 0
    }
}

extension WireWriter {
    @inlinable public mutating func write<Element: WireStruct>(
        _ elements: [Element], compact: Bool, version: Int16
    ) throws(WireError) {
        try writeBoundedCount(elements.count, compact: compact)
        for element in elements { try element.encode(to: &self, version: version) }
    }
    @inlinable public mutating func write<Element: WireStruct>(
        _ elements: [Element]?, compact: Bool, version: Int16
    ) throws(WireError) {
        guard let elements else { return writeArrayCount(nil, compact: compact) }
        try write(elements, compact: compact, version: version)
    }
    @inlinable public mutating func write<Element>(
        integers elements: [Element]?, compact: Bool
    ) throws(WireError) where Element: FixedWidthInteger & BitwiseCopyable {
        guard let elements else { return writeArrayCount(nil, compact: compact) }
        try writeBoundedCount(elements.count, compact: compact)
        reserve(elements.count * MemoryLayout<Element>.size)
        for element in elements { writeInteger(element) }
    }
    public mutating func write(strings elements: [String]?, compact: Bool) throws(WireError) {
        guard let elements else { return writeArrayCount(nil, compact: compact) }
        try writeBoundedCount(elements.count, compact: compact)
        for element in elements { try write(element, compact: compact) }
    }
    public mutating func write(uuids elements: [KafkaUUID]?, compact: Bool) throws(WireError) {
        guard let elements else { return writeArrayCount(nil, compact: compact) }
        try writeBoundedCount(elements.count, compact: compact)
        for element in elements { write(element) }
    }
    /// A count that the reader's own limit (`WireLimits.arrayElements`) would not refuse.
    @inlinable mutating func writeBoundedCount(_ count: Int, compact: Bool) throws(WireError) {
        guard count <= WireLimits.arrayElements else { throw .badLength(count) }
        writeArrayCount(count, compact: compact)
    }
    /// Whether a nullable struct follows: 1, or -1 for null.
    @inlinable public mutating func writePresence(_ present: Bool) {
        writeInteger(present ? Int8(1) : Int8(-1))
    }

    /// Writes a field's tag and leaves room for its size; returns where the size belongs, which
    /// `endTagged` wants once the field's value has been written.
    @inlinable public mutating func beginTagged(_ tag: UInt32) -> Int {
        writeUnsignedVarint(tag)
        writeInteger(UInt8(0))
        return used
    }
    /// Fills in the size of the tagged field whose value began at `start`.
    @inlinable public mutating func endTagged(from start: Int) {
        let size = used - start
        guard size >= 0x80 else {
            unsafe base.storeBytes(of: UInt8(size), toByteOffset: start - 1, as: UInt8.self)
            return
        }
        endLargeTagged(from: start, size: size)
    }
    /// The size takes more than the one byte that was left for it: makes room for the rest.
    @usableFromInline mutating func endLargeTagged(from start: Int, size: Int) {
        precondition(size <= Int(Int32.max), "a tagged field of more than 2 GiB")
        var extra = 0
        while size >> (7 * (extra + 1)) > 0 { extra += 1 }
        reserve(extra)
        // Both ends lie inside of what has been reserved; the ranges may overlap.
        unsafe (base + start + extra).copyMemory(from: base + start, byteCount: size)
        used = start - 1
        writeUnsignedVarint(UInt32(size))
        used += size
    }
}
