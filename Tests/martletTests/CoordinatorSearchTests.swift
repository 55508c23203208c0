import Foundation
import KafkaProtocol
import KafkaWire
import MartletClient
import Synchronization
import Testing

@testable import martlet

/// How the client finds coordinators, and when it asks again.
@Suite struct CoordinatorSearchTests {
    /// Answers to DeleteGroups in turn, the last one for good; counts FindCoordinator requests.
    private final class Script: Sendable {
        let answers: Mutex<[KafkaError?]>
        let searches = Mutex(0)
        let tries = Mutex(0)

        init(_ answers: [KafkaError?]) { self.answers = Mutex(answers) }
    }

    private func broker(
        _ script: Script, search: @escaping @Sendable (Int) -> KafkaError = { _ in .none },
        findCoordinatorVersion: Int16 = 6
    ) throws -> FakeBroker {
        var versions = FakeBroker.versions()
        for index in versions.apiKeys.indices
        where versions.apiKeys[index].apiKey == APIKey.findCoordinator.rawValue {
            versions.apiKeys[index].maxVersion = findCoordinatorVersion
        }
        return try FakeBroker.cluster([], versions: versions) { request in
            switch request.key {
            case .findCoordinator:
                let count = script.searches.withLock {
                    $0 += 1
                    return $0
                }
                return try FakeBroker.coordinators(request, search(count))
            case .deleteGroups:
                script.tries.withLock { $0 += 1 }
                let error = script.answers.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
                // No error at all: hang up.
                guard let error else { return nil }
                let asked = try request.decoded(DeleteGroupsRequest.self)
                return try request.answer(
                    DeleteGroupsResponse(
                        results: asked.groupsNames.map {
                            .init(groupID: $0, errorCode: error.rawValue)
                        }))
            default: return nil
            }
        }
    }

    private func delete(
        _ broker: FakeBroker, _ groups: [String], milliseconds: Int = 20_000
    ) throws -> [String: Result<Void, ClientError>] {
        let cluster = try AdminSession(
            servers: broker.address, [:], id: "test", timeout: milliseconds)
        defer { cluster.close() }
        return try cluster.ask { await $0.deleteGroups(groups) }
    }

    private func error(_ result: Result<Void, ClientError>?) -> KafkaError? {
        guard case .failure(let error)? = result else { return nil }
        return error.kafkaError
    }

    @Test func asksAgainUntilTheCoordinatorIsReady() throws {
        let script = Script([.coordinatorLoadInProgress, .notCoordinator, KafkaError.none])
        let broker = try broker(script)
        defer { broker.stop() }
        #expect(error(try delete(broker, ["g"])["g"]) == nil)
        #expect(script.tries.withLock { $0 } == 3)
        // Loading keeps the coordinator, moving does not.
        #expect(script.searches.withLock { $0 } == 2)
    }

    @Test func asksAgainWhenTheCoordinatorHangsUp() throws {
        let script = Script([nil, KafkaError.none])
        let broker = try broker(script)
        defer { broker.stop() }
        #expect(error(try delete(broker, ["g"])["g"]) == nil)
        #expect(script.tries.withLock { $0 } == 2)
    }

    @Test func waitsForACoordinator() throws {
        let script = Script([KafkaError.none])
        let broker = try broker(script) { $0 < 3 ? .coordinatorNotAvailable : .none }
        defer { broker.stop() }
        let results = try delete(broker, ["a", "a"])
        #expect(results.count == 1 && results.values.allSatisfy { error($0) == nil })
        #expect(script.searches.withLock { $0 } == 3)
        #expect(script.tries.withLock { $0 } == 1)
    }

    @Test func givesUpWhenTheTimeIsOver() throws {
        let script = Script([.coordinatorLoadInProgress])
        let broker = try broker(script)
        defer { broker.stop() }
        let results = try delete(broker, ["g"], milliseconds: 400)
        #expect(error(results["g"]) == .coordinatorLoadInProgress)
        #expect(script.tries.withLock { $0 } > 1)
    }

    @Test func errorsThatStayAreReportedAtOnce() throws {
        let script = Script([.nonEmptyGroup])
        let broker = try broker(script)
        defer { broker.stop() }
        #expect(error(try delete(broker, ["g"])["g"]) == .nonEmptyGroup)
        let refusing = try self.broker(Script([KafkaError.none])) { _ in .groupAuthorizationFailed }
        defer { refusing.stop() }
        #expect(error(try delete(refusing, ["g"])["g"]) == .groupAuthorizationFailed)
    }

    @Test func brokersThatKnowNoBatches() throws {
        let script = Script([KafkaError.none])
        let broker = try broker(script, findCoordinatorVersion: 3)
        defer { broker.stop() }
        let results = try delete(broker, ["a", "b"])
        #expect(results.count == 2 && results.values.allSatisfy { error($0) == nil })
        #expect(script.searches.withLock { $0 } == 2)
        #expect(script.tries.withLock { $0 } == 2)
    }
}
