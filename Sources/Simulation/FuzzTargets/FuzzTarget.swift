/// A parser with the properties that must hold for whatever bytes it is given.
///
/// A target returns for valid and for invalid input alike; it traps when a property is broken, and
/// the parser traps when it is at fault itself. Both stop the fuzzer, and a test that replays the
/// corpus. Inputs of targets that need more than bytes begin with a few that choose (`FuzzInput`).
public struct FuzzTarget: Sendable {
    /// What the command line and the folder of the corpus call it.
    public let name: String
    /// Takes one input.
    public let run: @Sendable (RawSpan) -> Void

    init(_ name: String, _ run: @escaping @Sendable (RawSpan) -> Void) {
        self.name = name
        self.run = run
    }

    /// All of them, in the order of the layers that they test.
    public static let all =
        messageTargets + recordTargets + codecTargets + fileTargets + logTargets + followerTargets
        + quorumTargets + quorumMemberTargets + peerTargets + coordinatorTargets + textTargets
        + securityTargets
        + clientTargets

    /// The target of that name.
    public static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}

/// Stops the run unless the property holds.
func require(_ holds: Bool, _ property: @autoclosure () -> String) {
    if !holds { fatalError("broken: \(property())") }
}

extension RawSpan {
    /// A copy.
    func toArray() -> [UInt8] {
        // The buffer is that of this span.
        unsafe withUnsafeBytes { unsafe [UInt8]($0) }
    }
}

extension [UInt8] {
    /// Lends the bytes as the raw span that parsers take.
    func withSpan(_ body: (RawSpan) -> Void) {
        // Bytes have no padding.
        body(unsafe span.bytes)
    }
}
