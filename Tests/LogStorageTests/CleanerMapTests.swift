import KafkaWire
import Testing

@testable import LogStorage

@Suite struct CleanerMapTests {
    private let secret = KeyHash.Secret(k0: 0x0706_0504_0302_0100, k1: 0x0F0E_0D0C_0B0A_0908)

    @Test func theHashIsSipHashOf128Bits() {
        // From the reference implementation's vectors.
        let empty = KeyHash([], secret)
        #expect(empty.low == 0xE6A8_25BA_047F_81A3 && empty.high == 0x9302_55C7_1472_F66D)
        let one = KeyHash([0], secret)
        #expect(one.low == 0x44AF_996B_D8C1_87DA && one.high == 0x45FC_229B_1159_7634)
    }

    @Test func hashesOfDifferentLengthsAndSecretsDiffer() {
        var seen: Set<UInt64> = []
        for length in 0..<64 {
            let key = [UInt8](repeating: 0, count: length)
            seen.insert(KeyHash(key, secret).low)
            seen.insert(KeyHash(key, KeyHash.Secret(k0: 0, k1: 0)).low)
        }
        #expect(seen.count == 128)
    }

    @Test func theLastOffsetOfAKeyWins() {
        var map = OffsetMap(memoryLimit: 1 << 20, loadFactor: 0.9, keys: 1000, secret: secret)
        for offset in 0..<1000 {
            expect(map.put(key(offset % 300), Offset(Int64(offset))))
        }
        #expect(map.count == 300 && map.latestOffset == Offset(999))
        for number in 0..<300 {
            let last = (0..<1000).last { $0 % 300 == number } ?? -1
            #expect(map.get(key(number)) == Offset(Int64(last)))
        }
        #expect(map.get(key(300)) == nil)
        map.advance(to: Offset(2000))
        #expect(map.latestOffset == Offset(2000))
    }

    @Test func aFullMapTakesKnownKeysOnly() {
        var map = OffsetMap(memoryLimit: 24 * 10, loadFactor: 0.5, keys: .max, secret: secret)
        #expect(map.capacity == 5)
        for number in 0..<5 { expect(map.put(key(number), Offset(Int64(number)))) }
        #expect(map.isFull)
        expect(!map.put(key(5), Offset(5)))
        #expect(map.latestOffset == Offset(4))
        expect(map.put(key(2), Offset(6)))
        #expect(map.get(key(2)) == Offset(6) && map.get(key(5)) == nil)
    }

    @Test func theSmallestMapStillTakesAKey() {
        var map = OffsetMap(memoryLimit: 0, loadFactor: 0.01, keys: 0, secret: secret)
        expect(map.put([], .zero))
        expect(!map.put([1], Offset(1)))
        #expect(map.get([]) == .zero && map.get([1]) == nil)
    }

    private func key(_ number: Int) -> [UInt8] { Array("key-\(number)".utf8) }
}
