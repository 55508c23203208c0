import Testing

@testable import KafkaSecurity

/// Held against Python's hashlib and hmac: the first eight bytes of each.
@Suite struct HashTests {
    private static let bytes = (0..<300).map { UInt8($0 % 251) }

    private func start(_ hash: [UInt8]) -> String {
        hash.prefix(8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Around the lengths at which padding takes another block.
    @Test(arguments: [
        (0, "e3b0c44298fc1c14", "cf83e1357eefb8bd"), (55, "463eb28e72f82e0a", "6856647f269c2ee3"),
        (56, "da2ae4d6b36748f2", "8b12b2f6fe400a51"), (63, "29af2686fd53374a", "9dc9c5598e55dc42"),
        (64, "fdeab9acf3710362", "ee4320ebaf3fdb4f"), (65, "4bfd2c8b6f1eec7a", "02856cef735f9ace"),
        (111, "60780e9451bdc43c", "a1a111449b198d9b"),
        (112, "09373f127d34e61d", "c5fbd731d19d2ae1"),
        (127, "92ca0fa6651ee2f9", "eab89674feaa34e2"),
        (128, "471fb943aa23c511", "1dffd5e3adb71d45"),
        (129, "5099c6a56203f968", "1d9da57fbbdab09a"),
        (300, "43f9b5d59eb10881", "f758e49e6fca3232"),
    ])
    func hashesOfAllLengths(count: Int, of256: String, of512: String) {
        let message = Array(Self.bytes.prefix(count))
        #expect(start(SHA256().finish(message)) == of256)
        #expect(start(SHA512().finish(message)) == of512)
        #expect(SHA256().finish(message).count == 32 && SHA512().finish(message).count == 64)
    }

    @Test(arguments: [
        (0, "eb08c1f56d5ddee0", "08fce52f6395d59c"), (64, "eb97f15211c02e38", "937c7b6877cb545d"),
        (65, "2d55f05a56fff8d5", "9276980bc592e836"),
        (128, "1f35d140ad4e844e", "09e8b25a533757b9"),
        (129, "f2c21fa41d92fe69", "3ac604d90d84b2c5"),
        (300, "14eb24efd6a6a41b", "c777b7d5cf3abd2c"),
    ])
    func codesWithKeysOfAllLengths(count: Int, of256: String, of512: String) {
        let key = Array(Self.bytes.prefix(count))
        let message = Array("message".utf8)
        #expect(start(KeyedHash<SHA256>(key: key).code(of: message)) == of256)
        #expect(start(KeyedHash<SHA512>(key: key).code(of: message)) == of512)
    }
}
