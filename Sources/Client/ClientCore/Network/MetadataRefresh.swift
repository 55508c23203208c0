import KafkaProtocol
import KafkaWire

/// When metadata is asked for, and about what.
struct MetadataRefresh {
    /// Topics that the client uses.
    private(set) var topics: Set<String> = []
    /// Whether all topics are asked for (subscription by pattern).
    var wantsAll = false
    private(set) var isRequested = true
    var isInFlight = false
    /// No request before this moment.
    private(set) var notBefore: ClientInstant?
    /// When what is known gets too old.
    private(set) var staleAt: ClientInstant?
    private var failures = 0
    /// Since when there has been none to be got, though it was wanted.
    private(set) var wantingSince: ClientInstant?

    /// Asks for metadata soon.
    mutating func request() { isRequested = true }
    /// Adds a topic to those that are asked for.
    mutating func add(_ topic: String) { if topics.insert(topic).inserted { requestNow() } }
    /// Asks for these topics and no others.
    mutating func replace(_ wanted: Set<String>) {
        if !wanted.isSubset(of: topics) { requestNow() }
        topics = wanted
    }

    private mutating func requestNow() {
        isRequested = true
        notBefore = nil
    }

    mutating func succeeded(_ settings: NetworkSettings, isComplete: Bool, now: ClientInstant) {
        isInFlight = false
        wantingSince = nil
        isRequested = !isComplete
        failures = isComplete ? 0 : failures + 1
        // Even a good answer is not asked for again at once: what it lacks takes time to happen.
        notBefore = now + settings.retryBackoff
        staleAt = now + settings.metadataMaxAge
    }
    mutating func failed(
        _ settings: NetworkSettings, now: ClientInstant, using random: inout SplitMix64
    ) {
        isInFlight = false
        isRequested = true
        failures += 1
        notBefore =
            now
            + NetworkSettings.backoff(
                settings.retryBackoff, settings.retryBackoffMax, failures: failures, using: &random)
    }

    /// Whether metadata that is due has been wanted in vain for `limit`; then it counts anew.
    mutating func isStuck(_ limit: Duration, _ now: ClientInstant) -> Bool {
        guard let since = wantingSince else {
            wantingSince = now
            return false
        }
        guard now - since >= limit else { return false }
        wantingSince = now
        return true
    }

    func isDue(_ now: ClientInstant) -> Bool {
        // A failure is waited out however old the metadata is.
        guard !isInFlight, notBefore.map({ $0 <= now }) ?? true else { return false }
        return isRequested || staleAt.map { $0 <= now } ?? false
    }
    var nextWake: ClientInstant? {
        if isInFlight { return nil }
        guard !isRequested else { return notBefore }
        return staleAt.map { max($0, notBefore ?? $0) }
    }
}

extension Network {
    // MARK: Versions

    mutating func askVersions(of key: NodeKey, version: Int16, _ now: ClientInstant) {
        var request = ApiVersionsRequest()
        if version >= 3 {
            request.clientSoftwareName = "martlet"
            request.clientSoftwareVersion = "4.4.0"
        }
        do throws(WireError) {
            try write(
                request, version: version, to: key, purpose: .handshake,
                deadline: now + settings.connectTimeout, now: now)
        } catch {
            // All else in it is short.
            let refusal = ClientError.invalidSetting(
                key: "client.id", value: "\(settings.clientID.prefix(20))…", reason: "\(error)")
            decline(key, refusal, now: now)
        }
    }

    /// Takes the answer to ApiVersions; a broker before 2.4 refuses version 3, in version 0.
    mutating func takeVersions(
        _ frame: [UInt8], from key: NodeKey, version: Int16, _ now: ClientInstant
    ) {
        let refusal = [0, UInt8(KafkaError.unsupportedVersion.code)]
        if version > 0, frame.count >= 6, Array(frame[4..<6]) == refusal {
            return askVersions(of: key, version: 0, now)
        }
        do {
            let answer = try Completion(
                tag: (), node: key, apiKey: .apiVersions, version: version, result: .success(frame)
            ).decode(ApiVersionsRequest.self)
            try ClientError.check(answer.errorCode)
            var versions: [Int16: ClosedRange<Int16>] = [:]
            for api in answer.apiKeys where api.minVersion <= api.maxVersion {
                versions[api.apiKey] = api.minVersion...api.maxVersion
            }
            negotiated(key, versions, ClusterFeatures(answer), now: now)
        } catch {
            fail(key, reason: "ApiVersions: \(error)", now: now)
        }
    }

    // MARK: Metadata

    mutating func askMetadata(_ now: ClientInstant) {
        guard refresh.isDue(now) else { return }
        if refresh.isStuck(settings.rebootstrapTrigger, now), settings.rebootstraps {
            bootstrapAgain(now: now)
        }
        guard let key = anyReady(now: now) else { return }
        if settings.asksControllers { return askControllers(at: key, now) }
        guard let version = version(of: .metadata, key) else {
            return decline(key, .unsupportedRequest(.metadata, broker: "\(key)"), now: now)
        }
        let asked = refresh.wantsAll ? nil : refresh.topics
        let names = asked?.filter { ClusterMetadata.canName($0) }.sorted()
        var request = MetadataRequest(
            topics: names?.map { MetadataRequest.MetadataRequestTopic(name: $0) })
        if version >= 4 { request.allowAutoTopicCreation = settings.createsTopics }
        do throws(WireError) {
            try write(
                request, version: version, to: key, purpose: .metadata(asked: asked),
                deadline: now + settings.requestTimeout, now: now)
            refresh.isInFlight = true
        } catch {
            fail(key, reason: "Metadata: \(error)", now: now)
        }
    }

    mutating func takeMetadata(
        _ frame: [UInt8], from key: NodeKey, version: Int16, asked: Set<String>?,
        _ now: ClientInstant
    ) {
        let answer: MetadataResponse
        do {
            answer = try Completion(
                tag: (), node: key, apiKey: .metadata, version: version, result: .success(frame)
            ).decode(MetadataRequest.self)
        } catch {
            refresh.failed(settings, now: now, using: &random)
            return fail(key, reason: "\(error)", now: now)
        }
        honourThrottle(answer, of: key, now)
        guard answer.errorCode == 0, !answer.brokers.isEmpty else {
            refresh.failed(settings, now: now, using: &random)
            if settings.rebootstraps, KafkaError(code: answer.errorCode) == .rebootstrapRequired {
                bootstrapAgain(now: now)
            }
            return
        }
        metadata.update(answer, asked: asked)
        let isComplete = metadata.isComplete(answer.topics.lazy.compactMap(\.name))
        let coversAll = asked == nil || refresh.topics.isSubset(of: asked ?? [])
        refresh.succeeded(settings, isComplete: isComplete && coversAll, now: now)
        adoptBrokers(now: now)
    }

    // MARK: Controllers

    /// Asks which controllers there are (KIP-919).
    private mutating func askControllers(at key: NodeKey, _ now: ClientInstant) {
        guard let version = version(of: .describeCluster, key), version >= 1 else {
            return decline(key, .unsupportedRequest(.describeCluster, broker: "\(key)"), now: now)
        }
        do throws(WireError) {
            try write(
                DescribeClusterRequest(endpointType: 2), version: version, to: key,
                purpose: .controllers, deadline: now + settings.requestTimeout, now: now)
            refresh.isInFlight = true
        } catch {
            fail(key, reason: "DescribeCluster: \(error)", now: now)
        }
    }

    mutating func takeControllers(
        _ frame: [UInt8], from key: NodeKey, version: Int16, _ now: ClientInstant
    ) {
        do throws(ClientError) {
            let answer = try Completion(
                tag: (), node: key, apiKey: .describeCluster, version: version,
                result: .success(frame)
            ).decode(DescribeClusterRequest.self)
            honourThrottle(answer, of: key, now)
            try ClientError.check(answer.errorCode, answer.errorMessage)
            metadata.update(answer)
            let isComplete = metadata.brokers[metadata.controller] != nil
            refresh.succeeded(settings, isComplete: isComplete, now: now)
            adoptBrokers(now: now)
        } catch {
            refresh.failed(settings, now: now, using: &random)
            if error.isRetriable { return }
            decline(key, error, now: now)
        }
    }
}
