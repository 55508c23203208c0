/// HMAC (RFC 2104) with one key: what does not depend on the message is done once.
struct KeyedHash<Hash: BlockHash>: Sendable {
    private let inner: Hash
    private let outer: Hash

    init(key: [UInt8]) {
        var key = key.count > Hash.blockSize ? Hash().finish(key) : key
        key.append(contentsOf: repeatElement(0, count: Hash.blockSize - key.count))
        var (inner, outer) = (Hash(), Hash())
        inner.compress(key.map { $0 ^ 0x36 }, at: 0)
        outer.compress(key.map { $0 ^ 0x5C }, at: 0)
        (self.inner, self.outer) = (inner, outer)
    }

    func code(of message: [UInt8]) -> [UInt8] {
        outer.finish(inner.finish(message, after: Hash.blockSize), after: Hash.blockSize)
    }
}
