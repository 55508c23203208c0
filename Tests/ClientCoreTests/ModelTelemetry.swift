import KafkaProtocol
import KafkaRecords
import KafkaWire
import Testing

@testable import ClientCore

/// What brokers want of a client's metrics, and what they have got.
final class ModelTelemetry {
    struct Push {
        var node: Int32
        var request: PushTelemetryRequest
        var metrics: [Metric]
        var resource: [String: String]
    }

    /// A metric as a reader of OpenTelemetry's protobuf finds it.
    struct Metric: Equatable {
        var name = ""
        var value = 0.0
        var labels: [String: String] = [:]
        var start: UInt64 = 0
        var time: UInt64 = 0
        /// `nil` for a gauge; 1 for deltas, 2 for totals.
        var temporality: UInt64?
        var isMonotonic = false
    }

    var subscription = GetTelemetrySubscriptionsResponse(
        clientInstanceID: KafkaUUID(high: 5, low: 6), subscriptionID: 9,
        pushIntervalMs: 60_000, telemetryMaxBytes: 1 << 20, requestedMetrics: ["*"])
    /// Errors of the next answers to pushes, and to questions for the subscription.
    var pushErrors: [KafkaError] = []
    var subscriptionErrors: [KafkaError] = []
    private(set) var asked: [GetTelemetrySubscriptionsRequest] = []
    private(set) var pushes: [Push] = []

    func answer(
        _ request: GetTelemetrySubscriptionsRequest, at node: Int32
    ) -> GetTelemetrySubscriptionsResponse {
        asked.append(request)
        var answer = subscription
        if !subscriptionErrors.isEmpty { answer.errorCode = subscriptionErrors.removeFirst().code }
        return answer
    }

    func answer(_ request: PushTelemetryRequest, at node: Int32) throws -> PushTelemetryResponse {
        let type = try #require(CompressionType(rawValue: request.compressionType))
        let plain = try Compression.decompress(
            request.metrics.span.bytes, from: type, limit: 1 << 20)
        let (metrics, resource) = try Self.read(plain)
        pushes.append(Push(node: node, request: request, metrics: metrics, resource: resource))
        let error = pushErrors.isEmpty ? KafkaError.none : pushErrors.removeFirst()
        return PushTelemetryResponse(errorCode: error.code)
    }

    // MARK: OpenTelemetry's MetricsData

    private static func read(_ bytes: [UInt8]) throws -> ([Metric], [String: String]) {
        var metrics: [Metric] = []
        var resource: [String: String] = [:]
        for resourceMetrics in try Protobuf(bytes).messages(1) {
            for one in try resourceMetrics.messages(1) { resource = try labels(one, field: 1) }
            for scope in try resourceMetrics.messages(2) {
                metrics += try scope.messages(2).map { try metric($0) }
            }
        }
        return (metrics, resource)
    }

    private static func metric(_ message: Protobuf) throws -> Metric {
        var metric = Metric()
        metric.name = try message.text(1)
        let sums = try message.messages(7)
        let gauges = try message.messages(5)
        let data = try #require(sums.first ?? gauges.first)
        if !sums.isEmpty {
            metric.temporality = data.number(2)
            metric.isMonotonic = data.number(3) == 1
        }
        let points = try data.messages(1)
        #expect(points.count == 1)
        let point = try #require(points.first)
        metric.start = point.number(2) ?? 0
        metric.time = point.number(3) ?? 0
        metric.value = Double(bitPattern: try #require(point.number(4)))
        metric.labels = try labels(point, field: 7)
        return metric
    }

    private static func labels(_ message: Protobuf, field: Int) throws -> [String: String] {
        var labels: [String: String] = [:]
        for pair in try message.messages(field) {
            let value = try pair.messages(2)
            labels[try pair.text(1)] = try #require(value.first).text(1)
        }
        return labels
    }
}

/// The fields of a protobuf message, read as the encoding says.
private struct Protobuf {
    enum Value: Equatable {
        case number(UInt64)
        case bytes([UInt8])
    }
    private var fields: [(number: Int, value: Value)] = []

    init(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        func varint() throws -> UInt64 {
            var value: UInt64 = 0
            for shift in stride(from: 0, to: 64, by: 7) {
                let next = rest.popFirst()
                let byte = try #require(next)
                value |= UInt64(byte & 0x7F) << UInt64(shift)
                if byte & 0x80 == 0 { break }
            }
            return value
        }
        while !rest.isEmpty {
            let tag = try varint()
            switch tag & 7 {
            case 0: fields.append((Int(tag >> 3), .number(try varint())))
            case 1:
                try #require(rest.count >= 8)
                let value = rest.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                fields.append((Int(tag >> 3), .number(value)))
                rest = rest.dropFirst(8)
            case 2:
                let count = Int(try varint())
                try #require(rest.count >= count)
                fields.append((Int(tag >> 3), .bytes(Array(rest.prefix(count)))))
                rest = rest.dropFirst(count)
            default: Issue.record("wire type \(tag & 7)")
            }
        }
    }

    func messages(_ field: Int) throws -> [Protobuf] { try bytes(field).map { try Protobuf($0) } }

    func text(_ field: Int) throws -> String {
        String(decoding: try #require(bytes(field).first), as: UTF8.self)
    }

    func number(_ field: Int) -> UInt64? {
        for case (field, .number(let value)) in fields { return value }
        return nil
    }

    private func bytes(_ field: Int) -> [[UInt8]] {
        fields.compactMap { entry in
            if entry.number == field, case .bytes(let bytes) = entry.value { bytes } else { nil }
        }
    }
}
