/// The levels of a feature that a node can run with, both ends inclusive.
public struct VersionRange: Hashable, Sendable, CustomStringConvertible {
    public var min: Int16
    public var max: Int16

    /// A range from `min` to `max`, both 0 or more.
    public init(_ min: Int16, _ max: Int16) {
        self.min = min
        self.max = max
    }

    /// The range of a feature that a node does not have: level 0 only.
    public static let disabled = VersionRange(0, 0)

    /// Whether `level` lies in the range.
    public func contains(_ level: Int16) -> Bool { min <= level && level <= max }

    /// `min-max`, or one number when both are equal, as Kafka writes it in error messages.
    public var description: String { min == max ? "\(min)" : "\(min)-\(max)" }
}
