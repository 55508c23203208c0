import BrokerCore
import Foundation
import KafkaWire
import Logging
import MartletServer

/// A node of this process on a free port, over a directory of its own.
final class TestNode {
    private let directory: URL
    private let server: Server

    init(defaultPartitions: Int32 = 3) throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "martlet-client-\(UUID().uuidString)")
        let listener = NodeOptions.Listener(name: "PLAINTEXT", host: "127.0.0.1", port: 0)
        var options = NodeOptions(
            nodeID: BrokerID(1), logDirectories: [directory.path], listeners: [listener],
            controllerListener: .init(name: "CONTROLLER", host: "127.0.0.1", port: 9093))
        options.defaultPartitions = defaultPartitions
        let configuration = ServerConfiguration(
            node: options, bindings: [Binding(name: "PLAINTEXT", host: "127.0.0.1", port: 0)],
            networkThreads: 1, ioThreads: 1)
        server = try Server.start(
            configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    var bootstrap: String { "127.0.0.1:\(server.listeners[0].port)" }

    deinit {
        try? server.stop()
        try? FileManager.default.removeItem(at: directory)
    }
}
