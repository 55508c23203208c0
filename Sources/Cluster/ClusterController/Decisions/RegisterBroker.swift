import KafkaProtocol
import KafkaWire

extension Controller {
    /// Decides over a broker that registers: a new process, or one that amends its registration.
    ///
    /// A new process takes its earlier self out of every ISR first, and out of the eligible leaders
    /// when it did not stop cleanly (KIP-966). The registration is the last record, fenced until
    /// the broker's heartbeats ask otherwise.
    ///
    /// - Parameters:
    ///   - newEpoch: the offset at which the first record will be appended: the broker's epoch.
    ///   - hasValidSession: whether another process with this id was heard of lately.
    /// - Returns: an answer with INCONSISTENT_CLUSTER_ID, DUPLICATE_BROKER_REGISTRATION,
    ///   INVALID_REGISTRATION, UNSUPPORTED_VERSION or BROKER_ID_NOT_REGISTERED when refused.
    public func registerBroker(
        _ request: BrokerRegistrationRequest, context: DecisionContext, newEpoch: Int64,
        hasValidSession: Bool = false
    ) -> Decision<BrokerRegistrationResponse> {
        var decision = Decision(BrokerRegistrationResponse(), isAtomic: false)
        do throws(DecisionFailure) {
            let existing = image.brokers[request.brokerID]
            if hasValidSession, let existing, existing.incarnationID != request.incarnationID {
                sometimes(.registrationTooEarly)
                throw .init(
                    .duplicateBrokerRegistration,
                    "Another broker is registered with that broker id.")
            }
            try validateRegistration(request)
            var record = registration(of: request)
            if let existing, existing.incarnationID == request.incarnationID {
                record.fenced = existing.isFenced
                record.inControlledShutdown = existing.inControlledShutdown
                record.brokerEpoch = existing.epoch
            } else {
                record.brokerEpoch = newEpoch
                // Brokers that do not say where they stopped cannot have stopped cleanly.
                let isClean =
                    context.requestVersion >= 3
                    && existing?.hasAllSince(request.previousBrokerEpoch) == true
                sometimes(
                    .registrationUnheard,
                    when: isClean && existing?.epoch != request.previousBrokerEpoch)
                decision.records += recordsOfShutdown(request.brokerID, isClean: isClean)
            }
            decision.records.append(.registerBrokerRecord(record))
            decision.response.brokerEpoch = record.brokerEpoch
        } catch {
            decision.response.errorCode = error.error.rawValue
        }
        return decision
    }

    private func recordsOfShutdown(_ broker: Int32, isClean: Bool) -> [MetadataRecord] {
        if image.features.keepsEligibleLeaders, !isClean {
            sometimes(.uncleanRestart)
            return partitionChanges(after: .lostUnflushedData(broker))
        }
        sometimes(.cleanRestart)
        return partitionChanges(after: .left(broker))
    }

    private func registration(of request: BrokerRegistrationRequest) -> RegisterBrokerRecord {
        var record = RegisterBrokerRecord()
        record.brokerID = request.brokerID
        record.incarnationID = request.incarnationID
        record.rack = request.rack
        record.endPoints = request.listeners.map {
            .init(
                name: $0.name, host: $0.host, port: $0.port,
                securityProtocol: $0.securityProtocol)
        }
        record.features = request.features.map {
            .init(
                name: $0.name, minSupportedVersion: $0.minSupportedVersion,
                maxSupportedVersion: $0.maxSupportedVersion)
        }
        if image.metadataVersion.supportsDirectories { record.logDirs = request.logDirs }
        return record
    }
}

extension Controller {
    private func validateRegistration(
        _ request: BrokerRegistrationRequest
    ) throws(DecisionFailure) {
        if request.clusterID != settings.clusterID {
            throw .init(
                .inconsistentClusterID,
                "Expected cluster ID \(settings.clusterID), but got cluster ID "
                    + request.clusterID)
        }
        if request.isMigratingZkBroker {
            throw .init(
                .brokerIDNotRegistered,
                "Controller does not support registering ZK brokers.")
        }
        for listener in request.listeners where !(0...3).contains(listener.securityProtocol) {
            throw .init(
                .invalidRegistration,
                "Unknown security protocol \(listener.securityProtocol) in listener "
                    + listener.name)
        }
        if image.metadataVersion.supportsDirectories { try validateDirectories(of: request) }
        try validateFeatures(of: request)
    }

    private func validateDirectories(
        of request: BrokerRegistrationRequest
    ) throws(DecisionFailure) {
        if request.logDirs.isEmpty {
            throw .init(.invalidRegistration, "No directories specified in request")
        }
        if request.logDirs.contains(where: DirectoryID.isReserved) {
            throw .init(.invalidRegistration, "Reserved directory ID in request")
        }
        if Set(request.logDirs).count != request.logDirs.count {
            throw .init(.invalidRegistration, "Duplicate directory ID in request")
        }
        for broker in image.sortedBrokers where broker.id != request.brokerID {
            if let shared = broker.logDirs.first(where: request.logDirs.contains) {
                throw .init(
                    .invalidRegistration,
                    "Broker \(broker.id) is already registered with directory \(shared)")
            }
        }
    }

    private func validateFeatures(
        of request: BrokerRegistrationRequest
    ) throws(DecisionFailure) {
        var ranges: [String: VersionRange] = [:]
        for feature in request.features {
            ranges[feature.name] = VersionRange(
                feature.minSupportedVersion, feature.maxSupportedVersion)
        }
        guard ranges[MetadataVersion.featureName] != nil else {
            throw .init(
                .invalidRegistration,
                "Request features do not contain '\(MetadataVersion.featureName)'")
        }
        let agreed =
            image.features.finalized + [(Feature.kraft.rawValue, settings.kraftVersion)]
        for (name, level) in agreed {
            let range = ranges[name] ?? .disabled
            if range.contains(level) { continue }
            throw .init(
                .unsupportedVersion,
                "Unable to register because the broker does not support finalized version "
                    + "\(level) of \(name). The broker wants a version between \(range.min) and "
                    + "\(range.max), inclusive.")
        }
    }
}
