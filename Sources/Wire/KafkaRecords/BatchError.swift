/// Why bytes are not a record batch, or not one that can be read.
///
/// All of these are `CORRUPT_MESSAGE` to a client unless a case says otherwise.
public enum BatchError: Error, Equatable, Sendable {
    /// The bytes end too early for what they promise.
    case truncated(needed: Int, remaining: Int)
    /// The batch's length is less than its header.
    case badLength(Int32)
    /// The format (`magic`) is none of 0, 1, 2.
    case unsupportedMagic(Int8)
    /// The stored checksum is not that of the bytes.
    case badChecksum(stored: UInt32, computed: UInt32)
    /// The attributes name a compression that does not exist.
    case unknownCompression(Int)
    /// The records could not be decompressed, or to no more than the limit.
    case compression(CompressionError)
    /// A field or the structure of the records makes no sense (`INVALID_RECORD`).
    case invalid(String)
}

extension BatchError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .truncated(let needed, let remaining):
            "the batch needs \(needed) bytes and has \(remaining)"
        case .badLength(let length): "the batch's length \(length) is less than its header"
        case .unsupportedMagic(let magic): "the batch is of the unknown format \(magic)"
        case .badChecksum(let stored, let computed):
            "the batch's checksum is \(stored), its bytes give \(computed)"
        case .unknownCompression(let id): "the batch has the unknown compression \(id)"
        case .compression(let error): "\(error)"
        case .invalid(let reason): reason
        }
    }
}
