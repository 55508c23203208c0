import KafkaProtocol
import KafkaWire

/// Frames, requests, responses and the records that have a schema.
let messageTargets = [
    FuzzTarget("frame", fuzzFrame),
    FuzzTarget("request") { fuzzMessage($0) { $0.requestType } },
    FuzzTarget("response") { fuzzMessage($0) { $0.responseType } },
    FuzzTarget("metadata-record", fuzzMetadataRecord),
    FuzzTarget("schema", fuzzSchema),
]

/// A request as it stands in a frame: key, version, header, body.
private func fuzzFrame(_ frame: RawSpan) {
    do throws(WireError) {
        var peek = WireReader(frame)
        let rawKey = try peek.readInt16()
        let version = try peek.readInt16()
        guard let key = APIKey(rawValue: rawKey) else { return }
        var reader = WireReader(frame)
        let header = try RequestHeader(
            from: &reader, version: key.requestHeaderVersion(for: version))
        require(header.requestAPIKey == rawKey, "the header has another key than the frame")
        guard key.validVersions.contains(version) else { return }
        checkMessage(
            key.requestType, frame.extracting(reader.offset..<frame.byteCount), version)
    } catch {
        return
    }
}

/// Two bytes choose API and version, the rest is the body.
private func fuzzMessage(_ bytes: RawSpan, _ type: (APIKey) -> any KafkaMessage.Type) {
    guard bytes.byteCount >= 2 else { return }
    let keys = APIKey.allCases
    let key = keys[Int(bytes.byte(0)) % keys.count]
    checkMessage(
        type(key), bytes.extracting(2..<bytes.byteCount),
        version(bytes.byte(1), of: key.validVersions))
}

private func fuzzMetadataRecord(_ bytes: RawSpan) {
    guard let record = try? MetadataRecord(decoding: bytes) else { return }
    for version in record.validVersions {
        guard let written = try? record.encoded(version: version) else { continue }
        let again = try? MetadataRecord(decoding: written)
        require(again != nil, "\(record) v\(version) does not read what it wrote")
        let rewritten = try? again?.encoded(version: version)
        require(rewritten == written, "\(record) v\(version) changes when it is read")
    }
}

/// A byte chooses among all structures that have a schema and another one the version.
private func fuzzSchema(_ bytes: RawSpan) {
    guard bytes.byteCount >= 3 else { return }
    let types = MessageCatalog.all
    let index = Int(bytes.byte(0)) << 8 | Int(bytes.byte(1))
    let type = types[index % types.count]
    checkMessage(
        type, bytes.extracting(3..<bytes.byteCount), version(bytes.byte(2), of: type.validVersions))
}

private func version(_ byte: UInt8, of versions: ClosedRange<Int16>) -> Int16 {
    versions.lowerBound + Int16(byte) % Int16(versions.count)
}

/// What decodes and can be encoded decodes again, to what encodes to the same bytes.
///
/// Bytes and not values are compared: a NaN differs from itself. Records in a frame are not
/// encoded, for the frame is not the message's.
private func checkMessage<Message: KafkaMessage>(
    _: Message.Type, _ body: RawSpan, _ version: Int16
) {
    guard let message = try? Message(decoding: body, version: version),
        let written = try? message.encoded(version: version)
    else { return }
    let again = try? Message(decoding: written, version: version)
    require(again != nil, "\(Message.self) v\(version) does not read what it wrote")
    guard let rewritten = try? again?.encoded(version: version) else { return }
    require(rewritten == written, "\(Message.self) v\(version) changes when it is read")
}

extension RawSpan {
    /// The byte at `index`, which must be there.
    func byte(_ index: Int) -> UInt8 { unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self) }
}
