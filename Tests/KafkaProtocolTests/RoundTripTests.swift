import KafkaProtocol
import KafkaWire
import Testing

/// Messages with all fields at their defaults survive a round trip in every version.
@Suite struct RoundTripTests {
    private func roundTrip<Message: KafkaMessage>(_: Message.Type) throws {
        for version in Message.validVersions {
            let bytes = try Message().encoded(version: version)
            let decoded = try Message(decoding: bytes, version: version)
            #expect(try decoded.encoded(version: version) == bytes)
        }
    }

    @Test(arguments: APIKey.allCases)
    func defaults(_ key: APIKey) throws {
        try roundTrip(key.requestType)
        try roundTrip(key.responseType)
    }

    @Test func ninetyOneKeys() {
        #expect(APIKey.allCases.count == 91)
        #expect(APIKey.allCases.map(\.rawValue) == (0...94).filter { !(4...7).contains($0) })
        #expect(KafkaError.allCases.map(\.rawValue) == Array(-1...136))
    }
}
