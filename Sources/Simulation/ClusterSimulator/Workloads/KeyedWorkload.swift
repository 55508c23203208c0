import KafkaProtocol
import KafkaRecords
import KafkaWire

/// Writes values and tombstones for a few keys of a compacted partition, one at a time, each until
/// it is acknowledged; so what is last of each key is known.
final class KeyedWorkload {
    private let world: SimulatedWorld
    private let client: SimulatedClient
    private let key: PartitionKey
    private let records: Int
    private var remaining: Int
    private var producerID: Int64 = -1
    private var sequence: Int32 = 0
    /// By record key: the number that was written last, `nil` for a tombstone.
    private(set) var last: [UInt8: UInt32?] = [:]

    static let keys: UInt8 = 7

    init(_ world: SimulatedWorld, _ key: PartitionKey, records: Int) {
        self.world = world
        self.key = key
        self.records = records
        remaining = records
        client = SimulatedClient(world, "keyed")
    }

    var isDone: Bool { remaining == 0 }
    var state: String { "\(key): \(remaining) keyed records to go" }

    func start() {
        let request = InitProducerIDRequest(transactionalID: nil, transactionTimeoutMs: 60_000)
        client.call(request, version: 4) { [self] answer in
            guard let message = answer?.message, message.errorCode == 0 else {
                return again { [self] in start() }
            }
            producerID = message.producerID
            next()
        }
    }

    private func again(_ action: @escaping () -> Void) {
        world.scheduler.after(world.draw(5...200) * 1_000_000, action)
    }

    private func next() {
        guard remaining > 0 else { return }
        let pause = world.pause(of: records)
        guard pause > 0 else { return write() }
        world.scheduler.after(pause) { [self] in write() }
    }

    private func write() {
        let recordKey = UInt8(world.draw(0...Int64(Self.keys) - 1))
        let isTombstone = world.chance(20)
        send(recordKey, isTombstone ? nil : UInt32(sequence))
    }

    private func send(_ recordKey: UInt8, _ number: UInt32?) {
        var builder = RecordBatchBuilder(
            .init(producerID: ProducerID(producerID), producerEpoch: 0, baseSequence: sequence))
        builder.append(
            timestamp: world.wallMs, key: [recordKey],
            value: number.map {
                RecordID(producer: UInt16(recordKey), number: $0).bytes(padding: 60)
            })
        let bytes: [UInt8]
        do throws(CompressionError) {
            bytes = try builder.finish()
        } catch {
            preconditionFailure("an uncompressed batch cannot fail: \(error)")
        }
        let request = ProduceRequest(
            acks: -1, timeoutMs: 5000,
            topicData: [
                .init(
                    name: key.topic,
                    partitionData: [.init(index: key.partition, records: .bytes(bytes))])
            ])
        client.call(request, version: 12, to: .leader(key)) { [self] answer in
            let code = answer?.message.responses.first?.partitionResponses.first?.errorCode
            switch code.map({ KafkaError(rawValue: $0) ?? .unknownServerError }) {
            case KafkaError.none?, .duplicateSequenceNumber?:
                last[recordKey] = .some(number)
                sequence += 1
                remaining -= 1
                world.history.countOperation()
                next()
            case .outOfOrderSequenceNumber?, .invalidRecord?, .corruptMessage?:
                world.violation("\(key): keyed record \(sequence): \(code ?? -1)")
                again { [self] in send(recordKey, number) }
            default:
                client.forgetRoutes()
                again { [self] in send(recordKey, number) }
            }
        }
    }
}
