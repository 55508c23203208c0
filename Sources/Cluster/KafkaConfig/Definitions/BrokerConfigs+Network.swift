extension BrokerConfigs {
    /// Keys of listeners, sockets and connections.
    static let network: [ConfigDefinition] = [
        define(
            "listeners", .list, "PLAINTEXT://:9092", .list(of: [], allowsEmpty: false), .high,
            .perBroker,
            "Addresses to listen on, as NAME://host:port; an empty host means every interface."),
        define(
            "advertised.listeners", .list, nil, .list(of: [], allowsEmpty: false), .high, .readOnly,
            "Addresses given to clients; by default the listeners."),
        define(
            "listener.security.protocol.map", .string,
            "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL", .any,
            .low, .perBroker,
            "Security protocol of each listener name, as NAME:PROTOCOL."),
        define(
            "socket.send.buffer.bytes", .int, "102400", .any, .high, .readOnly,
            "SO_SNDBUF in bytes; -1 leaves it to the system."),
        define(
            "socket.receive.buffer.bytes", .int, "102400", .any, .high, .readOnly,
            "SO_RCVBUF in bytes; -1 leaves it to the system."),
        define(
            "socket.request.max.bytes", .int, "104857600", .atLeast(1), .high, .readOnly,
            "Largest request frame in bytes."),
        define(
            "socket.listen.backlog.size", .int, "50", .atLeast(1), .medium, .readOnly,
            "Connections that may wait to be accepted."),
        define(
            "max.connections.per.ip", .int, "2147483647", .atLeast(0), .medium, .clusterWide,
            "Connections that one address may hold."),
        define(
            "max.connections.per.ip.overrides", .string, "", .any, .medium, .clusterWide,
            "Limits for single hosts, as host:count."),
        define(
            "max.connections", .int, "2147483647", .atLeast(0), .medium, .clusterWide,
            "Connections that the broker, or with its prefix a listener, may hold."),
        define(
            "max.connection.creation.rate", .int, "2147483647", .atLeast(0), .medium, .clusterWide,
            "New connections a second."),
        define(
            "connections.max.idle.ms", .long, "600000", .any, .medium, .readOnly,
            "Milliseconds after which an idle connection is closed."),
        define(
            "connection.failed.authentication.delay.ms", .int, "100", .atLeast(0), .low, .readOnly,
            "Milliseconds before a connection that failed to authenticate is closed."),
        define(
            "queued.max.requests", .int, "500", .atLeast(1), .high, .readOnly,
            "Requests that may wait before reading stops."),
        define(
            "queued.max.request.bytes", .long, "-1", .any, .medium, .readOnly,
            "Bytes of requests that may wait before reading stops; -1 for no limit."),
        define(
            "num.network.threads", .int, nil, .atLeast(1), .high, .clusterWide,
            "Event loops; by default one for each core (Apache Kafka: 3)."),
    ]
}
