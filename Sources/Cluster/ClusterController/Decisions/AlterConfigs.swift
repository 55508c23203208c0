import KafkaProtocol

/// One change of one config key.
struct ConfigChange: Equatable {
    /// The numbers of KIP-339.
    enum Operation: Int8 {
        case set = 0
        case delete = 1
        case append = 2
        case subtract = 3
    }

    var key: String
    var operation: Operation
    /// `nil` for `delete`.
    var value: String?
}

extension Controller {
    /// Decides over configs that replace all that a resource has (the legacy AlterConfigs).
    ///
    /// Each resource is changed whole or refused: INVALID_REQUEST (a resource or key twice, a null
    /// value, an unknown type or a malformed name), INVALID_CONFIG, UNKNOWN_TOPIC_OR_PARTITION,
    /// BROKER_ID_NOT_REGISTERED.
    public func alterConfigs(_ request: AlterConfigsRequest) -> Decision<AlterConfigsResponse> {
        var decision = Decision(AlterConfigsResponse())
        let resources = request.resources.map { Self.resource($0.resourceType, $0.resourceName) }
        for (resource, wanted) in zip(resources, request.resources) {
            var result = AlterConfigsResponse.AlterConfigsResourceResponse()
            result.errorMessage = nil
            result.resourceType = wanted.resourceType
            result.resourceName = wanted.resourceName
            do throws(DecisionFailure) {
                try Self.checkOnce(resource, in: resources)
                let changes = wanted.configs.map {
                    ConfigChange(key: $0.name, operation: .set, value: $0.value)
                }
                decision.records += try records(of: changes, to: resource, replacing: true)
            } catch {
                result.errorCode = error.error.rawValue
                result.errorMessage = error.message ?? error.error.message
            }
            decision.response.responses.append(result)
        }
        decision.records = request.validateOnly ? [] : withClearedELR(decision.records)
        return decision
    }

    /// Decides over single config keys to set, delete, append to or subtract from (KIP-339).
    ///
    /// Refusals as for `alterConfigs`; INVALID_CONFIG also for appending to what is not a list.
    public func incrementalAlterConfigs(
        _ request: IncrementalAlterConfigsRequest
    ) -> Decision<IncrementalAlterConfigsResponse> {
        var decision = Decision(IncrementalAlterConfigsResponse())
        let resources = request.resources.map { Self.resource($0.resourceType, $0.resourceName) }
        for (resource, wanted) in zip(resources, request.resources) {
            var result = IncrementalAlterConfigsResponse.AlterConfigsResourceResponse()
            result.errorMessage = nil
            result.resourceType = wanted.resourceType
            result.resourceName = wanted.resourceName
            do throws(DecisionFailure) {
                try Self.checkOnce(resource, in: resources)
                decision.records += try records(
                    of: try Self.changes(wanted), to: resource, replacing: false)
            } catch {
                result.errorCode = error.error.rawValue
                result.errorMessage = error.message ?? error.error.message
            }
            decision.response.responses.append(result)
        }
        decision.records = request.validateOnly ? [] : withClearedELR(decision.records)
        return decision
    }

    private static func changes(
        _ wanted: IncrementalAlterConfigsRequest.AlterConfigsResource
    ) throws(DecisionFailure) -> [ConfigChange] {
        var changes: [ConfigChange] = []
        for config in wanted.configs {
            guard let operation = ConfigChange.Operation(rawValue: config.configOperation) else {
                throw .init(
                    .invalidRequest, "Unknown operations type \(config.configOperation)")
            }
            let value = operation == .delete ? nil : config.value
            changes.append(ConfigChange(key: config.name, operation: operation, value: value))
        }
        return changes
    }

    private static func resource(_ type: Int8, _ name: String) -> ConfigResource {
        ConfigResource(ConfigResourceType(rawValue: type), name)
    }

    private static func checkOnce(
        _ resource: ConfigResource, in resources: [ConfigResource]
    ) throws(DecisionFailure) {
        if resources.count(where: { $0 == resource }) > 1 {
            throw .init(.invalidRequest, "Each resource must appear at most once.")
        }
    }
}

extension Controller {
    /// The records of the changes to one resource, after all checks.
    private func records(
        of changes: [ConfigChange], to resource: ConfigResource, replacing: Bool
    ) throws(DecisionFailure) -> [MetadataRecord] {
        try Self.check(changes)
        try checkResource(resource)
        let current = image.configs[resource]
        var next = replacing ? [:] : current
        var records: [ConfigRecord] = []
        for change in changes {
            let old = replacing ? nil : current[change.key]
            let value = try Self.value(after: change, from: old, of: resource)
            next[change.key] = value
            // Brokers re-read files that a config names, even when the config is what it was.
            if current[change.key] != value || resource.type == .broker {
                records.append(ConfigRecord(resource, change.key, value))
            }
        }
        if replacing {
            records += current.keys.filter { next[$0] == nil }.sorted().map {
                ConfigRecord(resource, $0, nil)
            }
        }
        for record in records { try checkRecord(record, on: resource) }
        try validate(next, of: resource)
        return records.map { .configRecord($0) }
    }

    private static func check(_ changes: [ConfigChange]) throws(DecisionFailure) {
        if Set(changes.map(\.key)).count != changes.count {
            throw .init(.invalidRequest, "Error due to duplicate config keys")
        }
        let nulls = changes.filter { $0.operation != .delete && $0.value == nil }.map(\.key)
        if !nulls.isEmpty {
            throw .init(
                .invalidRequest,
                "Null value not supported for : \(nulls.joined(separator: ", "))")
        }
    }

    private static func value(
        after change: ConfigChange, from old: String?, of resource: ConfigResource
    ) throws(DecisionFailure) -> String? {
        switch change.operation {
        case .set: return change.value
        case .delete: return nil
        case .append, .subtract:
            let isAppend = change.operation == .append
            guard ConfigSchema.isList(change.key, of: resource.type) else {
                throw .init(
                    .invalidConfig,
                    "Can't \(isAppend ? "APPEND" : "SUBTRACT") to key \(change.key) because its "
                        + "type is not LIST.")
            }
            let start = old ?? ConfigSchema.defaultValue(of: change.key, for: resource.type)
            var items = (start ?? "").split(separator: ",").map(String.init)
            let given = (change.value ?? "").split(separator: ",").map(String.init)
            for item in given {
                if !isAppend {
                    items.removeAll { $0 == item }
                } else if !items.contains(item) {
                    items.append(item)
                }
            }
            return items.joined(separator: ",")
        }
    }

    /// Whether the resource has a type and a name that can have configs, and exists.
    private func checkResource(_ resource: ConfigResource) throws(DecisionFailure) {
        let name = resource.name
        switch resource.type {
        case .topic:
            if name.isEmpty {
                throw .init(
                    .invalidRequest, "Default topic resources are not allowed.")
            }
            if let flaw = TopicName.flaw(of: name) { throw .init(.invalidTopicException, flaw) }
            if image.topics.id(of: name) == nil {
                throw .init(
                    .unknownTopicOrPartition, "The topic '\(name)' does not exist.")
            }
        case .broker: try checkBroker(name)
        case .group:
            if name.isEmpty {
                throw .init(
                    .invalidRequest, "Default group resources are not allowed.")
            }
        case .clientMetrics:
            if name.isEmpty {
                throw .init(.invalidRequest, "Subscription name can't be empty")
            }
        case .brokerLogger:
            throw .init(
                .invalidRequest,
                "This node keeps no log levels that can be changed at run time.")
        default:
            throw .init(
                .invalidRequest, "Unknown resource type \(resource.type.rawValue)")
        }
    }

    private func checkBroker(_ name: String) throws(DecisionFailure) {
        if name.isEmpty { return }
        guard let id = Int32(name) else {
            throw .init(
                .invalidRequest, "Unable to parse broker name as a base 10 number.")
        }
        if id < 0 { throw .init(.invalidRequest, "Invalid negative broker ID.") }
        let isKnown =
            image.brokers[id] != nil || image.controllers[id] != nil
            || settings.quorumNodeIDs.contains(id)
        if !isKnown {
            throw .init(.brokerIDNotRegistered, "No node with id \(id) found.")
        }
    }
}

extension Controller {
    /// Longest value of a config, in UTF-16 units.
    static let maxConfigValueLength = Int(Int16.max)

    private func checkRecord(
        _ record: ConfigRecord, on resource: ConfigResource
    ) throws(DecisionFailure) {
        if let value = record.value, value.utf16.count > Self.maxConfigValueLength {
            throw .init(
                .invalidConfig,
                "The configuration value cannot be added because it exceeds the maximum value "
                    + "size of \(Self.maxConfigValueLength) bytes.")
        }
        guard resource.type == .broker else { return }
        if record.name == "min.insync.replicas", image.features.keepsEligibleLeaders {
            if !resource.name.isEmpty {
                throw .init(
                    .invalidConfig,
                    "Broker-level min.insync.replicas cannot be altered while ELR is enabled.")
            }
            if record.value == nil {
                throw .init(
                    .invalidConfig,
                    "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.")
            }
        }
        if record.name == "cordoned.log.dirs", !image.metadataVersion.supportsCordonedDirectories {
            throw .init(
                .invalidConfig,
                "The cordoned.log.dirs configuration value cannot be set because it requires "
                    + "metadata.version >= 4.3-IV0")
        }
    }

    /// A new minimum of in-sync replicas voids the eligible leaders that the old one gave.
    private func withClearedELR(_ records: [MetadataRecord]) -> [MetadataRecord] {
        guard image.features.keepsEligibleLeaders else { return records }
        var cleared: [MetadataRecord] = []
        for case .configRecord(let record) in records where record.name == "min.insync.replicas" {
            let isTopic = record.resourceType == ConfigResourceType.topic.rawValue
            cleared.append(
                .clearElrRecord(ClearElrRecord(topicName: isTopic ? record.resourceName : "")))
        }
        return records + cleared
    }

    /// The configs of a topic to be created, checked, in order of their keys.
    func creationConfigs(
        of topic: CreateTopicsRequest.CreatableTopic
    ) throws(DecisionFailure) -> [ConfigRecord] {
        let nulls = topic.configs.filter { $0.value == nil }.map(\.name)
        if !nulls.isEmpty {
            throw .init(
                .invalidConfig,
                "Null value not supported for topic configs: \(nulls.joined(separator: ","))")
        }
        let resource = ConfigResource.topic(topic.name)
        var configs: [String: String] = [:]
        for config in topic.configs { configs[config.name] = config.value }
        var records: [ConfigRecord] = []
        for (key, value) in configs.sorted(by: { $0.key < $1.key }) {
            let record = ConfigRecord(resource, key, value)
            try checkRecord(record, on: resource)
            records.append(record)
        }
        try validate(configs, of: resource)
        return records
    }
}
