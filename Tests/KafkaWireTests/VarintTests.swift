import KafkaWire
import Testing

/// Variable-length integers at the edges of their ranges.
@Suite struct VarintTests {
    /// Runs `body` on a reader of `bytes`.
    private func read<Value>(
        _ bytes: [UInt8], _ body: (inout WireReader) throws(WireError) -> Value
    ) throws(WireError) -> Value {
        var reader = WireReader(bytes.span.bytes)
        let value = try body(&reader)
        try reader.finish()
        return value
    }

    @Test(arguments: [0, 1, 127, 128, 16_383, 16_384, UInt32(Int32.max), .max])
    func unsigned(_ value: UInt32) throws {
        var writer = WireWriter()
        writer.writeUnsignedVarint(value)
        #expect(
            try read(writer.toArray()) { r throws(WireError) in try r.readUnsignedVarint() }
                == value)
    }

    @Test(arguments: [0, -1, 1, 63, -64, 64, .max, .min])
    func zigzag(_ value: Int32) throws {
        var writer = WireWriter()
        writer.writeVarint(value)
        #expect(try read(writer.toArray()) { r throws(WireError) in try r.readVarint() } == value)
    }

    @Test(arguments: [0, -1, 1, 63, -64, 64, .max, .min])
    func zigzag64(_ value: Int64) throws {
        var writer = WireWriter()
        writer.writeVarlong(value)
        #expect(try read(writer.toArray()) { r throws(WireError) in try r.readVarlong() } == value)
    }

    @Test func tooLong() {
        let five: [UInt8] = [0x80, 0x80, 0x80, 0x80, 0x80, 0]
        #expect(throws: WireError.badVarint) {
            _ = try read(five) { r throws(WireError) in try r.readUnsignedVarint() }
        }
        #expect(throws: WireError.badVarint) {
            _ = try read([0xFF, 0xFF, 0xFF, 0xFF, 0x1F]) { r throws(WireError) in
                try r.readUnsignedVarint()
            }
        }
        #expect(throws: WireError.badVarint) {
            _ = try read([UInt8](repeating: 0xFF, count: 9) + [2]) { r throws(WireError) in
                try r.readVarlong()
            }
        }
    }

    @Test func cutShort() {
        for bytes: [UInt8] in [[], [0x80], [0xFF, 0xFF, 0xFF, 0xFF]] {
            #expect(throws: WireError.truncated(needed: 1, remaining: 0)) {
                _ = try read(bytes) { r throws(WireError) in try r.readUnsignedVarint() }
            }
        }
    }
}
