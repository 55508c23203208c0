import BrokerCore
import Foundation
import KafkaProtocol
import KafkaWire
import NIOCore
import NIOPosix
import Testing

@testable import MartletServer

/// Requests from node to node over real sockets.
@Suite struct PeerShellTests {
    @Test func aRequestIsAnsweredByARealNode() throws {
        let node = try RunningServer()
        let port = node.server.listeners[0].port
        let outcomes = try Self.outcomes(of: [
            Self.request(1, port: port), Self.request(2, port: port),
        ])
        for id in [1, 2] as [UInt64] {
            let outcome = try #require(outcomes[id])
            let answer = try outcome.decoded(MetadataResponse.self).get()
            #expect(answer.clusterID == node.server.clusterID)
        }
        try node.stop()
    }

    @Test func aRefusedConnectionIsToldAtOnce() throws {
        let listener = try ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(host: "127.0.0.1", port: 0).wait()
        let port = UInt16(listener.localAddress?.port ?? 0)
        try listener.close().wait()
        let start = ContinuousClock.now
        let outcomes = try Self.outcomes(of: [Self.request(1, port: port)])
        guard case .failed(.refused) = outcomes[1] else {
            Issue.record("got \(String(describing: outcomes[1]))")
            return
        }
        #expect(ContinuousClock.now - start < .seconds(10), "the request had 30 s")
    }

    @Test func aConnectionThatIsClosedAtOnceIsToldAtOnce() throws {
        let listener = try ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { $0.close() }
            .bind(host: "127.0.0.1", port: 0).wait()
        let port = UInt16(listener.localAddress?.port ?? 0)
        let outcomes = try Self.outcomes(of: [Self.request(1, port: port)])
        guard case .failed(.unreachable) = outcomes[1] else {
            Issue.record("got \(String(describing: outcomes[1]))")
            return
        }
        try listener.close().wait()
    }

    private static func request(_ id: UInt64, port: UInt16) -> PeerRequest {
        PeerRequest(
            id: id, to: PeerEndpoint(host: "127.0.0.1", port: port), node: BrokerID(1),
            lane: .control, message: MetadataRequest(), timeoutMs: 30_000)
    }

    /// Sends the requests and waits for all their outcomes.
    private static func outcomes(of requests: [PeerRequest]) throws -> [UInt64: PeerOutcome] {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { try? group.syncShutdownGracefully() }
        let shell = PeerShell(eventLoop: group.next(), clock: Clock(), settings: PeerSettings())
        let box = OutcomeBox()
        shell.answered = { box.add($0, $1) }
        shell.send(requests)
        return box.wait(for: requests.count)
    }
}

/// Outcomes, from the event loop to the test.
private final class OutcomeBox: @unchecked Sendable {
    // Sendable: `outcomes` is reached only with `condition` held.
    private let condition = NSCondition()
    private var outcomes: [UInt64: PeerOutcome] = [:]

    func add(_ id: UInt64, _ outcome: PeerOutcome) {
        condition.lock()
        outcomes[id] = outcome
        condition.broadcast()
        condition.unlock()
    }

    func wait(for count: Int) -> [UInt64: PeerOutcome] {
        condition.lock()
        defer { condition.unlock() }
        let deadline = Date(timeIntervalSinceNow: 60)
        while outcomes.count < count, condition.wait(until: deadline) {}
        return outcomes
    }
}
