import KafkaWire

/// Takes answers out of a connection's bytes, each body into an array of its own, copied once.
struct PeerAnswerReader {
    /// What is wrong with the bytes, for a log.
    struct Fault: Error { let reason: String }

    /// Length and correlation id of the answer that comes in.
    private var prefix: UInt64 = 0
    private var prefixCount = 0
    private var body: [UInt8] = []
    /// Bytes of the answer that have not come yet.
    private var missing = 0
    private var headerVersion: Int16 = 0
    /// The empty list of tagged fields that ends most headers has yet to be dropped.
    private var expectsTags = false
    private let limit: Int

    /// Part of an answer is here, its correlation id at least.
    var isWithinAnswer: Bool { prefixCount == Self.prefixBytes }
    private static let prefixBytes = 8

    /// - Parameter limit: the largest answer in bytes, without its length.
    init(limit: Int) { self.limit = limit }

    /// Takes in bytes as they come.
    ///
    /// - Parameters:
    ///   - header: the version of the header of the answer with this correlation id, which must be
    ///     the next; `nil` when none is expected.
    ///   - answer: gets each whole body; returns whether to go on.
    mutating func add(
        _ bytes: RawSpan, header: (Int32) -> Int16?, answer: ([UInt8]) -> Bool
    ) throws(Fault) {
        var position = 0
        while true {
            while !isWithinAnswer {
                guard position < bytes.byteCount else { return }
                prefix = prefix << 8 | UInt64(Self.byte(bytes, position))
                prefixCount += 1
                position += 1
                if isWithinAnswer { try begin(header) }
            }
            if expectsTags, missing > 0, position < bytes.byteCount {
                expectsTags = false
                if Self.byte(bytes, position) == 0 {
                    headerVersion = 0
                    position += 1
                    missing -= 1
                }
            }
            let count = min(missing, bytes.byteCount - position)
            unsafe bytes.extracting(position..<position + count).withUnsafeBytes {
                unsafe body.append(contentsOf: $0)
            }
            position += count
            missing -= count
            guard missing == 0 else { return }
            guard answer(try finish()) else { return }
        }
    }

    /// - Precondition: `position` is within `bytes`.
    private static func byte(_ bytes: RawSpan, _ position: Int) -> UInt8 {
        // A byte is initialized memory whatever it means, and `position` was checked.
        unsafe bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self)
    }

    private mutating func begin(_ header: (Int32) -> Int16?) throws(Fault) {
        let length = Int32(truncatingIfNeeded: prefix >> 32)
        let correlationID = Int32(truncatingIfNeeded: prefix)
        guard length >= 4, Int(length) <= limit else {
            throw Fault(reason: "an answer of \(length) bytes; between 4 and \(limit) are taken")
        }
        guard let version = header(correlationID) else {
            throw Fault(reason: "an answer with correlation id \(correlationID), which is not next")
        }
        missing = Int(length) - 4
        headerVersion = version
        expectsTags = version > 0
        // Room that no bytes have come for is address space and no memory yet.
        body.reserveCapacity(missing)
    }

    /// The whole body; a header with tagged fields is dropped from it.
    private mutating func finish() throws(Fault) -> [UInt8] {
        defer {
            body = []
            prefix = 0
            prefixCount = 0
        }
        guard headerVersion > 0 else { return body }
        var reader = WireReader(unsafe body.span.bytes)
        do throws(WireError) {
            try reader.skipTaggedFields()
        } catch {
            throw Fault(reason: "a malformed header: \(error)")
        }
        return Array(body[reader.offset...])
    }
}
