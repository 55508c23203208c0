import BrokerCore
import Foundation
import KafkaRecords
import KafkaWire
import LogStorage
import PosixFiles
import Replication
import Testing

@testable import MartletServer

/// Flushes of one log by several threads.
@Suite struct FlushTurnTests {
    /// A log whose every flush has a new `leader-epoch-checkpoint` to write, on a real disk.
    private func cell(in root: URL) throws -> PartitionCell {
        let name = TopicPartition(topic: "t", partition: 0)
        let log = try PartitionLog.open(
            directory: root.appendingPathComponent("t-0").path, topicPartition: name, topicID: nil,
            config: LogConfig(), fileSystem: PosixFileSystem(), recoveryPoint: .zero,
            logStartOffset: .zero, cleanShutdown: false, now: 0)
        return PartitionCell(
            replica: PartitionReplica(
                log: log, role: .leader(LeaderEpoch(1)), highWatermark: .zero),
            topicID: .zero, logDirectory: root.path, makeLock: { PartitionMutex() })
    }

    @Test func twoThreadsTakeTurns() throws {
        let root = RunningServer.freshDirectory()
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: root) }
        let cell = try cell(in: root)
        var builder = RecordBatchBuilder(.init())
        builder.append(timestamp: 1, key: nil, value: [1])
        let batch = try builder.finish()

        DispatchQueue.concurrentPerform(iterations: 2) { _ in
            for _ in 0..<200 {
                let failure: (any Error)? = cell.locked { replica in
                    do {
                        var bytes = batch
                        var span = bytes.mutableSpan
                        // Bytes have no padding.
                        var raw = unsafe span.mutableBytes
                        let epoch = replica.log.logEndOffset.rawValue + 1
                        _ = try replica.log.append(
                            &raw, origin: .client, leaderEpoch: LeaderEpoch(Int32(epoch)), now: 1)
                        return nil
                    } catch {
                        return error
                    }
                }
                if let failure { Issue.record(failure) }
                do { _ = try cell.flush(.flushed) } catch { Issue.record(error) }
            }
        }
        let path = root.appendingPathComponent("t-0/leader-epoch-checkpoint").path
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.last == "400 399")
    }
}
