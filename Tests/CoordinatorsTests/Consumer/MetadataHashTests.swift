import KafkaWire
import Testing

@testable import Coordinators

/// The hash of topics, against values that xxHash's own test and a real broker give.
@Suite struct MetadataHashTests {
    /// The input of xxHash's sanity test.
    private func sanityBytes(_ count: Int) -> [UInt8] {
        var generator: UInt64 = 2_654_435_761
        return (0..<count).map { _ in
            defer { generator = generator &* 11_400_714_785_074_694_797 }
            return UInt8(generator >> 56)
        }
    }

    @Test(
        arguments: [
            (0, 0x2D06_8005_38D3_94C2), (1, 0xC44B_DFF4_074E_ECDB), (6, 0x27B5_6A84_CD2D_7325),
            (12, 0xA713_DAF0_DFBB_77E7), (24, 0xA3FE_70BF_9D35_10EB), (48, 0x397D_A259_ECBA_1F11),
            (80, 0xBCDE_FBBB_2C47_C90A), (195, 0xCD94_217E_E362_EC3A), (403, 0xCDEB_804D_65C6_DEA4),
            (512, 0x617E_4959_9013_CB6B), (2048, 0xDD59_E2C3_A5F0_38E0),
            (2240, 0x6E73_A905_39CF_2948), (2367, 0xCB37_AEB9_E5D3_61ED),
        ] as [(Int, UInt64)])
    func agreesWithTheReference(_ count: Int, _ expected: UInt64) {
        #expect(XXH3.hash(sanityBytes(count)) == expected)
    }

    private func topic(_ name: String, _ id: String, _ partitions: Int32) throws -> GroupTopic {
        GroupTopic(name: name, id: try #require(KafkaUUID(id)), partitionCount: partitions)
    }

    @Test func agreesWithARealBroker() throws {
        let plain = MetadataHash.topic(try topic("plain", "R4JPrkZcTUGtoX3PDLEoIA", 1))
        let plain6 = MetadataHash.topic(try topic("plain6", "IbnFaITwTaec-5094Ef2wA", 6))
        #expect(MetadataHash.group(["plain6": plain6]) == 2_215_473_421_974_391_999)
        #expect(
            MetadataHash.group(["plain6": plain6, "plain": plain]) == 1_418_929_910_507_532_725)
        #expect(MetadataHash.group([:]) == 0)
    }

    @Test func racksCountWhateverTheirOrder() throws {
        var topic = try topic("t", "R4JPrkZcTUGtoX3PDLEoIA", 2)
        let without = MetadataHash.topic(topic)
        topic.racks = [["b", "a"], []]
        let with = MetadataHash.topic(topic)
        topic.racks = [["a", "b"], []]
        #expect(MetadataHash.topic(topic) == with)
        topic.racks = [[], ["a", "b"]]
        #expect(Set([MetadataHash.topic(topic), with, without]).count == 3)
    }
}
