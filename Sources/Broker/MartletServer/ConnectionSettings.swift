import Foundation
import KafkaConfig

/// What a node allows its connections.
public struct ConnectionSettings: Sendable {
    /// `martlet.memory.max`, or `queued.max.request.bytes` when that is less: bytes.
    public var memoryMax: Int = Int(clamping: ProcessInfo.processInfo.physicalMemory / 4)
    /// `socket.send.buffer.bytes` and `socket.receive.buffer.bytes` when they are set; else the
    /// system chooses, and adapts to each connection.
    public var sendBufferBytes: Int?
    public var receiveBufferBytes: Int?

    public init() {}

    init(_ config: BrokerConfig) {
        memoryMax = config.memoryMax ?? memoryMax
        let queued = config.number("queued.max.request.bytes")
        if queued > 0 { memoryMax = min(memoryMax, Int(queued)) }
        func buffer(_ key: String) -> Int? {
            guard config.staticConfigs[key] != nil else { return nil }
            let bytes = Int(config.number(key))
            return bytes > 0 ? bytes : nil
        }
        sendBufferBytes = buffer("socket.send.buffer.bytes")
        receiveBufferBytes = buffer("socket.receive.buffer.bytes")
    }
}
