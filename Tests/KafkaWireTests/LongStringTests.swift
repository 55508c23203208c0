import KafkaWire
import Testing

/// Strings have at most 32767 bytes, also where their length could tell of more.
@Suite struct LongStringTests {
    private func bytes(_ count: Int) -> [UInt8] {
        var writer = WireWriter()
        // A compact length is one more, 0 being null.
        writer.writeUnsignedVarint(UInt32(count + 1))
        writer.writeRaw(Array(repeating: 0x78, count: count))
        return writer.toArray()
    }

    @Test func theLongestIsRead() throws {
        let longest = bytes(32_767)
        var reader = WireReader(longest.span.bytes)
        #expect(try reader.readString(compact: true).utf8.count == 32_767)
        var again = WireReader(longest.span.bytes)
        #expect(try again.readNullableString(compact: true)?.utf8.count == 32_767)
    }

    @Test func aLongerOneIsRefused() throws {
        let long = bytes(32_768)
        #expect(throws: WireError.badLength(32_768)) {
            var reader = WireReader(long.span.bytes)
            _ = try reader.readString(compact: true)
        }
        #expect(throws: WireError.badLength(32_768)) {
            var reader = WireReader(long.span.bytes)
            _ = try reader.readNullableString(compact: true)
        }
        // Bytes may be as many as a frame holds.
        var reader = WireReader(long.span.bytes)
        #expect(try reader.readBytes(compact: true).count == 32_768)
    }
}
