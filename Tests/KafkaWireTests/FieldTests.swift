import KafkaWire
import Testing

/// Strings, bytes, arrays, tagged fields and splices.
@Suite struct FieldTests {
    @Test func stringsMustBeUTF8AndFit() throws {
        let bytes: [UInt8] = [0, 2, 0xC3, 0x28]
        #expect(throws: WireError.badUTF8) {
            var reader = WireReader(bytes.span.bytes)
            _ = try reader.readString(compact: false)
        }
        var writer = WireWriter()
        try writer.write(String(repeating: "x", count: 32_767), compact: false)
        #expect(writer.count == 32_769)
        #expect(throws: WireError.badLength(32_768)) {
            var writer = WireWriter()
            try writer.write(String(repeating: "x", count: 32_768), compact: false)
        }
    }

    private struct Listed: RandomNumberGenerator {
        var numbers: [UInt64]
        mutating func next() -> UInt64 { numbers.removeFirst() }
    }

    /// What begins with a dash looks like an option. Of the others the bits of version 4 are set.
    @Test func noRandomIDBeginsWithADash() {
        let dash = UInt64(62) << 58
        #expect(KafkaUUID(high: dash, low: 7).description.hasPrefix("-"))
        var generator = Listed(numbers: [dash, 7, 5, 6])
        let id = KafkaUUID.random(using: &generator)
        #expect(id == KafkaUUID(high: 0x4005, low: 1 << 63 | 6))
    }

    @Test(arguments: [true, false])
    func nullAndEmptyDiffer(compact: Bool) throws {
        var writer = WireWriter()
        try writer.write(nil as String?, compact: compact)
        try writer.write("", compact: compact)
        writer.write(nil as [UInt8]?, compact: compact)
        writer.write([], compact: compact)
        try writer.write(integers: nil as [Int32]?, compact: compact)
        try writer.write(integers: [7, -7] as [Int32], compact: compact)
        let bytes = writer.toArray()
        var reader = WireReader(bytes.span.bytes)
        #expect(try reader.readNullableString(compact: compact) == nil)
        #expect(try reader.readNullableString(compact: compact) == "")
        #expect(try reader.readNullableBytes(compact: compact) == nil)
        #expect(try reader.readNullableBytes(compact: compact) == [])
        let none: [Int32]? = try reader.readNullableIntegers(compact: compact)
        let some: [Int32]? = try reader.readNullableIntegers(compact: compact)
        #expect(none == nil && some == [7, -7])
        try reader.finish()
    }

    @Test func countsAreCheckedBeforeMemoryIsTaken() {
        for count: [UInt8] in [[0x7F, 0xFF, 0xFF, 0xFF], [0, 0, 0, 3], [0xFF, 0xFF, 0xFF, 0xFE]] {
            let bytes = count + [1, 2, 3, 4, 5, 6, 7, 8]
            #expect(throws: WireError.self) {
                var reader = WireReader(bytes.span.bytes)
                let _: [Int32]? = try reader.readNullableIntegers(compact: false)
            }
        }
    }

    @Test(arguments: [0, 127, 128, 16_383, 16_384, 3_000_000])
    func taggedFieldsOfAnySize(_ size: Int) throws {
        var writer = WireWriter(capacity: 16)
        let start = writer.beginTagged(3)
        writer.writeRaw([UInt8](repeating: 9, count: size))
        writer.endTagged(from: start)
        writer.write(Int8(77))
        let bytes = writer.toArray()
        var reader = WireReader(bytes.span.bytes)
        let field = try reader.readTag(after: -1)
        #expect(field.tag == 3 && field.size == size)
        #expect(try reader.readRaw(size) == [UInt8](repeating: 9, count: size))
        #expect(try reader.readInt8() == 77)
        try reader.finish()
    }

    @Test func externalRecordsLeaveASplice() throws {
        var writer = WireWriter()
        try writer.write(RecordsField.external(token: 5, count: 1000), compact: false)
        writer.write(Int8(1))
        #expect(writer.toArray() == [0, 0, 3, 0xE8, 1])
        #expect(writer.splices.map(\.position) == [4])
        #expect(writer.splicedByteCount == 1000)
    }

    @Test func fixedWidthIsBigEndian() throws {
        var writer = WireWriter()
        writer.write(Int64(-2))
        writer.write(UInt16(0xABCD))
        writer.write(1.5)
        writer.write(true)
        #expect(
            writer.toArray() == [
                0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xAB, 0xCD, 0x3F, 0xF8, 0, 0, 0, 0,
                0, 0, 1,
            ])
    }
}
