import KafkaProtocol
import KafkaWire
import Testing

/// Rules of single messages, headers, records and error codes.
@Suite struct MessageTests {
    @Test func aVersionThatLacksAFieldRefusesItsValue() throws {
        #expect(throws: WireError.self) {
            _ = try FetchRequest(forgottenTopicsData: [.init()])
                .encoded(version: 6)
        }
        // The rack is ignorable, the forgotten topics are not.
        let bytes = try FetchRequest(rackID: "r").encoded(version: 10)
        #expect(try FetchRequest(decoding: bytes, version: 10).rackID == "")
        #expect(throws: WireError.self) {
            _ = try InitProducerIDRequest(producerID: 5).encoded(version: 2)
        }
        // A tagged field in a version before it.
        #expect(throws: WireError.self) {
            _ = try FetchRequest(replicaState: .init(replicaID: 1)).encoded(version: 14)
        }
    }

    @Test func nullOnlyWhereTheVersionAllowsIt() throws {
        #expect(try MetadataRequest(topics: nil).encoded(version: 1) == [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(throws: WireError.self) {
            _ = try MetadataRequest(topics: nil).encoded(version: 0)
        }
        #expect(throws: WireError.self) {
            _ = try MetadataRequest(decoding: [0xFF, 0xFF, 0xFF, 0xFF], version: 0)
        }
        #expect(throws: WireError.self) {
            _ = try SaslHandshakeRequest(decoding: [0xFF, 0xFF], version: 0)
        }
    }

    @Test func headerVersions() {
        #expect(APIKey.produce.requestHeaderVersion(for: 8) == 1)
        #expect(APIKey.produce.requestHeaderVersion(for: 9) == 2)
        #expect(APIKey.produce.responseHeaderVersion(for: 9) == 1)
        #expect(APIKey.apiVersions.requestHeaderVersion(for: 3) == 2)
        #expect(APIKey.apiVersions.responseHeaderVersion(for: 3) == 0)
        #expect(APIKey.saslHandshake.requestHeaderVersion(for: 1) == 1)
        #expect(APIKey.offsetDelete.firstFlexibleVersion == nil)
    }

    @Test func theClientIDIsNeverCompact() throws {
        let header = RequestHeader(
            requestAPIKey: 18, requestAPIVersion: 3, correlationID: 7, clientID: "ab")
        #expect(
            try header.encoded(version: 2) == [0, 18, 0, 3, 0, 0, 0, 7, 0, 2, 97, 98, 0])
    }

    @Test func apiKeys() {
        #expect(APIKey.initProducerID.rawValue == 22)
        #expect(APIKey.initProducerID.name == "InitProducerId")
        #expect(APIKey.initProducerID.validVersions == 0...5)
        #expect(InitProducerIDRequest.validVersions == 0...6)
        #expect(APIKey.fetch.listeners == [.broker, .controller])
        #expect(APIKey.produce.listeners == .broker)
        for key in APIKey.allCases {
            #expect(key.requestType.apiKey == key && key.responseType.apiKey == key)
            #expect(key.requestType.validVersions == key.responseType.validVersions)
            #expect("\(key.requestType)" == "\(key.name)Request".replacing("Id", with: "ID"))
        }
    }

    @Test func errors() {
        #expect(KafkaError.offsetOutOfRange.rawValue == 1)
        #expect(KafkaError.invalidProducerIDMapping.name == "INVALID_PRODUCER_ID_MAPPING")
        #expect(KafkaError.notLeaderOrFollower.isRetriable)
        #expect(!KafkaError.unknownServerError.isRetriable && !KafkaError.none.isRetriable)
        #expect(KafkaError(code: 4711) == .unknownServerError)
        #expect(KafkaError.allCases.allSatisfy { !$0.message.isEmpty })
    }

    /// A TopicRecord as a broker of Kafka 4.3 wrote it.
    @Test func metadataRecordFraming() throws {
        let id: [UInt8] = [
            0x21, 0xB9, 0xC5, 0x68, 0x84, 0xF0, 0x4D, 0xA7, 0x9C, 0xFB, 0x9D, 0x3D, 0xE0, 0x47,
            0xF6, 0xC0,
        ]
        let value = [1, 2, 0, 7] + Array("plain6".utf8) + id + [0]
        let record = try MetadataRecord(decoding: value)
        guard case .topicRecord(let topic) = record else {
            Issue.record("not a TopicRecord: \(record)")
            return
        }
        #expect(topic.name == "plain6" && topic.topicID.bytes == id)
        #expect(record.apiKey == 2 && record.validVersions == 0...0)
        #expect(try record.encoded(version: 0) == value)
        #expect(throws: WireError.self) {
            _ = try MetadataRecord(decoding: [2] + value.dropFirst())
        }
        #expect(throws: WireError.self) { _ = try MetadataRecord(decoding: [1, 99, 0, 0]) }
        // A type and a version that are more than 16 bits can hold.
        for header: [UInt8] in [[1, 0x80, 0x80, 0x02, 0], [1, 2, 0x80, 0x80, 0x02]] {
            #expect(throws: WireError.badVarint) { _ = try MetadataRecord(decoding: header) }
        }
        #expect(throws: WireError.trailingBytes(1)) {
            _ = try MetadataRecord(decoding: value + [0])
        }
    }

    /// A tagged field of more than 127 bytes takes a longer size than the one set aside.
    @Test func largeTaggedFields() throws {
        for length in [125, 126, 127, 128, 16_382, 16_383, 20_000] {
            let request = FetchRequest(clusterID: String(repeating: "x", count: length))
            let bytes = try request.encoded(version: 12)
            #expect(try FetchRequest(decoding: bytes, version: 12) == request)
        }
    }
}
