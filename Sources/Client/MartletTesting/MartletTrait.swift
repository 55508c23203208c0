public import Testing

/// Gives each test a broker of its own, `Martlet.current`.
///
///     @Test(.martlet) func birdsAreCounted() async throws {
///         let martlet = try #require(Martlet.current)
///         …
///     }
///
/// On a suite it holds for each of the suite's tests. It is started before the test, and each case
/// of a test with arguments, and stopped after it.
public struct MartletTrait: TestTrait, SuiteTrait, TestScoping {
    let configure: @Sendable (inout Martlet.Options) -> Void

    public var isRecursive: Bool { true }

    public func provideScope(
        for test: Test, testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        // A suite is entered too, and has no use for a broker of its own.
        guard testCase != nil else { return try await function() }
        let martlet = try await Martlet.run(configure)
        do {
            try await Martlet.$current.withValue(martlet) { try await function() }
        } catch {
            try await martlet.stop()
            throw error
        }
        try await martlet.stop()
    }
}

extension Trait where Self == MartletTrait {
    /// A broker for the test.
    public static var martlet: Self { .martlet { _ in } }

    /// A broker for the test, with options.
    public static func martlet(
        _ configure: @escaping @Sendable (inout Martlet.Options) -> Void
    ) -> Self {
        MartletTrait(configure: configure)
    }
}
