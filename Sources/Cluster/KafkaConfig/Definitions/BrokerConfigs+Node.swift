extension BrokerConfigs {
    /// Keys of the node: identity, roles, threads, metadata log and quorum.
    static let node: [ConfigDefinition] = [
        define(
            "process.roles", .list, nil, .list(of: ["broker", "controller"], allowsEmpty: false),
            .high, .readOnly,
            "What this node is: `broker`, `controller` or both."),
        define(
            "node.id", .int, nil, .atLeast(0), .high, .readOnly,
            "Number of this node, unique in the cluster."),
        define(
            "initial.broker.registration.timeout.ms", .int, "60000", .any, .medium, .readOnly,
            "Milliseconds to wait for the first registration before giving up."),
        define(
            "broker.heartbeat.interval.ms", .int, "2000", .any, .medium, .readOnly,
            "Milliseconds between two heartbeats of a broker."),
        define(
            "broker.session.timeout.ms", .int, "9000", .any, .medium, .readOnly,
            "Milliseconds without a heartbeat after which a broker is fenced."),
        define(
            "controller.listener.names", .list, nil, .list(of: [], allowsEmpty: false), .high,
            .readOnly,
            "Listeners that controllers serve, the first being the one brokers use."),
        define(
            "sasl.mechanism.controller.protocol", .string, "GSSAPI", .any, .high, .readOnly,
            "SASL mechanism towards the controllers."),
        hidden(
            "controller.performance.sample.period.ms", .long, "60000", .atLeast(100), .medium,
            .readOnly,
            "Milliseconds between two log lines on controller event times."),
        hidden(
            "controller.performance.always.log.threshold.ms", .long, "2000", .atLeast(0), .medium,
            .readOnly,
            "Milliseconds above which a controller event is logged at once."),
        hidden(
            "server.max.startup.time.ms", .long, "9223372036854775807", .atLeast(0), .medium,
            .readOnly,
            "Milliseconds that the start may take."),
        define(
            "broker.id", .int, "-1", .any, .high, .readOnly,
            "Old name of `node.id`; if both are set they have to be equal."),
        define(
            "num.io.threads", .int, "8", .atLeast(1), .high, .clusterWide,
            "Threads for request work that may block."),
        define(
            "num.replica.alter.log.dirs.threads", .int, nil, .any, .high, .readOnly,
            "Threads that move replicas between data directories; by default one for each "
                + "directory."
        ),
        define(
            "background.threads", .int, "10", .atLeast(1), .high, .clusterWide,
            "Threads for background tasks."),
        define(
            "request.timeout.ms", .int, "30000", .any, .high, .readOnly,
            "Milliseconds this node waits for an answer as a client."),
        define(
            "socket.connection.setup.timeout.ms", .long, "10000", .any, .medium, .readOnly,
            "First limit in milliseconds for opening a connection to another node."),
        define(
            "socket.connection.setup.timeout.max.ms", .long, "30000", .any, .medium, .readOnly,
            "Longest limit in milliseconds for opening a connection to another node."),
        define(
            "config.providers", .list, "", .list(of: [], allowsEmpty: true), .low, .clusterWide,
            "Aliases of plug-ins that fill in `${…}` values."),
        define(
            "authorizer.class.name", .string, "", .any, .low, .readOnly,
            "Authorizer; empty lets everybody do everything."),
        define(
            "early.start.listeners", .list, nil, .list(of: [], allowsEmpty: true), .high, .readOnly,
            "Listeners opened before the authorizer has loaded its rules."),
        define(
            "broker.rack", .string, nil, .any, .medium, .readOnly,
            "Rack of this broker, for placement and for fetching from the closest replica."),
        define(
            "controlled.shutdown.enable", .boolean, "true", .any, .medium, .readOnly,
            "Moves leadership away before the broker stops."),
        define(
            "delete.topic.enable", .boolean, "true", .any, .high, .readOnly,
            "Allows topics to be deleted."),
        define(
            "max.incremental.fetch.session.cache.slots", .int, "1000", .atLeast(0), .medium,
            .readOnly,
            "Incremental fetch sessions kept at once."),
        define(
            "fetch.max.bytes", .int, "57671680", .atLeast(1024), .medium, .readOnly,
            "Most bytes in one fetch response; one batch is always returned."),
        define(
            "max.request.partition.size.limit", .int, "2000", .atLeast(1), .medium, .readOnly,
            "Most partitions that one listing request gets back."),
        hidden(
            "unstable.api.versions.enable", .boolean, "false", .any, .high, .readOnly,
            "Offers API versions that are not final."),
        hidden(
            "unstable.feature.versions.enable", .boolean, "false", .any, .high, .readOnly,
            "Allows feature levels that are not final."),
        define(
            "metadata.log.max.record.bytes.between.snapshots", .long, "20971520", .atLeast(1),
            .high, .readOnly,
            "Bytes of new metadata records that call for a snapshot."),
        define(
            "metadata.log.max.snapshot.interval.ms", .long, "3600000", .atLeast(0), .high,
            .readOnly,
            "Milliseconds after which new metadata records call for a snapshot; 0 never."),
        define(
            "metadata.log.dir", .string, nil, .any, .high, .readOnly,
            "Directory of the metadata log; by default the first data directory."),
        define(
            "metadata.log.segment.bytes", .int, "1073741824", .atLeast(8388608), .high, .readOnly,
            "Bytes of one segment of the metadata log."),
        define(
            "metadata.log.segment.ms", .long, "604800000", .any, .high, .readOnly,
            "Milliseconds after which a segment of the metadata log rolls."),
        define(
            "metadata.max.retention.bytes", .long, "104857600", .any, .high, .readOnly,
            "Bytes of metadata log and snapshots to keep."),
        define(
            "metadata.max.retention.ms", .long, "604800000", .any, .high, .readOnly,
            "Milliseconds that metadata log and snapshots are kept."),
        define(
            "metadata.max.idle.interval.ms", .int, "500", .atLeast(0), .low, .readOnly,
            "Milliseconds between no-op records of an idle controller; 0 writes none."),
        hidden(
            "internal.metadata.log.segment.bytes", .int, nil, .any, .low, .readOnly,
            "Segment size of the metadata log for tests."),
        hidden(
            "internal.metadata.max.batch.size.in.bytes", .int, "8388608", .any, .low, .readOnly,
            "Largest metadata batch, for tests."),
        hidden(
            "internal.metadata.delete.delay.millis", .long, "60000", .any, .low, .readOnly,
            "Milliseconds before old metadata files are unlinked, for tests."),
        define(
            "controller.quorum.voters", .list, "", .quorumVoters, .high, .readOnly,
            "Fixed voters of the metadata quorum, as id@host:port."),
        define(
            "controller.quorum.bootstrap.servers", .list, "", .bootstrapServers, .high, .readOnly,
            "Controllers to ask first, as host:port (KIP-853)."),
        define(
            "controller.quorum.election.timeout.ms", .int, "1000", .atLeast(0), .high, .readOnly,
            "Milliseconds without a leader after which a voter stands for election."),
        define(
            "controller.quorum.fetch.timeout.ms", .int, "2000", .atLeast(0), .high, .readOnly,
            "Milliseconds without a successful fetch after which the leader counts as lost."),
        define(
            "controller.quorum.election.backoff.max.ms", .int, "1000", .atLeast(0), .high,
            .readOnly,
            "Longest wait in milliseconds between two elections."),
        define(
            "controller.quorum.append.linger.ms", .int, "25", .atLeast(0), .medium, .readOnly,
            "Milliseconds that metadata writes are gathered before they are synced."),
        define(
            "controller.quorum.request.timeout.ms", .int, "2000", .atLeast(0), .medium, .readOnly,
            "Milliseconds a quorum request waits for its answer."),
        define(
            "controller.quorum.retry.backoff.ms", .int, "20", .atLeast(0), .low, .readOnly,
            "Milliseconds before a failed quorum request is sent again."),
        define(
            "controller.quorum.auto.join.enable", .boolean, "false", .any, .low, .readOnly,
            "Lets a controller add itself to the voters."),
        define(
            "controller.quorum.fetch.snapshot.max.bytes", .int, "1048576", .atLeast(1), .low,
            .readOnly,
            "Bytes of one snapshot chunk."),
        define(
            "controller.quorum.fetch.max.bytes", .int, "1048576", .atLeast(1), .low, .readOnly,
            "Bytes of one metadata fetch; one batch is always returned."),
    ]
}
