import Foundation
import KafkaProtocol
import KafkaRecords
import KafkaWire
import MetadataQuorum

/// Valid inputs of each target, made by our encoders and from messages that Kafka wrote: where a
/// fuzzer begins.
enum Seeds {
    static let directory = ProcessInfo.processInfo.environment["FUZZ_SEEDS"]

    static func all() throws -> [String: [[UInt8]]] {
        var all = try messages()
        try all.merge(records()) { $0 + $1 }
        try all.merge(coordinators()) { $0 + $1 }
        all.merge(texts.mapValues { $0.map { Array($0.utf8) } }) { $0 + $1 }
        all["sasl"] = saslSeeds
        all["quorum-member"] = memberSeeds
        all["peer-connection"] = peerSeeds
        all["log"] = try logs()
        all["append"] = try appends()
        all["follower"] = try followers()
        all["snapshot"] = try snapshots()
        all["producer-snapshot"] = [[1, 0, 1, 0, 0, 0, 0] + producerEntries]
        all["client-producer"] = try clients(flags: [0, 1, 16], answering: "ProduceResponse")
        all["client-consumer"] = try clients(flags: [0, 1, 2, 10, 12], answering: "FetchResponse")
        return all
    }

    /// `bytes` with their length before them.
    static func piece(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8(bytes.count >> 8 & 0xFF), UInt8(bytes.count & 0xFF)] + bytes
    }

    /// A mechanism, and what a server says.
    private static let saslSeeds: [[UInt8]] = [
        (0, ["r=nonceAndMore,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "v=6rriTRBi23WpRR/wtup+mA=="]),
        (1, ["r=nonce1,s=W22ZaJ0=,i=4097", "e=invalid-proof"]), (1, ["m=x,r=nonce1,s=W22Z,i=1"]),
        (2, [""]), (3, ["{\"status\":\"invalid_token\"}", ""]),
    ].map { mechanism, challenges in
        [mechanism] + challenges.flatMap { piece(Array($0.utf8)) }
    }

    /// An election that is won, a record, fetches of both others, a power cut; a leader that is
    /// heard of, fetched from, and cut to.
    private static let memberSeeds: [[UInt8]] = [
        [0, 15, 160, 7, 7, 5, 1, 11, 2, 0, 0, 0, 10, 1, 11, 3, 0, 0, 0, 10, 6, 3, 0, 15, 160],
        [1, 10, 2, 1, 3, 0, 4, 2, 0, 1, 1, 3, 0, 0, 0, 1, 0, 3, 0, 4, 2, 0, 0, 0, 1, 0, 1, 0],
        [1, 9, 2, 1, 0, 1, 6, 1, 1, 9, 3, 0, 0, 1, 1, 10, 3, 2, 3, 0, 1, 3, 0, 2],
    ]

    /// A request that is answered after the handshake; one that is lost with its connection.
    private static let peerSeeds: [[UInt8]] = [
        [0, 0, 3, 6, 1, 15, 15, 3, 6, 0] + piece([0, 0, 0, 0]) + [2, 3, 0],
        [0, 0, 0, 1, 3, 6, 1, 15, 15, 0, 3, 6, 1, 15, 15, 0, 4, 0, 2, 0, 200, 3, 5, 0]
            + piece([0, 0, 0, 4, 0, 0, 0, 9]),
    ]

    // MARK: Messages

    private static func messages() throws -> [String: [[UInt8]]] {
        var seeds: [String: [[UInt8]]] = [:]
        for golden in try Golden.all where golden.bytes.count <= 2048 {
            for (index, key) in APIKey.allCases.enumerated() {
                let version = UInt8(
                    truncatingIfNeeded: golden.version - key.validVersions.lowerBound)
                if "\(key.requestType)" == golden.name {
                    seeds["request", default: []].append(
                        [UInt8(truncatingIfNeeded: index), version] + golden.bytes)
                    if golden.version == key.validVersions.upperBound {
                        seeds["frame", default: []].append(try frame(key, golden))
                    }
                } else if "\(key.responseType)" == golden.name {
                    seeds["response", default: []].append(
                        [UInt8(truncatingIfNeeded: index), version] + golden.bytes)
                }
            }
            if let record = golden.type as? any KafkaRecordBody.Type {
                let bytes =
                    [
                        1, UInt8(truncatingIfNeeded: record.recordType),
                        UInt8(truncatingIfNeeded: golden.version),
                    ] + golden.bytes
                seeds["metadata-record", default: []].append(bytes)
                seeds["metadata-image", default: []].append(piece(bytes))
            }
            if let place = MessageCatalog.all.firstIndex(where: { $0 == golden.type }),
                !golden.name.hasSuffix("Request"), !golden.name.hasSuffix("Response")
            {
                let version = UInt8(
                    truncatingIfNeeded: golden.version - golden.type.validVersions.lowerBound)
                seeds["schema", default: []].append(
                    [
                        UInt8(truncatingIfNeeded: place >> 8),
                        UInt8(truncatingIfNeeded: place & 0xFF), version,
                    ] + golden.bytes)
            }
        }
        let image = seeds["metadata-image", default: []].flatMap { $0 }
        seeds["metadata-image"]?.append(image)
        return seeds
    }

    private static func frame(_ key: APIKey, _ golden: Golden) throws -> [UInt8] {
        let header = RequestHeader(
            requestAPIKey: key.rawValue, requestAPIVersion: golden.version, correlationID: 7,
            clientID: "c")
        let version = key.requestHeaderVersion(for: golden.version)
        return try header.encoded(version: version) + golden.bytes
    }

    // MARK: Records

    static func batch(
        _ compression: CompressionType = .none, at offset: Int64 = 0, producer: Int64 = -1,
        sequence: Int32 = -1, isTransactional: Bool = false
    ) throws -> [UInt8] {
        var builder = RecordBatchBuilder(
            .init(
                baseOffset: Offset(offset), partitionLeaderEpoch: LeaderEpoch(0),
                compression: compression, producerID: ProducerID(producer),
                producerEpoch: producer < 0 ? -1 : 0, baseSequence: sequence,
                isTransactional: isTransactional))
        for number in UInt8(0)..<3 {
            builder.append(
                Record(
                    offset: Offset(offset + Int64(number)), timestamp: 1_700_000_000_000,
                    key: number == 1 ? nil : [number], value: number == 2 ? nil : Array("vvv".utf8),
                    headers: number == 0 ? [RecordHeader(key: "h", value: [1])] : []))
        }
        return try builder.finish()
    }

    private static func marker(at offset: Int64, isCommit: Bool) throws -> [UInt8] {
        try TransactionMarker(isCommit: isCommit, coordinatorEpoch: 1).batch(
            producerID: ProducerID(5), producerEpoch: 0, timestamp: 1_700_000_000_000,
            baseOffset: Offset(offset), partitionLeaderEpoch: LeaderEpoch(0))
    }

    /// A log with plain and compressed batches, an aborted and a committed transaction.
    private static func log() throws -> [UInt8] {
        try batch() + batch(.lz4, at: 3)
            + batch(at: 6, producer: 5, sequence: 0, isTransactional: true)
            + marker(at: 9, isCommit: false)
            + batch(at: 10, producer: 5, sequence: 3, isTransactional: true)
            + marker(at: 13, isCommit: true)
    }

    private static func records() throws -> [String: [[UInt8]]] {
        let text = Array(String(repeating: "martlet, the bird that never lands; ", count: 9).utf8)
        var seeds: [String: [[UInt8]]] = ["batches": [try log()], "compress": []]
        for type in CompressionType.allCases {
            seeds["batches", default: []].append(try batch(type))
            seeds["compress", default: []].append([UInt8(type.rawValue), 3] + text)
            seeds["batch-builder", default: []].append(
                [UInt8(type.rawValue), 0, 0] + [7, 1, 9] + piece([1]) + piece([2]) + piece([65]))
            guard type != .none else { continue }
            for count in [0, 1, text.count] {
                seeds["decompress-\(type.name)", default: []].append(
                    [1, 0]
                        + (try Compression.compress(
                            Array(text.prefix(count)).span.bytes, as: type)))
            }
        }
        return seeds
    }

    /// The first bytes of `log` and `append`: flags, then three zeros for the offsets.
    private static func opening(_ flags: UInt8) -> [UInt8] { [flags, 0, 0, 0] }

    private static func logs() throws -> [[UInt8]] {
        let log = [0x80, 0] + piece(try log())
        let second = [0x80, 1, 14] + piece(try batch(at: 14))
        let index = [1, 0] + piece([0, 0, 0, 5, 0, 0, 0, 90, 0, 0, 0, 9, 0, 0, 1, 44])
        let time = [2, 0] + piece([0, 0, 1, 0x8B, 0xCF, 0xE5, 0x68, 0, 0, 0, 0, 2])
        let aborted: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 6]
        let transaction =
            [3, 0] + piece(aborted + [0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 6])
        let snapshot = [0x84, 1, 6] + piece([0, 1, 0, 0, 0, 0] + producerEntries)
        let epochs = [0x1E, 0] + piece(Array("0\n1\n0 0\n".utf8))
        let metadata =
            [0x1F, 0] + piece(Array("version: 0\ntopic_id: AAAAAAAAAAEAAAAAAAAAAg".utf8))
        let all = log + index + time + transaction + snapshot + epochs + metadata
        return [
            opening(0) + log, opening(1) + log, opening(0) + log + second,
            opening(1) + all, opening(0) + all, opening(3) + all + second,
            opening(0) + log + [0x80 | 10, 0] + piece(try batch()),
            opening(0) + log + [0x80 | 15, 0] + piece(try batch()), opening(0),
        ]
    }

    private static func appends() throws -> [[UInt8]] {
        let plain = [0x81] + piece(try batch())
        let producer = [0x81] + piece(try batch(producer: 9, sequence: 0))
        let transaction =
            [0x82] + piece(try batch(producer: 5, sequence: 0, isTransactional: true))
            + [0x82] + piece(try marker(at: 0, isCommit: false))
        return [
            opening(0) + plain + producer + producer, opening(4) + transaction,
            opening(10) + plain + plain, opening(0) + [0x80] + piece(try log()),
            opening(2) + [0x81] + piece(try batch(.zstd)),
        ]
    }

    /// Records, a high watermark, another epoch's end, and a log that begins elsewhere.
    private static func followers() throws -> [[UInt8]] {
        let plain = [0x80] + piece(try batch())
        let producer = [0x80] + piece(try batch(producer: 9, sequence: 0))
        let whole: [UInt8] = [0] + piece(try log())
        return [
            plain + [3, 1, 2, 0] + [7, 4, 1, 0, 1, 1], producer + [5, 0] + producer,
            whole + [7, 3, 1, 9, 1, 1, 4, 1, 3, 1, 1], plain + [6, 1, 40] + plain + [5, 1, 2],
        ]
    }

    /// A count and one producer with an open transaction.
    private static let producerEntries: [UInt8] =
        [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 2]
        + [0, 0, 1, 0x8B, 0xCF, 0xE5, 0x68, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3]

    private static func snapshots() throws -> [[UInt8]] {
        let records: [MetadataRecord] = [
            .featureLevelRecord(.init(name: "metadata.version", featureLevel: 7)),
            .topicRecord(.init(name: "t", topicID: KafkaUUID(high: 1, low: 2))),
        ]
        let contents = SnapshotContents(lastTimestamp: 5, records: records)
        return [
            [0]
                + (try contents.encoded(epoch: LeaderEpoch(1), now: 0) {
                    $0.validVersions.upperBound
                })
        ]
    }

    // MARK: Coordinators and clients

    private static func coordinators() throws -> [String: [[UInt8]]] {
        var keys: [Int16: [UInt8]] = [:]
        var seeds: [String: [[UInt8]]] = [:]
        let all = try Golden.all
        for golden in all where golden.isFull {
            guard let type = golden.type as? any CoordinatorRecordKey.Type else { continue }
            let number = [
                UInt8(truncatingIfNeeded: type.recordType >> 8),
                UInt8(truncatingIfNeeded: type.recordType & 0xFF),
            ]
            if golden.name == "TransactionLogKey" {
                keys[-1] = number + golden.bytes
            } else if !golden.name.hasPrefix("Share") {
                keys[type.recordType] = number + golden.bytes
            }
        }
        for golden in all {
            guard let type = golden.type as? any CoordinatorRecordValue.Type else { continue }
            let isTransaction = golden.name == "TransactionLogValue"
            guard let key = keys[isTransaction ? -1 : type.recordType] else { continue }
            let value = [0, UInt8(truncatingIfNeeded: golden.version)] + golden.bytes
            let prefix = isTransaction ? "transaction" : "group"
            seeds["\(prefix)-record", default: []].append(piece(key) + value)
            seeds["\(prefix)-log", default: []].append([0x50] + piece(key) + piece(value))
        }
        for golden in all where golden.name.hasPrefix("ConsumerProtocol") {
            let reader: UInt8 = golden.name.hasSuffix("Subscription") ? 0 : 1
            for mode in [reader, reader + 2] {
                seeds["consumer-protocol", default: []].append(
                    [mode, 0, UInt8(truncatingIfNeeded: golden.version)] + golden.bytes)
            }
        }
        return seeds
    }

    /// Clients whose broker behaves, then gives the answers that Kafka wrote.
    private static func clients(flags: [UInt8], answering name: String) throws -> [[UInt8]] {
        let answers = try Golden.all.filter { $0.name == name && $0.isFull }
        return flags.flatMap { flag in
            answers.suffix(2).map { answer in
                [flag, 1, 0, 0, 3, 200, 0, 0, 3, 200, 0xF0] + piece(answer.bytes)
                    + [3, 200, 0xF0] + piece(answer.bytes)
            }
        }
    }
}
