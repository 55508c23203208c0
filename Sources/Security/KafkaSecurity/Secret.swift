/// Text that is not to be seen where settings are printed or dumped: a password, a token, a key.
public struct Secret: Sendable, Equatable, ExpressibleByStringLiteral {
    public var text: String

    public init(_ text: String) { self.text = text }
    public init(stringLiteral text: String) { self.text = text }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "hidden" }
    public var debugDescription: String { "hidden" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
