import KafkaProtocol
import KafkaWire
import Testing

/// Bytes that nobody vouches for end in an error, never in a trap or a large allocation.
@Suite struct HostileBytesTests {
    private func decode<Message: KafkaMessage>(
        _: Message.Type, _ bytes: [UInt8], _ version: Int16
    ) throws(WireError) -> Message { try Message(decoding: bytes, version: version) }

    @Test func everyTruncationThrows() throws {
        for golden in try GoldenMessage.all() where golden.bytes.count <= 1024 {
            for count in golden.bytes.indices {
                let prefix = Array(golden.bytes[..<count])
                #expect(throws: WireError.self, "\(golden) cut to \(count)") {
                    _ = try decode(golden.type, prefix, golden.version)
                }
            }
        }
    }

    @Test func trailingBytesThrow() throws {
        for golden in try GoldenMessage.all() {
            #expect(throws: WireError.trailingBytes(1), "\(golden)") {
                _ = try decode(golden.type, golden.bytes + [0], golden.version)
            }
        }
    }

    /// What decodes after a byte was changed must also encode, or say why not.
    @Test func changedBytesNeverTrap() throws {
        var outcomes = (decoded: 0, refused: 0)
        for golden in try GoldenMessage.all() where golden.bytes.count <= 512 {
            for index in golden.bytes.indices {
                for value: UInt8 in [0, 1, 0x7F, 0x80, 0xFF] {
                    var bytes = golden.bytes
                    bytes[index] = value
                    do {
                        let message = try decode(golden.type, bytes, golden.version)
                        outcomes.decoded += 1
                        _ = try withRecords(message, from: bytes).encoded(version: golden.version)
                    } catch {
                        outcomes.refused += 1
                    }
                }
            }
        }
        #expect(outcomes.decoded > 10_000 && outcomes.refused > 10_000)
    }

    @Test(arguments: APIKey.allCases)
    func otherVersionsThrow(_ key: APIKey) {
        for type in [key.requestType as any KafkaMessage.Type, key.responseType] {
            for version in [type.validVersions.lowerBound - 1, type.validVersions.upperBound + 1] {
                #expect(throws: WireError.unsupportedVersion(version)) {
                    _ = try decode(type, [UInt8](repeating: 0, count: 64), version)
                }
                #expect(throws: WireError.unsupportedVersion(version)) {
                    _ = try type.init().encoded(version: version)
                }
            }
        }
    }

    @Test func hugeCountsThrow() {
        // Metadata v1: an array of topics, of 2 bytes at least each.
        for count: [UInt8] in [[0x7F, 0xFF, 0xFF, 0xFF], [0, 0, 0, 2], [0x80, 0, 0, 0]] {
            #expect(throws: WireError.self) {
                _ = try MetadataRequest(decoding: count + [0, 0, 0], version: 1)
            }
        }
        // DeleteTopics v4: a compact array of names, five-byte count.
        #expect(throws: WireError.self) {
            _ = try DeleteTopicsRequest(decoding: [0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0], version: 4)
        }
    }

    @Test func taggedFieldsHaveLimits() throws {
        let none: [UInt8] = [0, 0, 0, 1]
        func header(_ tags: [UInt8]) throws(WireError) -> ResponseHeader {
            try ResponseHeader(decoding: none + tags, version: 1)
        }
        #expect(try header([0]).correlationID == 1)
        #expect(try header([2, 5, 1, 9, 7, 0]).correlationID == 1)
        #expect(throws: WireError.badTaggedFields) { try header([2, 7, 0, 5, 0]) }
        #expect(throws: WireError.badTaggedFields) { try header([2, 5, 0, 5, 0]) }
        #expect(throws: WireError.truncated(needed: 9, remaining: 1)) { try header([1, 5, 9, 0]) }
        func tags(_ count: Int) -> [UInt8] {
            var writer = WireWriter()
            writer.writeUnsignedVarint(UInt32(count))
            for tag in 0..<count {
                writer.writeUnsignedVarint(UInt32(tag))
                writer.writeUnsignedVarint(0)
            }
            return writer.toArray()
        }
        #expect(try header(tags(WireLimits.taggedFields)).correlationID == 1)
        #expect(throws: WireError.badTaggedFields) {
            try header(tags(WireLimits.taggedFields + 1))
        }
    }

    @Test func aTaggedFieldEndsWhereItsSizeSays() throws {
        // FetchRequest v12 with a cluster id (tag 0) of "ab": size 3, then with size 4.
        let good = try FetchRequest(clusterID: "ab").encoded(version: 12)
        #expect(try FetchRequest(decoding: good, version: 12).clusterID == "ab")
        #expect(good.suffix(6) == [1, 0, 3, 3, 97, 98])
        let long = good.dropLast(6) + [1, 0, 4, 3, 97, 98, 0]
        #expect(throws: WireError.badTaggedFields) {
            _ = try FetchRequest(decoding: Array(long), version: 12)
        }
    }
}
