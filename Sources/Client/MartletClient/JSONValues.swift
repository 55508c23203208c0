public import ClientCore
public import Foundation

extension ProducerRecord {
    /// A record whose value is `value` as JSON.
    ///
    /// - Throws: what the encoder throws.
    public init(
        topic: String, key: String? = nil, json value: some Encodable,
        encoder: JSONEncoder = JSONEncoder()
    ) throws {
        self.init(
            topic: topic, key: key.map { Array($0.utf8) }, value: Array(try encoder.encode(value)))
    }
}

extension ConsumerRecord {
    /// The value, read as JSON; `nil` for a tombstone.
    ///
    /// - Throws: what the decoder throws.
    public func json<Value: Decodable>(
        as type: Value.Type = Value.self, decoder: JSONDecoder = JSONDecoder()
    ) throws -> Value? {
        try value.map { try decoder.decode(type, from: Data($0)) }
    }
}
