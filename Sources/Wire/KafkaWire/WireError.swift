/// Why bytes from the network or from disk could not be decoded.
///
/// A decoding error is a value, never a trap: whoever fed the bytes decides what to close or
/// discard.
public enum WireError: Error, Equatable, Sendable {
    /// The input ended `needed` bytes too early for what `field` promised.
    case truncated(needed: Int, remaining: Int)
    /// A count or a length is negative where the schema has no null, or larger than what remains
    /// allows.
    case badLength(Int)
    /// A variable-length integer is longer than its type allows (5 bytes for 32 bits, 10 for 64).
    case badVarint
    /// A string is not UTF-8.
    case badUTF8
    /// A struct carries more tagged fields than `WireLimits.taggedFields`, or tags out of order.
    case badTaggedFields
    /// The schema has no such version.
    case unsupportedVersion(Int16)
    /// Bytes are left over after the last field.
    case trailingBytes(Int)
    /// A value that the schema does not allow in this version (for the encoder: a field that this
    /// version cannot carry has a value other than its default).
    case badValue(String)
}

/// Limits of the decoder. None of them allocates before it is checked.
public enum WireLimits {
    /// Most tagged fields in one struct (KIP-482 sets none; CVE-2026-111115 shows why one is
    /// needed).
    public static let taggedFields = 128
    /// Most elements in one array, whatever the frame's size.
    public static let arrayElements = 1_000_000
}
