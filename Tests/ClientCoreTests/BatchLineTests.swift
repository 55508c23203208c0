import Testing

@testable import ClientCore

@Suite struct BatchLineTests {
    private let queue = PartitionQueue(topic: "t", partition: 0)
    private let settings = ProducerSettings(
        network: NetworkSettings(bootstrap: ModelCluster.addresses))

    private func batch(_ number: UInt64) -> ProducerBatch {
        ProducerBatch(queue, number: number, settings, now: ClientInstant(nanoseconds: 0))
    }

    @Test func isFirstInFirstOut() {
        var line = BatchLine()
        #expect(line.first == nil)
        var expected: UInt64 = 0
        for number in 0..<1000 {
            line.append(batch(UInt64(number)))
            guard number.isMultiple(of: 3) else { continue }
            #expect(line.first?.number == expected)
            line.removeFirst()
            expected += 1
        }
        #expect(line.count == 666)
        #expect(line.map(\.number) == Array(334..<1000))
        while !line.isEmpty { line.removeFirst() }
        #expect(line.first == nil)
        line.append(batch(7))
        #expect(line.map(\.number) == [7])
    }

    @Test func letsGoOfWhatWasTaken() {
        var line = BatchLine()
        for number in 0..<10 { line.append(batch(UInt64(number))) }
        weak let first = line.first
        #expect(first != nil)
        line.removeFirst()
        #expect(first == nil)
        #expect(line.count == 9)
    }

    @Test func tellsWhatIsNotSealed() throws {
        var line = BatchLine()
        for number in 0..<6 { line.append(batch(UInt64(number))) }
        #expect(line.unsealed.map(\.number) == Array(0..<6))
        for batch in line.prefix(3) { try batch.seal() }
        #expect(line.unsealed.map(\.number) == [3, 4, 5])
        line.removeFirst()
        line.removeFirst()
        line.removeFirst()
        #expect(line.unsealed.map(\.number) == [3, 4, 5])
        for batch in line { try batch.seal() }
        #expect(line.unsealed.map(\.number) == [])
    }

    @Test func removesFromTheMiddle() {
        var line = BatchLine()
        let batches = (0..<5).map { batch(UInt64($0)) }
        for batch in batches { line.append(batch) }
        line.removeFirst()
        line.remove(batches[3])
        line.remove(batches[0])
        #expect(line.map(\.number) == [1, 2, 4])
    }
}
