/// The names of client properties, to tell which of those given nobody knows.
enum PropertyNames {
    /// Of every client, in Kafka's alphabet.
    private static let all: Set<String> = [
        "bootstrap.servers", "client.id", "default.api.timeout.ms", "enable.metrics.push",
        "metadata.max.age.ms", "metadata.recovery.rebootstrap.trigger.ms",
        "metadata.recovery.strategy", "reconnect.backoff.max.ms", "reconnect.backoff.ms",
        "request.timeout.ms", "retry.backoff.max.ms", "retry.backoff.ms", "sasl.jaas.config",
        "sasl.mechanism", "security.protocol", "socket.connection.setup.timeout.ms",
        "ssl.enabled.protocols", "ssl.endpoint.identification.algorithm", "ssl.key.password",
        "ssl.keystore.certificate.chain", "ssl.keystore.key", "ssl.keystore.location",
        "ssl.keystore.type", "ssl.truststore.certificates", "ssl.truststore.location",
        "ssl.truststore.type",
    ]
    private static let producer: Set<String> = [
        "acks", "allow.auto.create.topics", "batch.size", "buffer.memory",
        "compression.gzip.level", "compression.lz4.level", "compression.type",
        "compression.zstd.level", "delivery.timeout.ms", "enable.idempotence", "linger.ms",
        "max.block.ms", "max.in.flight.requests.per.connection", "max.request.size",
        "partitioner", "retries", "transaction.timeout.ms", "transactional.id",
    ]
    private static let consumer: Set<String> = [
        "allow.auto.create.topics", "auto.commit.interval.ms", "auto.offset.reset", "check.crcs",
        "client.rack", "enable.auto.commit", "fetch.max.bytes", "fetch.max.wait.ms",
        "fetch.min.bytes", "group.id", "group.instance.id", "group.protocol",
        "group.remote.assignor", "heartbeat.interval.ms", "isolation.level",
        "max.partition.fetch.bytes", "max.poll.interval.ms", "partition.assignment.strategy",
        "session.timeout.ms",
    ]
    private static let admin: Set<String> = ["bootstrap.controllers"]
    /// Kafka's, that tune what this client does not have: they may be given, and change nothing.
    private static let idle: Set<String> = [
        "auto.include.jmx.reporter", "client.dns.lookup", "connections.max.idle.ms",
        "key.deserializer", "key.serializer", "max.poll.records", "metadata.max.idle.ms",
        "metrics.num.samples", "metrics.recording.level", "metrics.sample.window.ms",
        "receive.buffer.bytes", "send.buffer.bytes", "socket.connection.setup.timeout.max.ms",
        "value.deserializer", "value.serializer",
    ]
    /// Kafka's, that name what is Swift code here.
    private static let code = [
        "interceptor.classes": "give interceptors to the client's init",
        "metric.reporters": "give a swift-metrics factory to the client's init",
        "partitioner.class": "name a partition in the record, or set partitioner",
        "sasl.login.callback.handler.class": "set sasl to .oauthBearer",
        "sasl.client.callback.handler.class": "set sasl to .oauthBearer",
        "ssl.engine.factory.class": "set tls",
    ]

    /// - Throws: `invalidSetting` for the first property that a client of this kind cannot have.
    static func check(
        _ properties: [String: String], of kind: ClientKind
    ) throws(ClientError) {
        let own: Set<String> =
            switch kind {
            case .producer: producer
            case .consumer: consumer
            case .admin: admin
            }
        let known = all.union(own)
        for (name, value) in properties.sorted(by: { $0.key < $1.key })
        where !known.contains(name) && !idle.contains(name) {
            throw .invalidSetting(key: name, value: value, reason: reason(name, known))
        }
    }

    private static func reason(_ name: String, _ known: Set<String>) -> String {
        if let instead = code[name] { return "not a text here: \(instead)" }
        let near = known.sorted().map { (name: $0, distance: distance(name, $0)) }
            .min { $0.distance < $1.distance }
        let hint =
            near.flatMap { $0.distance <= 3 ? "; did you mean \($0.name)?" : nil } ?? ""
        return "this client has no such setting" + hint
    }

    /// How many letters have to be changed, put in or left out to get from one to the other.
    private static func distance(_ a: String, _ b: String) -> Int {
        let (a, b) = (Array(a.utf8), Array(b.utf8))
        var row = Array(0...b.count)
        for i in a.indices {
            var diagonal = row[0]
            row[0] = i + 1
            for j in b.indices {
                let change = diagonal + (a[i] == b[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(change, row[j] + 1, diagonal + 1)
            }
        }
        return row[b.count]
    }
}

extension ProducerSettings {
    /// Settings by their names in Kafka.
    ///
    /// - Throws: `invalidSetting`, for names that this client does not know too; `apply` leaves
    ///   those alone.
    public init(properties: [String: String]) throws(ClientError) {
        try PropertyNames.check(properties, of: .producer)
        self.init(network: NetworkSettings(bootstrap: []))
        try apply(properties)
        try network.checkBootstrap()
    }
}

extension ConsumerSettings {
    /// Settings by their names in Kafka.
    ///
    /// - Throws: `invalidSetting`, for names that this client does not know too; `apply` leaves
    ///   those alone.
    public init(properties: [String: String]) throws(ClientError) {
        try PropertyNames.check(properties, of: .consumer)
        self.init(network: NetworkSettings(bootstrap: []))
        try apply(properties)
        try network.checkBootstrap()
    }
}

extension AdminSettings {
    /// Settings by their names in Kafka.
    ///
    /// - Throws: `invalidSetting`, for names that this client does not know too; `apply` leaves
    ///   those alone.
    public init(properties: [String: String]) throws(ClientError) {
        try PropertyNames.check(properties, of: .admin)
        self.init(network: NetworkSettings(bootstrap: []))
        try apply(properties)
        try network.checkBootstrap()
    }
}

extension NetworkSettings {
    fileprivate func checkBootstrap() throws(ClientError) {
        guard bootstrap.isEmpty else { return }
        throw .invalidSetting(
            key: "bootstrap.servers", value: "", reason: "give HOST:PORT,… of some brokers")
    }
}
