import KafkaProtocol
import KafkaWire

/// How a feature's level may move; the numbers are the protocol's.
private enum UpgradeType: Int8 {
    case upgrade = 1
    case safeDowngrade = 2
    case unsafeDowngrade = 3
}

extension Controller {
    /// Decides over new feature levels: all of them or none (KIP-584, KIP-778).
    ///
    /// A dry run (`validateOnly`) checks and changes nothing. Turning eligible leader replicas on
    /// also gives the cluster one `min.insync.replicas` and takes it from single brokers.
    ///
    /// - Parameter kraftObstacle: why the quorum cannot raise `kraft.version`; it does so itself.
    /// - Returns: an answer with INVALID_UPDATE_VERSION and the first feature's flaw when refused.
    public func updateFeatures(
        _ request: UpdateFeaturesRequest, context: DecisionContext, kraftObstacle: String? = nil
    ) -> Decision<UpdateFeaturesResponse> {
        var decision = Decision(UpdateFeaturesResponse())
        do throws(DecisionFailure) {
            for update in request.featureUpdates {
                decision.records += try records(
                    for: update, among: request.featureUpdates, kraftObstacle)
            }
        } catch {
            decision.records = []
            decision.response.errorCode = error.error.rawValue
            decision.response.errorMessage =
                "The update failed for all features since the following feature had an error: "
                + (error.message ?? error.error.message)
            return decision
        }
        decision.response.errorMessage = nil
        if context.requestVersion <= 1 {
            decision.response.results = request.featureUpdates.map {
                .init(feature: $0.feature, errorMessage: nil)
            }
        }
        if request.validateOnly { decision.records = [] }
        return decision
    }

    private func records(
        for update: UpdateFeaturesRequest.FeatureUpdateKey,
        among updates: [UpdateFeaturesRequest.FeatureUpdateKey], _ kraftObstacle: String?
    ) throws(DecisionFailure) -> [MetadataRecord] {
        let name = update.feature
        let level = update.maxVersionLevel
        let current = currentLevel(of: name)
        let type = try checkDirection(of: update, from: current)
        if name == MetadataVersion.featureName {
            try checkMetadataVersion(level, type)
        } else if name == Feature.kraft.rawValue {
            if level < current {
                throw Self.invalid(name, level, "Can't downgrade the version of this feature.")
            }
            if let kraftObstacle { throw Self.invalid(name, level, kraftObstacle) }
            return []
        } else {
            try checkDependencies(of: name, level, among: updates)
        }
        var records: [MetadataRecord] = []
        if name == Feature.eligibleLeaderReplicas.rawValue, level > 0 {
            records += minISRRecords
        }
        records.append(
            .featureLevelRecord(FeatureLevelRecord(name: name, featureLevel: level)))
        return records
    }

    private func currentLevel(of name: String) -> Int16 {
        switch name {
        case MetadataVersion.featureName: image.metadataVersion.rawValue
        case Feature.kraft.rawValue: settings.kraftVersion
        default: image.features.levels[name] ?? 0
        }
    }

    private static func invalid(
        _ feature: String, _ level: Int16, _ message: String
    ) -> DecisionFailure {
        DecisionFailure(
            .invalidUpdateVersion,
            "Invalid update version \(level) for feature \(feature). \(message)")
    }
}

extension Controller {
    private func checkDirection(
        of update: UpdateFeaturesRequest.FeatureUpdateKey, from current: Int16
    ) throws(DecisionFailure) -> UpgradeType {
        let name = update.feature
        let level = update.maxVersionLevel
        guard var type = UpgradeType(rawValue: update.upgradeType) else {
            throw Self.invalid(
                name, level, "The controller does not support the given upgrade type.")
        }
        // Version 0 of the request had a flag in place of the type.
        if update.allowDowngrade, type == .upgrade { type = .safeDowngrade }
        if level < 0 {
            throw Self.invalid(name, level, "A feature version cannot be less than 0.")
        }
        if let reason = reasonNotSupported(name, level) {
            throw Self.invalid(name, level, reason)
        }
        if level < current, type == .upgrade {
            throw Self.invalid(
                name, level,
                "Can't downgrade the version of this feature without setting the upgrade type to "
                    + "either safe or unsafe downgrade.")
        }
        if level > current, type != .upgrade {
            throw Self.invalid(name, level, "Can't downgrade to a newer version.")
        }
        return type
    }

    /// Which node cannot run with `level`; `nil` when all can.
    private func reasonNotSupported(_ name: String, _ level: Int16) -> String? {
        func reason(_ who: String, _ range: VersionRange?) -> String? {
            let range = range ?? .disabled
            if range.contains(level) { return nil }
            return range.max == 0
                ? "\(who) does not support this feature."
                : "\(who) only supports versions \(range)"
        }
        let own = "Local controller \(settings.nodeID)"
        if let found = reason(own, settings.supportedFeatures[name]) { return found }
        for broker in image.sortedBrokers {
            if let found = reason("Broker \(broker.id)", broker.features[name]) { return found }
        }
        guard image.metadataVersion.supportsControllerRegistration else { return nil }
        for controller in image.sortedControllers where controller.id != settings.nodeID {
            let found = reason("Controller \(controller.id)", controller.features[name])
            if let found { return found }
        }
        for id in settings.quorumNodeIDs
        where id != settings.nodeID && image.controllers[id] == nil {
            return "controller \(id) has not registered, and may not support this feature"
        }
        return nil
    }

    private func checkMetadataVersion(
        _ level: Int16, _ type: UpgradeType
    ) throws(DecisionFailure) {
        guard let target = MetadataVersion(rawValue: level) else {
            throw .init(
                .invalidUpdateVersion,
                "Invalid metadata.version \(level). Valid versions are from "
                    + "\(MetadataVersion.minimum.rawValue) to \(MetadataVersion.latest.rawValue).")
        }
        let current = image.metadataVersion
        guard target < current, target.recordsDiffer(from: current) else { return }
        let reason =
            type == .unsafeDowngrade
            ? "Unsafe metadata downgrade is not supported in this version."
            : "Refusing to perform the requested downgrade because it might delete metadata "
                + "information."
        throw .init(
            .invalidUpdateVersion,
            "Unsupported metadata.version downgrade from \(current.rawValue) to \(level). "
                + reason)
    }

    private func checkDependencies(
        of name: String, _ level: Int16,
        among updates: [UpdateFeaturesRequest.FeatureUpdateKey]
    ) throws(DecisionFailure) {
        guard let feature = Feature(rawValue: name) else {
            throw Self.invalid(name, level, "Feature \(name) not found.")
        }
        let proposed = updates.first { $0.feature == MetadataVersion.featureName }
        let version =
            proposed.flatMap { MetadataVersion(rawValue: $0.maxVersionLevel) }
            ?? image.metadataVersion
        if let unmet = feature.unmetDependency(level: level, metadataVersion: version) {
            throw Self.invalid(name, level, unmet)
        }
    }

    /// With eligible leaders, every broker must agree on one minimum of in-sync replicas.
    private var minISRRecords: [MetadataRecord] {
        let key = "min.insync.replicas"
        var records: [MetadataRecord] = []
        if image.configs[.allBrokers][key] == nil {
            records.append(
                .configRecord(
                    ConfigRecord(.allBrokers, key, settings.staticConfigs[key] ?? "1")))
        }
        for resource in image.configs.resources
        where resource.type == .broker && resource != .allBrokers {
            if image.configs[resource][key] != nil {
                records.append(.configRecord(ConfigRecord(resource, key, nil)))
            }
        }
        return records
    }
}

extension ConfigRecord {
    /// Sets `key` of `resource` to `value`, or removes it.
    init(_ resource: ConfigResource, _ key: String, _ value: String?) {
        self.init()
        resourceType = resource.type.rawValue
        resourceName = resource.name
        name = key
        self.value = value
    }
}
