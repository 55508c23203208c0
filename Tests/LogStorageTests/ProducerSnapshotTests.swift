import KafkaRecords
import KafkaWire
import Testing

@testable import LogStorage

@Suite struct ProducerSnapshotTests {
    private func state(_ id: Int64, batches: Int32) -> ProducerState {
        var state = ProducerState(producerID: ProducerID(id))
        for number in 0..<batches {
            state.add(
                ProducerBatch(
                    lastSequence: number * 10 + 9, lastOffset: Offset(Int64(number) * 20 + 9),
                    offsetDelta: 9, timestamp: 1000 + Int64(number)), epoch: 3)
        }
        state.coordinatorEpoch = 7
        state.currentTxnFirstOffset = Offset(40)
        return state
    }

    @Test func everyRememberedBatchComesBack() throws {
        let states = [state(1, batches: 5), state(2, batches: 1), state(9, batches: 3)]
        #expect(try ProducerSnapshot.decode(ProducerSnapshot.encode(states)) == states)
    }

    @Test func theLastEntryOfAProducerIsTheOneThatKafkaKeeps() throws {
        let bytes = ProducerSnapshot.encode([state(1, batches: 3)])
        // Version 2, checksum 4, count 4, then entries of 46 bytes.
        #expect(bytes.count == 10 + 3 * 46)
        #expect(bytes[6..<10] == [0, 0, 0, 3])
        let last = Array(bytes[(10 + 2 * 46)...])
        #expect(last[10..<14] == [0, 0, 0, 29])
    }

    @Test func aNewerEpochForgetsTheOlderBatches() throws {
        var older = state(1, batches: 2)
        older.currentTxnFirstOffset = nil
        var newer = ProducerState(producerID: ProducerID(1))
        newer.add(
            ProducerBatch(lastSequence: 0, lastOffset: Offset(99), offsetDelta: 0, timestamp: 5),
            epoch: 4)
        #expect(newer.following(older) == newer)
    }

    @Test func aProducerWithoutBatchesKeepsItsEpoch() throws {
        var state = ProducerState(producerID: ProducerID(5))
        state.adopt(epoch: 2)
        state.lastTimestamp = 77
        #expect(try ProducerSnapshot.decode(ProducerSnapshot.encode([state])) == [state])
    }
}
