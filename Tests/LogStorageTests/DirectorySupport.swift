import Testing

@testable import LogStorage

extension FileSystem {
    /// Makes a file with this content, durably.
    func put(_ path: String, _ bytes: [UInt8]) throws {
        try createDirectory(SmallFile.parent(of: path))
        try SmallFile.replace(path, with: bytes, in: self)
    }
    func put(_ path: String, _ text: String) throws { try put(path, Array(text.utf8)) }
    /// The file's content as text; `nil` if it is not there.
    func text(_ path: String) throws -> String? {
        try SmallFile.read(path, in: self).map { String(decoding: $0, as: UTF8.self) }
    }
}

/// `#expect` for calls that change their receiver, which the macro cannot take.
func expect(_ condition: Bool, at location: SourceLocation = #_sourceLocation) {
    #expect(condition, sourceLocation: location)
}
