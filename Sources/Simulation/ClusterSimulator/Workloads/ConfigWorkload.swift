import KafkaProtocol
import KafkaWire

/// Changes of configs, of a topic and of all brokers, while clients are at work; in the end every
/// broker tells the value that was acknowledged last.
final class ConfigWorkload {
    private struct Key: Hashable, Comparable {
        var isTopic: Bool
        var name: String
        static func < (a: Key, b: Key) -> Bool {
            (a.isTopic ? 1 : 0, a.name) < (b.isTopic ? 1 : 0, b.name)
        }
        /// Kafka's number of the kind of resource, and the resource.
        var resource: (type: Int8, name: String) { isTopic ? (2, "log") : (4, "") }
    }
    private let world: SimulatedWorld
    private let client: SimulatedClient
    /// What the last acknowledged change has set; the other values may have been set since.
    private var acknowledged: [Key: String] = [:]
    private var late: [Key: Set<String>] = [:]
    private(set) var isChecked = false

    /// Values that change how the log is kept, and nothing of what is promised.
    private static let choices: [(isTopic: Bool, name: String, values: [String])] = [
        (true, "index.interval.bytes", ["1", "256", "4096"]),
        (true, "flush.messages", ["1", "10000"]),
        (true, "compression.type", ["producer", "gzip", "lz4", "zstd", "snappy", "uncompressed"]),
        (true, "message.timestamp.type", ["CreateTime", "LogAppendTime"]),
        (true, "segment.ms", ["2000", "604800000"]),
        (true, "internal.segment.bytes", ["2048", "16384", "1048576"]),
        (true, "max.message.bytes", ["100000", "1048588"]),
        (false, "message.max.bytes", ["500000", "1048588"]),
        (false, "log.retention.ms", ["86400000", "604800000"]),
        (false, "log.cleaner.io.max.bytes.per.second", ["100000", "10000000"]),
    ]

    init(_ world: SimulatedWorld) {
        self.world = world
        client = SimulatedClient(world, "configs")
    }

    func start() { world.operating(world.options.changes.configMs) { [self] in change() } }

    private func change() {
        guard client.inFlight == 0, let choice = world.operators.pick(Self.choices),
            let value = world.operators.pick(choice.values)
        else { return }
        let key = Key(isTopic: choice.isTopic, name: choice.name)
        let request = IncrementalAlterConfigsRequest(
            resources: [
                .init(
                    resourceType: key.resource.type, resourceName: key.resource.name,
                    configs: [.init(name: key.name, configOperation: 0, value: value)])
            ])
        client.call(request, version: 1) { [self] answer in
            let result = answer?.message.responses.first
            let error = result.flatMap { KafkaError(rawValue: $0.errorCode) }
            world.trace.note(
                world.scheduler.now, "\(key.name) = \(value): \(error?.name ?? "-")")
            switch error {
            case KafkaError.none?:
                world.history.countOperation()
                acknowledged[key] = value
            case .invalidConfig?, .invalidRequest?:
                world.violation("\(key.name) = \(value): \(result?.errorMessage ?? "")")
            default: late[key, default: []].insert(value)
            }
        }
    }

    // MARK: In the end

    var obstacle: String? { client.inFlight > 0 ? "a change of configs is not answered" : nil }

    /// Asks a broker for what was acknowledged.
    func check() {
        let keys = acknowledged.keys.sorted()
        let brokers = world.options.topology.brokers
        guard !keys.isEmpty, let broker = world.operators.pick(brokers) else {
            return isChecked = true
        }
        let resources = [(Int8(2), "log"), (4, "\(broker)")].map { type, name in
            DescribeConfigsRequest.DescribeConfigsResource(
                resourceType: type, resourceName: name, configurationKeys: nil)
        }
        let request = DescribeConfigsRequest(resources: resources)
        client.call(request, version: 4, to: .node(broker)) { [self] answer in
            guard let results = answer?.message.results, results.allSatisfy({ $0.errorCode == 0 })
            else {
                world.scheduler.after(200_000_000) { [self] in check() }
                return
            }
            for key in keys { compare(key, results, on: broker) }
            isChecked = true
        }
    }

    private func compare(
        _ key: Key, _ results: [DescribeConfigsResponse.DescribeConfigsResult], on broker: Int32
    ) {
        let configs = results.first { $0.resourceType == key.resource.type }?.configs ?? []
        let value = configs.first { $0.name == key.name }?.value ?? "nothing"
        guard acknowledged[key] != value, late[key]?.contains(value) != true else { return }
        world.violation(
            "\(key.name) is \(value) on \(broker), \(acknowledged[key] ?? "") was acknowledged")
    }
}
