import KafkaProtocol

/// The dynamic configs of all resources, as they were set: not validated again, not defaulted.
public struct ConfigsImage: Equatable, Sendable {
    private var byResource = ShardedMap<ConfigResource, [String: String]>()

    /// No configs.
    init() {}

    /// The configs of a resource by key; empty when it has none.
    public subscript(resource: ConfigResource) -> [String: String] {
        byResource[resource] ?? [:]
    }

    /// All resources that have configs, sorted. Costs a sort.
    public var resources: [ConfigResource] { byResource.sortedKeys }

    mutating func apply(_ record: ConfigRecord) {
        let resource = ConfigResource(
            ConfigResourceType(rawValue: record.resourceType), record.resourceName)
        let left = byResource.update(resource) { configs in
            configs[record.name] = record.value
            return configs.count
        }
        if left == 0 {
            byResource[resource] = nil
        } else if left == nil, let value = record.value {
            byResource[resource] = [record.name: value]
        }
    }

    /// Drops all configs of a resource.
    ///
    /// - Returns: whether it had any.
    mutating func remove(_ resource: ConfigResource) -> Bool {
        defer { byResource[resource] = nil }
        return byResource[resource] != nil
    }

    /// The records that set all configs again, sorted by resource and key.
    var records: [ConfigRecord] {
        resources.flatMap { resource in
            self[resource].sorted { $0.key < $1.key }.map { key, value in
                var record = ConfigRecord()
                record.resourceType = resource.type.rawValue
                record.resourceName = resource.name
                record.name = key
                record.value = value
                return record
            }
        }
    }
}
