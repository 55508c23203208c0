import Coordinators
import KafkaProtocol
import KafkaWire

/// A machine that adds up what is committed to it, one record a sum.
final class CounterMachine: CoordinatorMachine {
    struct Added: CoordinatorRecord {
        var amount: UInt8
        func encodedKey() -> [UInt8] { [0, 7] }
        func encodedValue() -> [UInt8]? { [amount] }
        static func decode(key: RawSpan, value: RawSpan?) throws(WireError) -> Added? {
            var reader = WireReader(key)
            guard try reader.readInt16() == 7, let value else { return nil }
            var amount = WireReader(value)
            return Added(amount: UInt8(bitPattern: try amount.readInt8()))
        }
    }

    var outbox = CoordinatorOutbox<Added, String>()
    var sum = 0
    var pending = 0
    var deadline: Int64?
    var offsets: [Offset] = []
    var unloadedWith: KafkaError?

    func replay(_ record: Added, at offset: Offset, by writer: RecordWriter) {
        offsets.append(offset)
        if writer == .coordinator {
            sum += Int(record.amount)
        } else {
            pending += Int(record.amount)
        }
    }

    func replay(_ marker: CoordinatorMarker) {
        if marker.marker.isCommit { sum += pending }
        pending = 0
    }

    func loaded(_ now: Moment) { deadline = now.monotonicMs + 10 }
    func unload(_ error: KafkaError) { unloadedWith = error }
    func timersDue(_ now: Moment) {
        deadline = nil
        write([Added(amount: 100)])
    }
    var nextDeadline: Int64? { deadline }

    // MARK: Operations

    func add(_ amounts: [UInt8], for caller: Caller, as writer: RecordWriter = .coordinator) {
        write(amounts.map { Added(amount: $0) }, as: writer)
        tell(caller)
    }

    func tell(_ caller: Caller) {
        outbox.reply(
            CoordinatorReply(HeartbeatResponse(throttleTimeMs: Int32(sum)), to: caller) {
                HeartbeatResponse(errorCode: $0.rawValue)
            })
    }
}

/// A log in memory that keeps batches as they come.
struct MemoryCoordinatorLog: CoordinatorLog {
    var endOffset = Offset.zero
    var highWatermark = Offset.zero
    var batches: [UInt8] = []
    var refusal: KafkaError?

    mutating func append(
        _ batch: [UInt8], transactionVersion: Int16
    ) -> Result<Offset, KafkaError> {
        if let refusal { return .failure(refusal) }
        var batch = batch
        let base = endOffset
        let count = batch.withUnsafeBytes {
            Int32(bigEndian: $0.loadUnaligned(fromByteOffset: 57, as: Int32.self))
        }
        batch.replaceSubrange(0..<8, with: withUnsafeBytes(of: base.rawValue.bigEndian, Array.init))
        batches += batch
        endOffset = endOffset + Int64(count)
        return .success(base)
    }
}
