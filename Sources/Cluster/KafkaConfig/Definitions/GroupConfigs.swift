/// Config keys of a group: consumer (KIP-848), share (KIP-932) and streams (KIP-1071).
public enum GroupConfigs {
    /// Every key, internal ones included.
    public static let all: [ConfigDefinition] = [
        define(
            "consumer.session.timeout.ms", .int, "45000", .atLeast(1), .medium, .resource,
            "Milliseconds without a heartbeat after which a member is dropped."),
        define(
            "consumer.heartbeat.interval.ms", .int, "5000", .atLeast(1), .medium, .resource,
            "Milliseconds between two heartbeats of a member."),
        define(
            "consumer.assignment.interval.ms", .int, "1000", .atLeast(0), .medium, .resource,
            "Milliseconds between two assignments at least."),
        hidden(
            "consumer.assignor.offload.enable", .boolean, "true", .any, .medium, .resource,
            "Computes assignments on a background thread."),
        define(
            "share.session.timeout.ms", .int, "45000", .atLeast(1), .medium, .resource,
            "Milliseconds without a heartbeat after which a member is dropped."),
        define(
            "share.heartbeat.interval.ms", .int, "5000", .atLeast(1), .medium, .resource,
            "Milliseconds between two heartbeats of a member."),
        define(
            "share.record.lock.duration.ms", .int, "30000", .atLeast(1000), .medium, .resource,
            "Milliseconds that a member holds an acquired record."),
        define(
            "share.delivery.count.limit", .int, "5", .atLeast(2), .medium, .resource,
            "Times that a record may be delivered."),
        define(
            "share.partition.max.record.locks", .int, "2000", .atLeast(100), .medium, .resource,
            "Records of one partition that may be acquired at once."),
        define(
            "share.auto.offset.reset", .string, "latest", .shareOffsetReset, .medium, .resource,
            "Where a share partition starts: `earliest`, `latest` or `by_duration:` and an ISO "
                + "8601 duration."
        ),
        define(
            "share.isolation.level", .string, "read_uncommitted",
            .oneOf(["read_committed", "read_uncommitted"]), .medium, .resource,
            "Whether records of open and aborted transactions are delivered."),
        define(
            "share.renew.acknowledge.enable", .boolean, "true", .any, .medium, .resource,
            "Lets members extend the lock of a record."),
        define(
            "share.assignment.interval.ms", .int, "1000", .atLeast(0), .medium, .resource,
            "Milliseconds between two assignments at least."),
        hidden(
            "share.assignor.offload.enable", .boolean, "true", .any, .medium, .resource,
            "Computes assignments on a background thread."),
        define(
            "streams.session.timeout.ms", .int, "45000", .atLeast(1), .medium, .resource,
            "Milliseconds without a heartbeat after which a member is dropped."),
        define(
            "streams.heartbeat.interval.ms", .int, "5000", .atLeast(1), .medium, .resource,
            "Milliseconds between two heartbeats of a member."),
        define(
            "streams.num.standby.replicas", .int, "0", .atLeast(0), .medium, .resource,
            "Standby copies of each task."),
        define(
            "streams.initial.rebalance.delay.ms", .int, "3000", .atLeast(0), .medium, .resource,
            "Milliseconds a new group waits for more clients."),
        define(
            "streams.assignment.interval.ms", .int, "1000", .atLeast(0), .medium, .resource,
            "Milliseconds between two assignments at least."),
        hidden(
            "streams.assignor.offload.enable", .boolean, "true", .any, .medium, .resource,
            "Computes assignments on a background thread."),
        hidden(
            "streams.task.offset.interval.ms", .int, "60000", .atLeast(1), .medium, .resource,
            "Milliseconds between two reports of a task's changelog offsets."),
        hidden(
            "streams.num.warmup.replicas", .int, "2", .atLeast(0), .medium, .resource,
            "Most warm-up tasks at once."),
        define(
            "streams.rack.aware.assignment.tags", .list, "", .list(of: [], allowsEmpty: true), .low,
            .resource,
            "Client tags over which standby copies are spread."),
        hidden(
            "streams.acceptable.recovery.lag", .long, "10000", .atLeast(0), .medium, .resource,
            "Offsets a client may lack and still count as caught up."),
        define(
            "streams.assignor.name", .string, nil, .any, .medium, .resource,
            "Assignor of this group, one of `group.streams.assignors`."),
        define(
            "errors.deadletterqueue.topic.name", .string, "", .any, .medium, .resource,
            "Dead-letter topic of this share group; empty for none (KIP-1191)."),
        define(
            "errors.deadletterqueue.copy.record.enable", .boolean, "false", .any, .medium,
            .resource,
            "Copies key, value and headers into the dead letter (KIP-1191)."),
    ]
}
