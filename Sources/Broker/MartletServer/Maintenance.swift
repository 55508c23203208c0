import BrokerCore
import KafkaWire
import LogStorage
import NIOCore
import NIOPosix

/// How often a node does what it does by the clock; Kafka's keys and defaults.
public struct MaintenanceIntervals: Sendable {
    /// `replica.high.watermark.checkpoint.interval.ms`
    public var highWatermarks = TimeAmount.seconds(5)
    /// `log.flush.offset.checkpoint.interval.ms`
    public var recoveryPoints = TimeAmount.seconds(60)
    /// `log.flush.start.offset.checkpoint.interval.ms`
    public var logStartOffsets = TimeAmount.seconds(60)
    /// `log.retention.check.interval.ms`
    public var retention = TimeAmount.minutes(5)
    /// How often the lag of followers is looked at.
    public var followers = TimeAmount.seconds(1)
    /// When the cleaner first looks for work (`log.cleaner.backoff.ms`, which may change later).
    public var cleaning = TimeAmount.seconds(15)
    /// How often closed segments are synced with `martlet.durability=replicated`.
    public var closedSegments = TimeAmount.seconds(1)
    /// How often moves of replicas between log directories are carried on.
    public var moves = TimeAmount.milliseconds(50)
    /// How often files that are due are removed.
    public var deletions = TimeAmount.seconds(1)
    public init() {}
}

/// Starts the node's maintenance by the clock, on the I/O pool; one round of a kind at a time.
final class Maintenance: Sendable {
    private let tasks: [RepeatedTask]

    init(
        shell: NodeShell, surroundings: NodeSurroundings, pool: NIOThreadPool,
        eventLoop: any EventLoop, intervals: MaintenanceIntervals
    ) {
        let clock = Clock()
        var seeds = SystemRandomNumberGenerator()
        let cleaner = NodeCleaner(surroundings: surroundings, seed: seeds.next())
        let mover = ReplicaMover(surroundings: surroundings)
        func every(
            _ interval: TimeAmount,
            _ work: @escaping @Sendable (NodeMaintenance) -> NodeMaintenance.Outcome
        ) -> RepeatedTask {
            eventLoop.scheduleRepeatedAsyncTask(initialDelay: interval, delay: interval) { _ in
                pool.runIfActive(eventLoop: eventLoop) {
                    let outcome = work(
                        NodeMaintenance(view: shell.view, surroundings: surroundings))
                    shell.carryOut(outcome)
                }
            }
        }
        tasks = [
            every(intervals.highWatermarks) { $0.checkpoint(.highWatermark) },
            every(intervals.recoveryPoints) { $0.checkpoint(.recoveryPoint) },
            every(intervals.logStartOffsets) { $0.checkpoint(.logStartOffset) },
            every(intervals.closedSegments) { $0.flushClosedSegments() },
            every(intervals.retention) { $0.applyRetention(now: clock.wallMs) },
            every(intervals.followers) { $0.checkFollowers(now: clock.now) },
            eventLoop.scheduleRepeatedAsyncTask(
                initialDelay: intervals.cleaning, delay: min(intervals.cleaning, .seconds(1))
            ) { _ in
                pool.runIfActive(eventLoop: eventLoop) {
                    shell.carryOut(cleaner.round(shell.view, now: clock.wallMs))
                }
            },
            eventLoop.scheduleRepeatedAsyncTask(
                initialDelay: intervals.moves, delay: intervals.moves
            ) { _ in
                guard mover.hasWork(shell.view) else {
                    return eventLoop.makeSucceededVoidFuture()
                }
                return pool.runIfActive(eventLoop: eventLoop) {
                    shell.carryOut(mover.round(shell.view, now: clock.now))
                }
            },
            eventLoop.scheduleRepeatedTask(
                initialDelay: intervals.deletions, delay: intervals.deletions
            ) { _ in
                shell.onController { $0.removeDueFiles() }
            },
            eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
                shell.sweep()
            },
        ]
    }

    func stop() {
        for task in tasks { task.cancel() }
    }
}
