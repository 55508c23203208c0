import KafkaRecords

/// Reads client properties under Kafka's names; keys that mean nothing here are left alone, as
/// Kafka's clients do.
struct ClientProperties {
    let values: [String: String]

    func refuse(_ key: String, _ reason: String) -> ClientError {
        .invalidSetting(key: key, value: values[key] ?? "", reason: reason)
    }

    func take(_ key: String, into target: inout Int, from minimum: Int = 0) throws(ClientError) {
        guard let text = values[key] else { return }
        guard let number = Int(text), (minimum...Int(Int32.max)).contains(number) else {
            throw refuse(key, "give a number from \(minimum) to \(Int32.max)")
        }
        target = number
    }

    func take(_ key: String, into target: inout Duration) throws(ClientError) {
        guard let text = values[key] else { return }
        guard let number = Int64(text), (0...Int64(Int32.max) * 1000).contains(number) else {
            throw refuse(key, "give milliseconds")
        }
        target = .milliseconds(number)
    }

    func take(_ key: String, into target: inout Bool) throws(ClientError) {
        switch values[key] {
        case nil: return
        case "true": target = true
        case "false": target = false
        default: throw refuse(key, "give true or false")
        }
    }
}

extension NetworkSettings {
    /// Takes what it knows from client properties under Kafka's names.
    ///
    /// - Throws: `invalidSetting` for a value that is out of range, or that this client has not.
    public mutating func apply(_ properties: [String: String]) throws(ClientError) {
        let given = ClientProperties(values: properties)
        if let text = properties["bootstrap.servers"] { bootstrap = try BrokerAddress.list(text) }
        if let text = properties["client.id"], !text.isEmpty { clientID = text }
        try applySecurity(properties)
        try given.take("request.timeout.ms", into: &requestTimeout)
        try given.take("socket.connection.setup.timeout.ms", into: &connectTimeout)
        try given.take("reconnect.backoff.ms", into: &reconnectBackoff)
        try given.take("reconnect.backoff.max.ms", into: &reconnectBackoffMax)
        try given.take("retry.backoff.ms", into: &retryBackoff)
        try given.take("retry.backoff.max.ms", into: &retryBackoffMax)
        try given.take("metadata.max.age.ms", into: &metadataMaxAge)
        try given.take("allow.auto.create.topics", into: &createsTopics)
        try given.take("max.in.flight.requests.per.connection", into: &maxInFlight, from: 1)
        try given.take("enable.metrics.push", into: &pushesMetrics)
        try given.take("metadata.recovery.rebootstrap.trigger.ms", into: &rebootstrapTrigger)
        switch properties["metadata.recovery.strategy"]?.lowercased() {
        case nil: break
        case "rebootstrap": rebootstraps = true
        case "none": rebootstraps = false
        default: throw given.refuse("metadata.recovery.strategy", "give rebootstrap or none")
        }
    }
}

extension ProducerSettings {
    /// Takes what it knows from producer properties under Kafka's names. With `acks` other than
    /// all, and nothing said of it, idempotence is off, as in Kafka.
    ///
    /// - Throws: `invalidSetting`.
    public mutating func apply(_ properties: [String: String]) throws(ClientError) {
        let given = ClientProperties(values: properties)
        try network.apply(properties)
        if let text = properties["acks"] {
            switch text {
            case "all", "-1": acks = .all
            case "1": acks = .leader
            case "0": acks = .none
            default: throw given.refuse("acks", "give all, 1 or 0")
            }
            isIdempotent = isIdempotent && acks == .all
        }
        try given.take("enable.idempotence", into: &isIdempotent)
        try given.take("batch.size", into: &batchSize)
        try given.take("linger.ms", into: &linger)
        try given.take("buffer.memory", into: &bufferMemory, from: 1)
        try given.take("max.request.size", into: &maxRequestSize, from: 1)
        try given.take("max.block.ms", into: &maxBlock)
        try given.take("delivery.timeout.ms", into: &deliveryTimeout)
        try given.take("retries", into: &retries)
        try given.take("transaction.timeout.ms", into: &transactionTimeout)
        if let text = properties["transactional.id"] { transactionalID = text }
        if let name = properties["compression.type"] {
            guard let type = CompressionType(name: name) else {
                throw given.refuse("compression.type", "give none, gzip, snappy, lz4 or zstd")
            }
            compression = type
        }
        let levelKey = "compression.\(compression.name).level"
        if let text = properties[levelKey] {
            guard let level = Int(text) else { throw given.refuse(levelKey, "give a number") }
            compressionLevel = level
        }
        if let name = properties["partitioner"] {
            guard let kind = Partitioning(rawValue: name) else {
                throw given.refuse("partitioner", "give murmur2_random or consistent_random")
            }
            partitioning = kind
        }
    }
}
