import KafkaProtocol
import KafkaSecurity
import KafkaWire

/// SASL on a connection (KIP-43, KIP-152), and again before its session ends (KIP-368).
///
/// After the versions: the credentials are fetched, SaslHandshake names the mechanism, tokens go
/// in SaslAuthenticate until both sides are content. What is in flight when a session is renewed is
/// answered before; nothing else is sent meanwhile.
extension Network {
    /// The versions are known: the connection may be used, or must be authenticated first.
    mutating func negotiated(
        _ key: NodeKey, _ versions: [Int16: ClosedRange<Int16>], _ told: ClusterFeatures,
        now: ClientInstant
    ) {
        nodes[key]?.versions = versions
        learn(told)
        if settings.sasl == nil { becomeReady(key) } else { authenticate(key, now) }
    }

    /// Begins an authentication: asks the shell for credentials.
    private mutating func authenticate(_ key: NodeKey, _ now: ClientInstant) {
        guard let sasl = settings.sasl, let id = nodes[key]?.connection else { return }
        nodes[key]?.sessionEnd = nil
        nodes[key]?.state = .authenticating(id, deadline: now + settings.connectTimeout)
        effects.append(.fetchCredentials(id, sasl))
    }

    /// Renews sessions that end soon.
    mutating func renewSessions(_ now: ClientInstant) {
        guard settings.sasl != nil else { return }
        for key in nodes.keys.sorted() {
            if let end = nodes[key]?.sessionEnd, end <= now { authenticate(key, now) }
        }
    }

    mutating func take(
        _ credentials: Result<SaslCredentials, ClientError>, for key: NodeKey, _ now: ClientInstant
    ) {
        guard case .authenticating(let id, .some) = nodes[key]?.state else { return }
        nodes[key]?.state = .authenticating(id, deadline: nil)
        do throws(ClientError) {
            let sasl = SaslClient(try credentials.get())
            nodes[key]?.sasl = sasl
            // Version 0 goes without the framing of SaslAuthenticate; brokers from 1.0 on have 1.
            guard let version = version(of: .saslHandshake, key), version >= 1 else {
                throw .unsupportedRequest(.saslHandshake, broker: "\(key)")
            }
            try ask(
                SaslHandshakeRequest(mechanism: sasl.mechanism.rawValue), version: version, key,
                .saslHandshake, now)
        } catch { refuse(key, error, now: now) }
    }

    private mutating func ask<R: KafkaRequest>(
        _ request: R, version: Int16, _ key: NodeKey, _ purpose: NetworkNode<Tag>.Purpose,
        _ now: ClientInstant
    ) throws(ClientError) {
        do throws(WireError) {
            try write(
                request, version: version, to: key, purpose: purpose,
                deadline: now + settings.requestTimeout, now: now)
        } catch {
            throw .security(.noCredentials("\(R.apiKey.name): \(error)"))
        }
    }

    mutating func takeHandshake(
        _ frame: [UInt8], from key: NodeKey, version: Int16, _ now: ClientInstant
    ) {
        do throws(ClientError) {
            let answer = try decode(frame, key, version, SaslHandshakeRequest.self)
            if KafkaError(code: answer.errorCode) == .unsupportedSaslMechanism {
                let ours = nodes[key]?.sasl?.mechanism.rawValue ?? ""
                let theirs = answer.mechanisms.sorted().joined(separator: ", ")
                let message = "\(key) does not offer \(ours); it offers \(theirs)"
                throw .broker(.unsupportedSaslMechanism, message: message)
            }
            try ClientError.check(answer.errorCode)
            guard let sasl = nodes[key]?.sasl else { return }
            try sendToken(of: key, now) { () throws(SaslError) in try sasl.begin() }
        } catch { refuse(key, error, now: now) }
    }

    mutating func takeToken(
        _ frame: [UInt8], from key: NodeKey, version: Int16, _ now: ClientInstant
    ) {
        do throws(ClientError) {
            let answer = try decode(frame, key, version, SaslAuthenticateRequest.self)
            try ClientError.check(answer.errorCode, answer.errorMessage)
            guard var sasl = nodes[key]?.sasl else { return }
            let step: SaslClient.Step
            do throws(SaslError) { step = try sasl.take(answer.authBytes) } catch {
                throw ClientError(error)
            }
            nodes[key]?.sasl = sasl
            switch step {
            case .send(let token): try sendToken(of: key, now) { token }
            case .done: authenticated(key, milliseconds: answer.sessionLifetimeMs, now)
            }
        } catch { refuse(key, error, now: now) }
    }

    private mutating func sendToken(
        of key: NodeKey, _ now: ClientInstant, _ token: () throws(SaslError) -> [UInt8]
    ) throws(ClientError) {
        guard let version = version(of: .saslAuthenticate, key) else {
            throw .unsupportedRequest(.saslAuthenticate, broker: "\(key)")
        }
        let bytes: [UInt8]
        do throws(SaslError) { bytes = try token() } catch { throw ClientError(error) }
        try ask(
            SaslAuthenticateRequest(authBytes: bytes), version: version, key, .saslToken, now)
    }

    private mutating func authenticated(
        _ key: NodeKey, milliseconds lifetime: Int64, _ now: ClientInstant
    ) {
        nodes[key]?.sasl = nil
        if lifetime > 0 {
            // Spread, as Kafka's clients do, so that not all come at once.
            let percent = Int64.random(in: 85...95, using: &random)
            let (part, overflow) = lifetime.multipliedReportingOverflow(by: percent)
            nodes[key]?.sessionEnd = now + .milliseconds(overflow ? lifetime : part / 100)
        }
        becomeReady(key)
    }

    private func decode<R: KafkaRequest>(
        _ frame: [UInt8], _ key: NodeKey, _ version: Int16, _: R.Type
    ) throws(ClientError) -> R.Response {
        try Completion(
            tag: (), node: key, apiKey: R.apiKey, version: version, result: .success(frame)
        ).decode(R.self)
    }

    // MARK: Refusals

    /// Ends the connection for what another attempt would hardly mend. There are attempts
    /// nonetheless, for credentials and certificates change; but nobody need wait for them.
    mutating func refuse(_ key: NodeKey, _ error: ClientError, now: ClientInstant) {
        decline(key, error, now: now)
        measures.refusals += 1
    }

    /// The same for a node that is none of those that the client is for.
    mutating func decline(_ key: NodeKey, _ error: ClientError, now: ClientInstant) {
        fail(key, reason: "\(error)", now: now)
        nodes[key]?.refusal = error
        refusals += 1
    }

    /// Why the node cannot be used, if an attempt was refused after the first `count` refusals.
    func refusal(of key: NodeKey, after count: Int) -> ClientError? {
        refusals > count ? nodes[key]?.refusal : nil
    }

    /// The same for all of the brokers: whoever waits for any of them need not wait on.
    func refusal(after count: Int) -> ClientError? { refusals > count ? refusal : nil }

    /// Why none of the brokers can be used, as of the last attempts.
    var refusal: ClientError? {
        var first: ClientError?
        for key in generalNodes {
            guard let refusal = nodes[key]?.refusal else { return nil }
            first = first ?? refusal
        }
        return first
    }
}
