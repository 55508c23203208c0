import BrokerCore
import Foundation
import KafkaProtocol
import KafkaWire
import Logging
import MetadataQuorum
import NIOConcurrencyHelpers
import Testing

@testable import MartletServer

/// A server of this process on a free port, over a directory of its own.
final class RunningServer {
    let directory: URL
    let server: Server
    let log: RecordedLog
    private var isStopped = false

    init(
        directory: URL? = nil, frameBytes: Int = 1 << 20,
        customize: (inout ServerConfiguration) -> Void = { _ in }
    ) throws {
        let directory = directory ?? Self.freshDirectory()
        self.directory = directory
        let listener = NodeOptions.Listener(name: "PLAINTEXT", host: "127.0.0.1", port: 0)
        var configuration = ServerConfiguration(
            node: NodeOptions(
                nodeID: BrokerID(1), logDirectories: [directory.path], listeners: [listener],
                controllerListener: .init(name: "CONTROLLER", host: "127.0.0.1", port: 9093)),
            bindings: [Binding(name: "PLAINTEXT", host: "127.0.0.1", port: 0)],
            networkThreads: 2, ioThreads: 2)
        configuration.limits.frameBytes = frameBytes
        customize(&configuration)
        let log = RecordedLog()
        self.log = log
        server = try Server.start(
            configuration, logger: Logger(label: "test") { _ in RecordingHandler(log: log) })
    }

    deinit {
        if !isStopped { try? server.stop() }
        try? FileManager.default.removeItem(at: directory)
    }

    static func freshDirectory() -> URL {
        FileManager.default.temporaryDirectory.appendingPathComponent(
            "martlet-server-\(UUID().uuidString)")
    }

    func stop() throws {
        isStopped = true
        try server.stop()
    }

    func connect() throws -> ClientSocket { try ClientSocket(port: server.listeners[0].port) }
}

/// Lines that a server wrote, from any thread.
final class RecordedLog: @unchecked Sendable {
    // Sendable: `texts` is guarded by `lock`.
    private let lock = NSLock()
    private var texts: [String] = []
    var lines: [String] { lock.withLock { texts } }
    func add(_ line: String) { lock.withLock { texts.append(line) } }
}

private struct RecordingHandler: LogHandler {
    let log: RecordedLog
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
    func log(event: LogEvent) { log.add("\(event.message)") }
}

/// Waits until `condition` holds; fails after half a minute.
func eventually(
    _ what: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () throws -> Bool
) rethrows {
    let deadline = Date(timeIntervalSinceNow: 30)
    while try !condition() {
        guard Date() < deadline else {
            Issue.record("never: \(what)", sourceLocation: sourceLocation)
            return
        }
        usleep(1000)
    }
}

@Suite struct ServerTests {
    private func topics(_ client: ClientSocket) throws -> [String?] {
        try client.call(MetadataRequest(topics: nil), version: 12).topics.map(\.name)
    }

    @Test func aServerStartsServesAndStops() throws {
        let running = try RunningServer()
        #expect(running.server.listeners[0].port != 0)
        let client = try running.connect()
        let response = try client.call(
            CreateTopicsRequest(
                topics: [.init(name: "kept", numPartitions: 1, replicationFactor: 1)],
                timeoutMs: 1000), version: 7)
        #expect(response.topics.map(\.errorCode) == [0])
        try running.stop()
        #expect(try client.read() == nil)
        // The directory is free again and has it all.
        let next = try RunningServer(directory: running.directory)
        #expect(next.server.clusterID == running.server.clusterID)
        #expect(try topics(next.connect()) == ["kept"])
        try next.stop()
    }

    @Test func aPortInUseStopsTheStartBeforeAnyDataIsTouched() throws {
        let running = try RunningServer()
        let port = Int(running.server.listeners[0].port)
        let directory = RunningServer.freshDirectory()
        let error = #expect(throws: NodeError.self) {
            try RunningServer(directory: directory) { $0.bindings[0].port = port }
        }
        #expect(error?.description.contains(":\(port)") == true)
        #expect(!FileManager.default.fileExists(atPath: directory.path))
        try running.stop()
    }

    @Test func aNodeWithoutItsQuorumRefusesClients() throws {
        let other = Voter(
            key: MemberKey(BrokerID(2)),
            listeners: [.init(name: "CONTROLLER", endpoint: .init(host: "127.0.0.1", port: 1))])
        let directory = RunningServer.freshDirectory()
        let formatted = try RunningServer(directory: directory)
        try formatted.stop()
        defer { withExtendedLifetime(formatted) {} }
        let running = try RunningServer(directory: directory) { configuration in
            var quorum = QuorumSettings(
                staticVoters: VoterSet([other]), listeners: [], listenerName: "CONTROLLER",
                mayVote: false)
            quorum.electionTimeoutMs = 100
            configuration.node.quorum = quorum
            configuration.node.isController = false
        }
        let serves = NIOLockedValueBox(false)
        running.server.whenServing { serves.withLockedValue { $0 = true } }
        #expect(throws: (any Error).self) { try running.connect() }
        #expect(!serves.withLockedValue { $0 })
        try running.stop()
    }

    @Test func aDirectoryInUseIsRefused() throws {
        let running = try RunningServer()
        let error = #expect(throws: NodeError.self) {
            // A second set of options: the first server keeps its directory.
            _ = try RunningServer(directory: running.directory)
        }
        #expect(error?.description.contains(running.directory.path) == true)
        #expect(try topics(running.connect()).isEmpty)
        try running.stop()
    }

    @Test func framesMayComeInAnyPieces() throws {
        let running = try RunningServer()
        let client = try running.connect()
        let frame = try ClientSocket.frame(MetadataRequest(topics: []), version: 12, correlation: 1)
        for byte in frame { try client.write([byte]) }
        try client.write(frame + frame)
        for _ in 0..<3 { #expect(try client.read() != nil) }
        try running.stop()
    }

    @Test func whatWasAskedBeforeABadFrameIsAnswered() throws {
        let running = try RunningServer()
        let client = try running.connect()
        let frame = try ClientSocket.frame(MetadataRequest(topics: []), version: 12, correlation: 1)
        try client.write(frame + frame + [0xff, 0xff, 0xff, 0xff])
        for _ in 0..<2 { #expect(try client.read() != nil) }
        #expect(try client.read() == nil)
        try running.stop()
    }

    @Test(arguments: [Int32(-1), 0, .min, .max, 1001])
    func aBadLengthClosesTheConnection(length: Int32) throws {
        let running = try RunningServer(frameBytes: 1000)
        let other = try running.connect()
        let client = try running.connect()
        try client.write(withUnsafeBytes(of: length.bigEndian) { Array($0) })
        #expect(try client.read() == nil)
        eventually("a logged reason") {
            running.log.lines.contains { $0.contains("malformed frame") }
        }
        #expect(try topics(other).isEmpty)
        try running.stop()
    }

    @Test func theLargestFrameIsTaken() throws {
        let running = try RunningServer(frameBytes: 1000)
        let client = try running.connect()
        let frame = try ClientSocket.frame(MetadataRequest(topics: []), version: 12, correlation: 1)
        // Bytes behind a request are let pass, so any frame can be made as long as is wanted.
        let padding = [UInt8](repeating: 0, count: 1000 - (frame.count - 4))
        try client.write(withUnsafeBytes(of: Int32(1000).bigEndian) { Array($0) })
        try client.write(frame.dropFirst(4) + padding)
        #expect(try client.read() != nil)
        try running.stop()
    }

    @Test func aFloodOfBadClientsIsLoggedInFewLines() throws {
        let running = try RunningServer()
        for _ in 0..<100 {
            let client = try running.connect()
            try client.write([0, 0, 0, 4, 0xFF, 0xFF, 0xFF, 0xFF])
            #expect(try client.read() == nil)
        }
        let lines = running.log.lines.count { $0.contains("connection closed") }
        #expect(lines >= 1 && lines < 100)
        try running.stop()
    }

    @Test func aHalfOpenClientStillGetsItsAnswer() throws {
        let running = try RunningServer()
        let client = try running.connect()
        try client.write(
            ClientSocket.frame(MetadataRequest(topics: []), version: 12, correlation: 1))
        client.shutdownWriting()
        #expect(try client.read() != nil)
        #expect(try client.read() == nil)
        try running.stop()
    }

    @Test func aClientThatVanishesAmidAFrameDisturbsNobody() throws {
        let running = try RunningServer()
        for _ in 0..<20 {
            let client = try running.connect()
            try client.write([0, 0, 0, 100, 0, 3])
            client.close()
        }
        #expect(try topics(running.connect()).isEmpty)
        try running.stop()
    }
}
