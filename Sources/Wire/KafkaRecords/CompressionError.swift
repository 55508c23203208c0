/// Why bytes could not be compressed or decompressed.
public enum CompressionError: Error, Equatable, Sendable {
    /// The input is not what its type says; the text says where it went wrong.
    case corrupt(String)
    /// The output would be longer than `limit` bytes.
    case tooLarge(limit: Int)
    /// The type has no such level.
    case badLevel(Int)
    /// The library had no memory, or refused its own parameters.
    case failed(String)
}

extension CompressionError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .corrupt(let reason): "corrupt compressed data: \(reason)"
        case .tooLarge(let limit): "decompresses to more than \(limit) bytes"
        case .badLevel(let level): "no compression level \(level)"
        case .failed(let reason): "compression failed: \(reason)"
        }
    }
}
