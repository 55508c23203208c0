import Coordinators
import KafkaRecords
import KafkaWire
import LogStorage

/// A coordinator's partition that this node has begun to lead: its log is to be replayed, on an I/O
/// thread.
public struct CoordinatorLoad: Sendable {
    let run: @Sendable () -> CoordinatorTask?

    /// Replays the log; what an event loop then has to do to put the coordinator to work. `nil`
    /// when that failed (reported).
    public func load() -> CoordinatorTask? { run() }
}

/// Something that an event loop, whichever it is, has to do with a coordinator.
public struct CoordinatorTask: Sendable {
    let run: @Sendable (BrokerLoop, ClockReading) -> Void
}

/// Carries a machine from the I/O thread that made it to the loop that puts it to work.
private final class Handover<Machine>: @unchecked Sendable {
    // Sendable: the I/O thread lets go of the machine when it hands it over, and each loaded
    // coordinator is activated once.
    let machine: Machine
    init(_ machine: Machine) { self.machine = machine }
}

extension ShardCell {
    /// The work of loading this shard for `epoch` into what `make` gives.
    func loading(
        _ epoch: LeaderEpoch, report: @escaping @Sendable (String) -> Void,
        _ make: @escaping @Sendable () -> Machine
    ) -> CoordinatorLoad {
        CoordinatorLoad { [self] in
            let machine = make()
            do {
                let replay = try replayLog(into: machine)
                if replay.skipped > 0 {
                    report(
                        "\(partition.topicPartition): \(replay.skipped) records were passed over, "
                            + "the first at \(replay.firstFault ?? "")")
                }
            } catch {
                report("\(partition.topicPartition) cannot be loaded: \(error)")
                return nil
            }
            let handover = Handover(machine)
            return CoordinatorTask { [self] loop, now in
                finishLoading(epoch, handover.machine, on: loop, now: now)
            }
        }
    }

    private static var chunkBytes: Int { 4 << 20 }

    private func replayLog(into machine: Machine) throws -> CoordinatorReplay {
        var replay = CoordinatorReplay()
        var next = partition.locked { $0.log.logStartOffset }
        while true {
            let read: Result<LogRead, LogError> = partition.locked { replica in
                do throws(LogError) {
                    return .success(
                        try replica.log.read(
                            from: next, maxBytes: Self.chunkBytes,
                            upTo: PlantedBug.shortLoad.isPlanted
                                ? replica.highWatermark : replica.log.logEndOffset,
                            atLeastOneBatch: true))
                } catch {
                    return .failure(error)
                }
            }
            let found = try read.get()
            guard let slice = found.slice else { return replay }
            let bytes = try slice.bytes()
            // Bytes have no padding.
            let end = try replay.replay(unsafe bytes.span.bytes, from: next, into: machine)
            next = max(end, found.nextOffset)
        }
    }
}
