import KafkaRecords

/// How the console producer sends, with Kafka's names and defaults.
struct ProducerSettings: Equatable {
    var topic: String
    /// `acks`: -1 all in-sync replicas, 1 the leader, 0 nobody.
    var acks: Int16 = -1
    /// `batch.size`, bytes of records in one batch before compression.
    var batchBytes = 16 << 10
    /// `linger.ms`, how long a batch waits for more.
    var lingerMilliseconds = 1000
    /// `compression.type`.
    var compression = CompressionType.none
    /// `compression.<type>.level`; `nil`: the type's default.
    var compressionLevel: Int?
    /// `request.timeout.ms`, time for the broker to answer.
    var requestMilliseconds = 1500
    /// `retries`.
    var retries = 3
    /// `retry.backoff.ms`.
    var backoffMilliseconds = 100
    /// `buffer.memory`, bytes of records that wait for an answer.
    var memoryBytes = 32 << 20
    /// `max.block.ms`, how long to wait for the topic.
    var blockMilliseconds = 3000
    /// `enable.idempotence`: retries make no duplicates. Needs acks=-1.
    var isIdempotent = true
    /// `max.in.flight.requests.per.connection`.
    var inFlight = 5
    /// Wait for the answer to each record before reading the next.
    var isSynchronous = false
}

extension ProducerSettings {
    /// Options of the tool, with the property of Kafka's producer that each sets.
    private static let mergedOptions = [
        ("--timeout", "linger.ms"), ("--request-required-acks", "acks"),
        ("--request-timeout-ms", "request.timeout.ms"), ("--message-send-max-retries", "retries"),
        ("--retry-backoff-ms", "retry.backoff.ms"), ("--max-memory-bytes", "buffer.memory"),
        ("--batch-size", "batch.size"), ("--max-partition-memory-bytes", "batch.size"),
        ("--max-block-ms", "max.block.ms"),
    ]

    /// Settings by the options and, where these say nothing, by properties.
    init(_ options: ParsedOptions, _ properties: [String: String]) throws(Failure) {
        self.init(topic: try options.required("--topic"))
        var properties = properties
        for (option, key) in Self.mergedOptions where options.has(option) {
            properties[key] = options.value(option)
        }
        func number(_ key: String, _ range: ClosedRange<Int>, _ value: inout Int) throws(Failure) {
            guard let text = properties[key] else { return }
            guard let number = Int(text), range.contains(number) else {
                throw Failure(
                    "\(key)=\(text) is no number from \(range.lowerBound) to \(range.upperBound).")
            }
            value = number
        }
        let most = Int(Int32.max)
        try number("linger.ms", 0...most, &lingerMilliseconds)
        try number("request.timeout.ms", 1...most, &requestMilliseconds)
        try number("retries", 0...most, &retries)
        try number("retry.backoff.ms", 0...most, &backoffMilliseconds)
        try number("buffer.memory", 1...Int.max, &memoryBytes)
        try number("batch.size", 0...most, &batchBytes)
        try number("max.block.ms", 0...most, &blockMilliseconds)
        try number("max.in.flight.requests.per.connection", 1...5, &inFlight)
        try setAcks(properties)
        try setCompression(options, properties)
        isSynchronous = options.has("--sync")
        guard properties["transactional.id"] == nil else {
            throw Failure(
                "This tool sends without transactions: transactional.id cannot be set.",
                remedy: "Kafka's console producer cannot begin a transaction either.")
        }
    }

    private mutating func setAcks(_ properties: [String: String]) throws(Failure) {
        switch properties["acks"] ?? "-1" {
        case "-1", "all": acks = -1
        case "0": acks = 0
        case "1": acks = 1
        case let text: throw Failure("acks=\(text) is none of -1 (all), 0 and 1.")
        }
        let wanted = properties["enable.idempotence"]?.lowercased()
        guard wanted != "true" || acks == -1 else {
            throw Failure("enable.idempotence=true needs acks=-1 (all).")
        }
        isIdempotent = acks == -1 && wanted != "false"
    }

    private mutating func setCompression(
        _ options: ParsedOptions, _ properties: [String: String]
    ) throws(Failure) {
        // The option decides even when it is not given, as in Kafka's tool.
        var name = "none"
        if options.has("--compression-codec") {
            name = options.value("--compression-codec") ?? ""
            if name.isEmpty { name = "gzip" }
        }
        guard let type = CompressionType(name: name) else {
            throw Failure(
                "'\(name)' is no compression codec.",
                remedy: "Use none, gzip, snappy, lz4 or zstd.")
        }
        compression = type
        guard let text = properties["compression.\(name).level"] else { return }
        guard let level = Int(text), type.accepts(level: level) else {
            throw Failure("compression.\(name).level=\(text) is out of range.")
        }
        compressionLevel = level
    }
}
