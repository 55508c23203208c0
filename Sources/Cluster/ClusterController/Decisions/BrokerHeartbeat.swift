import KafkaProtocol
import KafkaWire

/// What a heartbeat makes of a broker.
private enum BrokerState {
    case fenced, unfenced, controlledShutdown, shutdownNow
}

extension Controller {
    /// Decides over a broker's heartbeat: unfences it once it has applied its own registration and
    /// wants to serve, fences it when it asks, takes it out of ISRs when it wants to stop, and
    /// notes directories that failed or were cordoned.
    ///
    /// The caller notes the sign of life in `sessions` (`touch`), the directories that have failed
    /// (`noteFailed`), and the end offset of the records when the broker is in controlled shutdown
    /// (`noteShutdown`).
    ///
    /// - Returns: an answer with STALE_BROKER_EPOCH for another incarnation's heartbeat.
    public func heartbeat(
        _ request: BrokerHeartbeatRequest, sessions: BrokerSessions
    ) -> Decision<BrokerHeartbeatResponse> {
        var decision = Decision(BrokerHeartbeatResponse(), isAtomic: false)
        guard let broker = image.brokers[request.brokerID], broker.epoch == request.brokerEpoch
        else {
            sometimes(.staleHeartbeat)
            decision.response.errorCode = KafkaError.staleBrokerEpoch.rawValue
            return decision
        }
        let (current, next) = states(of: broker, request, sessions)
        if current != next {
            switch next {
            case .fenced, .shutdownNow: decision.records += fencing(of: broker)
            case .unfenced: decision.records += unfencing(of: broker)
            case .controlledShutdown: decision.records += stopping(of: broker)
            }
        }
        decision.records += directoryChanges(of: broker, request)
        decision.response.isCaughtUp = request.currentMetadataOffset >= broker.epoch
        decision.response.isFenced = next == .fenced || next == .shutdownNow
        decision.response.shouldShutDown = next == .shutdownNow
        return decision
    }

    /// Decides to fence a broker that was not heard of for too long; nothing for an unknown one.
    public func fenceBroker(_ id: Int32) -> Decision<Void> {
        guard let broker = image.brokers[id], !broker.isFenced else { return Decision(()) }
        return Decision((), records: fencing(of: broker), isAtomic: false)
    }

    private func states(
        of broker: BrokerRegistration, _ request: BrokerHeartbeatRequest,
        _ sessions: BrokerSessions
    ) -> (current: BrokerState, next: BrokerState) {
        if broker.isFenced {
            if request.wantShutDown { return (.fenced, .shutdownNow) }
            // The epoch is the offset of the registration.
            let isCaughtUp = request.currentMetadataOffset >= broker.epoch
            return (.fenced, !request.wantFence && isCaughtUp ? .unfenced : .fenced)
        }
        if broker.inControlledShutdown {
            let others = image.sortedBrokers.filter { $0.isActive && $0.id != broker.id }
            let mayGo =
                !leadsAny(broker.id) && sessions.mayStop(broker.id, active: others.map(\.id))
            return (.controlledShutdown, mayGo ? .shutdownNow : .controlledShutdown)
        }
        if request.wantFence {
            return (.unfenced, request.wantShutDown ? .shutdownNow : .fenced)
        }
        if request.wantShutDown {
            return (.unfenced, leadsAny(broker.id) ? .controlledShutdown : .shutdownNow)
        }
        return (.unfenced, .unfenced)
    }

    /// Looks at every partition, in the worst case.
    private func leadsAny(_ broker: Int32) -> Bool {
        image.topics.unordered.contains { topic in
            topic.partitions.contains { $0.leader == broker }
        }
    }
}

extension Controller {
    private func registrationChange(
        of broker: BrokerRegistration
    ) -> BrokerRegistrationChangeRecord {
        var record = BrokerRegistrationChangeRecord()
        record.brokerID = broker.id
        record.brokerEpoch = broker.epoch
        return record
    }

    private func fencing(of broker: BrokerRegistration) -> [MetadataRecord] {
        var change = registrationChange(of: broker)
        sometimes(.brokerFenced)
        change.fenced = 1
        return partitionChanges(after: .left(broker.id))
            + [.brokerRegistrationChangeRecord(change)]
    }

    private func unfencing(of broker: BrokerRegistration) -> [MetadataRecord] {
        var change = registrationChange(of: broker)
        sometimes(.brokerUnfenced)
        change.fenced = -1
        return [.brokerRegistrationChangeRecord(change)]
            + partitionChanges(after: .returned(broker.id))
    }

    private func stopping(of broker: BrokerRegistration) -> [MetadataRecord] {
        var change = registrationChange(of: broker)
        sometimes(.brokerStopping)
        change.inControlledShutdown = 1
        return [.brokerRegistrationChangeRecord(change)]
            + partitionChanges(after: .left(broker.id))
    }

    private func directoryChanges(
        of broker: BrokerRegistration, _ request: BrokerHeartbeatRequest
    ) -> [MetadataRecord] {
        var records: [MetadataRecord] = []
        let failed = broker.logDirs.filter(request.offlineLogDirs.contains)
        if image.metadataVersion.supportsDirectories, !failed.isEmpty {
            sometimes(.directoryLost)
            records += partitionChanges(afterLossOf: Set(failed), on: broker.id)
            var change = registrationChange(of: broker)
            change.logDirs = broker.logDirs.filter { !failed.contains($0) }
            records.append(.brokerRegistrationChangeRecord(change))
        }
        if image.metadataVersion.supportsCordonedDirectories,
            let cordoned = request.cordonedLogDirs,
            broker.cordonedLogDirs.map({ Set($0) != Set(cordoned) }) ?? true
        {
            var change = registrationChange(of: broker)
            change.cordonedLogDirs = cordoned
            records.append(.brokerRegistrationChangeRecord(change))
        }
        return records
    }
}
