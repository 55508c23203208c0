import KafkaWire
import Testing

@testable import ClientCore

@Suite struct PartitionerTests {
    /// Hashes that Kafka's own clients compute (from the tests of several of them).
    @Test(arguments: [
        ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
    ])
    func murmur2AgreesWithKafka(key: String, hash: Int32) {
        #expect(Int32(bitPattern: Murmur2.hash(Array(key.utf8))) == hash)
    }

    @Test func crc32IsThatOfZlib() {
        #expect(CRC32.hash(Array("123456789".utf8)) == 0xCBF4_3926)
        #expect(CRC32.hash([]) == 0)
    }

    @Test func anEmptyKeyIsAKeyForKafkaAndNoneForLibrdkafka() {
        #expect(Partitioning.murmur2.partition(of: [], count: 7) != nil)
        #expect(Partitioning.crc32.partition(of: [], count: 7) == nil)
        #expect(Partitioning.murmur2.partition(of: nil, count: 7) == nil)
    }

    @Test func aStickyPartitionMovesOnAfterItsBytesAndLikesShortQueues() {
        var random = SplitMix64(seed: 1)
        var sticky = StickyPartition()
        var counts = [0, 0]
        for _ in 0..<1000 {
            let choice = sticky.choose(from: [(0, 9), (1, 0)], using: &random)
            counts[Int(choice)] += 1
            sticky.count(99, limit: 100)
            #expect(sticky.current == choice)
            sticky.count(1, limit: 100)
            #expect(sticky.current == nil)
        }
        // One to ten.
        #expect((50...150).contains(counts[0]))
    }
}
