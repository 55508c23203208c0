import KafkaProtocol
import KafkaRecords
import KafkaWire

extension Network {
    /// Asks for a subscription, or pushes what is subscribed to, when that is due.
    mutating func advanceTelemetry(_ now: ClientInstant) {
        telemetry.endLateWaits(now)
        if telemetry.isFinishing, !nodes.values.contains(where: { $0.isReady }) {
            return telemetry.failed(now: now)
        }
        guard let due = telemetry.due(now), let key = telemetryNode(now) else { return }
        guard let asks = version(of: .getTelemetrySubscriptions, key),
            let pushes = version(of: .pushTelemetry, key)
        else { return telemetry.isNotServed(key, now: now) }
        do throws(WireError) {
            switch due {
            case .subscription:
                let request = GetTelemetrySubscriptionsRequest(
                    clientInstanceID: telemetry.instanceID ?? .zero)
                try write(
                    request, version: asks, to: key, purpose: .telemetry,
                    deadline: now + settings.requestTimeout, now: now)
            case .push(let isLast):
                try write(
                    pushRequest(isLast: isLast, now), version: pushes, to: key, purpose: .telemetry,
                    deadline: now + settings.requestTimeout, now: now)
            }
            telemetry.begin(due, to: key)
        } catch {
            telemetry.end(.malformedResponse("telemetry cannot be written: \(error)"))
        }
    }

    /// The node that was asked before, while it is there: it knows the subscription.
    private mutating func telemetryNode(_ now: ClientInstant) -> NodeKey? {
        if let node = telemetry.node, nodes[node]?.isReady == true {
            return isReady(node, now: now) ? node : nil
        }
        return anyReady(now: now)
    }

    private mutating func pushRequest(isLast: Bool, _ now: ClientInstant) -> PushTelemetryRequest {
        guard let subscription = telemetry.subscription, let id = telemetry.instanceID else {
            preconditionFailure("a push without a subscription")
        }
        telemetry.ledger.notePush(of: measures, now)
        var series = telemetry.ledger.series.filter { subscription.wants($0.name) }
        var compression = subscription.compression
        var payload: [UInt8]
        while true {
            payload =
                MetricsData(
                    resource: telemetry.labels, series: series, isDelta: subscription.isDelta
                ).encoded()
            do throws(CompressionError) {
                // Bytes have no padding.
                payload = try Compression.compress(unsafe payload.span.bytes, as: compression)
            } catch { compression = .none }
            guard payload.count > subscription.maxBytes, !series.isEmpty else { break }
            // What does not fit is left out, the last of it first.
            series.removeLast(series.count - series.count / 2)
        }
        return PushTelemetryRequest(
            clientInstanceID: id, subscriptionID: subscription.id, terminating: isLast,
            compressionType: compression.rawValue, metrics: payload)
    }

    mutating func takeTelemetry(
        _ frame: [UInt8], from key: NodeKey, _ api: APIKey, version: Int16, _ now: ClientInstant
    ) {
        let completion = Completion(
            tag: (), node: key, apiKey: api, version: version, result: .success(frame))
        do throws(ClientError) {
            if api == .getTelemetrySubscriptions {
                let answer = try completion.decode(GetTelemetrySubscriptionsRequest.self)
                honourThrottle(answer, of: key, now)
                telemetry.take(
                    answer, pause: settings.retryBackoff, now: now, using: &random)
            } else {
                let answer = try completion.decode(PushTelemetryRequest.self)
                honourThrottle(answer, of: key, now)
                telemetry.take(answer, pause: settings.retryBackoff, now: now)
            }
        } catch {
            telemetry.end(error)
            fail(key, reason: "\(error)", now: now)
        }
    }
}
