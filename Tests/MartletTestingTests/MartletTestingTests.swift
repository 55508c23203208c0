import Foundation
import MartletClient
import MartletTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct MartletTestingTests {
    @Test(.martlet { $0.defaultPartitions = 2 })
    func aTestHasABrokerOfItsOwn() async throws {
        let martlet = try #require(Martlet.current)
        let producer = try Producer(bootstrap: martlet.bootstrap)
        let place = try await producer.send("hello, bird", to: "greetings")
        #expect(place.offset == .zero)
        #expect(try await producer.partitionCount(of: "greetings") == 2)
        try await producer.close()
    }

    @Test(.martlet, arguments: 0..<2)
    func eachCaseHasAnother(_: Int) async throws {
        let martlet = try #require(Martlet.current)
        let admin = try Admin(bootstrap: martlet.bootstrap)
        try await admin.createTopic("only-here")
        await admin.close()
    }

    @Test func whatItWroteIsThereAgainInADirectoryThatIsGiven() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "martlet-testing-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        let first = try await Martlet.run { $0.directory = directory.path }
        let producer = try Producer(bootstrap: first.bootstrap)
        _ = try await producer.send("hello", to: "t")
        try await producer.close()
        try await first.stop()
        let second = try await Martlet.run { $0.directory = directory.path }
        let admin = try Admin(bootstrap: second.bootstrap)
        #expect(try await admin.listTopics().map(\.name) == ["t"])
        await admin.close()
        try await second.stop()
    }

    @Test func nothingIsLeftBehind() async throws {
        let martlet = try await Martlet.run()
        let port = martlet.bootstrap
        try await martlet.stop()
        #expect(Martlet.current == nil)
        let producer = try Producer(bootstrap: port) { $0.maxBlock = .milliseconds(200) }
        await #expect(throws: ClientError.self) { _ = try await producer.send("x", to: "t") }
        await producer.abandon()
    }
}
