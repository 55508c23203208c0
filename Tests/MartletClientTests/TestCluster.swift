import Foundation
import MartletClient
import MartletTesting
import Synchronization
import Testing

/// The cluster that a test works on: the one that `MARTLET_TEST_BOOTSTRAP` names, of whatever
/// brokers, or else a node of this process, another one for each test.
///
/// Others may use the cluster too: whatever a test names there has a name of its own, and what it
/// made is gone after it.
final class TestCluster: Sendable {
    /// That of the test that runs now, for tests with the trait `.cluster`.
    @TaskLocal static var current: TestCluster?
    /// `host:port,…` of the cluster that the environment names.
    static let named = ProcessInfo.processInfo.environment["MARTLET_TEST_BOOTSTRAP"]

    let bootstrap: String
    private let tag = String(UUID().uuidString.prefix(8)).lowercased()
    private let topics = Mutex<Set<String>>([])
    private let groups = Mutex<Set<String>>([])

    private init(bootstrap: String) { self.bootstrap = bootstrap }

    /// A name that no other test uses.
    func name(_ base: String) -> String { "\(base)-\(tag)" }

    /// The name of a topic that the test itself makes.
    func newTopic(_ base: String) -> String {
        let name = name(base)
        topics.withLock { _ = $0.insert(name) }
        return name
    }

    /// Makes a topic of its own for the test, with one replica; every partition has a leader when
    /// this returns.
    func topic(_ base: String = "t", partitions: Int32 = 3) async throws -> String {
        let name = newTopic(base)
        let admin = try Admin(bootstrap: bootstrap)
        try await admin.createTopic(name, partitions: partitions, replicationFactor: 1)
        try await eventually {
            guard case .success(let topic) = try await admin.describeTopics([name])[name] else {
                return false
            }
            return topic.partitions.count == Int(partitions)
                && topic.partitions.allSatisfy { $0.leader != nil }
        }
        await admin.close()
        return name
    }

    /// The name of a group.
    func group(_ base: String = "g") -> String {
        let name = name(base)
        groups.withLock { _ = $0.insert(name) }
        return name
    }

    /// Gives `body` a cluster, and takes away what it made there.
    static func with(_ body: () async throws -> Void) async throws {
        if let named {
            try await TestCluster(bootstrap: named).run(body)
        } else {
            let martlet = try await Martlet.run { $0.defaultPartitions = 3 }
            do {
                try await TestCluster(bootstrap: martlet.bootstrap).run(body)
            } catch {
                try await martlet.stop()
                throw error
            }
            try await martlet.stop()
        }
    }

    private func run(_ body: () async throws -> Void) async throws {
        do {
            try await Self.$current.withValue(self) { try await body() }
        } catch {
            await leaveNothing()
            throw error
        }
        await leaveNothing()
    }

    private func leaveNothing() async {
        guard Self.named != nil, let admin = try? Admin(bootstrap: bootstrap) else { return }
        _ = try? await admin.deleteTopics(topics.withLock { Array($0) })
        _ = await admin.deleteGroups(groups.withLock { Array($0) })
        await admin.close()
    }
}

/// Asks again until the condition holds; the suite's time limit is what ends the waiting.
func eventually(_ condition: () async throws -> Bool) async throws {
    while try await !condition() { try await Task.sleep(for: .milliseconds(10)) }
}

/// The cluster of the test that runs now.
func testCluster() throws -> TestCluster { try #require(TestCluster.current) }

/// Gives each test, and each case of one with arguments, its `TestCluster`.
struct ClusterTrait: TestTrait, SuiteTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        try await TestCluster.with(function)
    }
}

extension Trait where Self == ClusterTrait {
    static var cluster: Self { ClusterTrait() }
}
