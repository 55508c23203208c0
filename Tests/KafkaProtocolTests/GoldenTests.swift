import KafkaProtocol
import KafkaWire
import Testing

/// The codec against the bytes of Apache Kafka's own message classes.
@Suite struct GoldenTests {
    /// Decodes, looks at every field's value, encodes and compares all bytes.
    private func check<Message: KafkaMessage>(_: Message.Type, _ golden: GoldenMessage) throws {
        let decoded = try Message(decoding: golden.bytes, version: golden.version)
        if golden.isFull { checkFields(Mirror(reflecting: decoded), golden) }
        let encoded = try withRecords(decoded, from: golden.bytes).encoded(version: golden.version)
        #expect(encoded == golden.bytes, "\(golden)")
        #expect(try Message(decoding: encoded, version: golden.version) == decoded)
    }

    @Test func everyVersionByteForByte() throws {
        let messages = try GoldenMessage.all()
        for golden in messages { try check(golden.type, golden) }
        var seen: [String: Set<Int16>] = [:]
        for golden in messages {
            seen[golden.name.lowercased(), default: []].insert(golden.version)
        }
        for type in MessageCatalog.all {
            #expect(seen["\(type)".lowercased()] == Set(type.validVersions), "\(type)")
        }
    }

    /// Every field must hold the value that its name asks for, or its default where the version
    /// has no such field; a field that is at its default everywhere is caught by the byte count.
    private func checkFields(_ mirror: Mirror, _ golden: GoldenMessage) {
        for child in mirror.children {
            guard let label = child.label else { continue }
            checkValue(child.value, label, golden)
        }
    }

    private func checkValue(_ value: Any, _ label: String, _ golden: GoldenMessage) {
        let hash = Self.fnv(label)
        switch value {
        case let number as Int8: expect(number, Int8(hash & 0x7F), label, golden)
        case let number as Int16: expect(number, Int16(hash & 0x7FFF), label, golden)
        case let number as UInt16: expect(number, UInt16(hash & 0xFFFF), label, golden)
        case let number as Int32: expect(number, Int32(hash & 0x7FFF_FFFF), label, golden)
        case let number as UInt32: expect(number, hash, label, golden)
        case let number as Int64:
            let wide = (UInt64(hash) << 31 ^ UInt64(hash)) & 0x7FFF_FFFF_FFFF_FFFF
            expect(number, Int64(wide), label, golden)
        case let number as Double: expect(number, Double(hash) + 0.5, label, golden)
        case let text as String: expect(text, label.lowercased(), label, golden)
        case let id as KafkaUUID:
            expect(id, KafkaUUID(high: UInt64(hash), low: UInt64(hash)), label, golden)
        case let bytes as [UInt8]: expect(bytes, Array(label.lowercased().utf8), label, golden)
        case is Bool, is RecordsField: break
        default: checkComposite(value, label, golden)
        }
    }

    private func checkComposite(_ value: Any, _ label: String, _ golden: GoldenMessage) {
        let mirror = Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .collection:
            #expect(mirror.children.isEmpty || mirror.children.count == 2, "\(golden) \(label)")
            for child in mirror.children { checkValue(child.value, label, golden) }
        case .optional:
            for child in mirror.children { checkValue(child.value, label, golden) }
        default: checkFields(mirror, golden)
        }
    }

    /// `value` must be `wanted`, or one of the defaults that Kafka's schemas use.
    private func expect<Value: Equatable>(
        _ value: Value, _ wanted: Value, _ label: String, _ golden: GoldenMessage
    ) {
        if value == wanted { return }
        let isDefault =
            ["", "0", "0.0", "[]", "-1", "1", "3", "16", "-2", "2000", "60000"]
            .contains("\(value)") || "\(value)" == KafkaUUID.zero.description
            || "\(value)" == "\(Int32.max)" || "\(value)" == "\(Int64.max)"
            || "\(value)" == "\(Int32.min)"
        #expect(isDefault, "\(golden) \(label): \(value), not \(wanted)")
    }

    static func fnv(_ name: String) -> UInt32 {
        name.lowercased().utf8.reduce(0x811C_9DC5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
    }
}
