/// One number of a metric at one moment.
struct MetricSeries: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case gauge(Double)
        /// What only grows: all of it, and what has come since the last push; each with the moment
        /// at which that began, in nanoseconds since the epoch.
        case sum(total: Double, since: Int64, delta: Double, sinceLast: Int64)
    }

    var name: String
    var labels: [String: String]
    /// Nanoseconds since the epoch.
    var time: Int64
    var kind: Kind
}

/// OpenTelemetry's `MetricsData` (metrics/v1), written as protobuf.
struct MetricsData {
    /// Attributes of the resource that all of it is of.
    var resource: [String: String]
    var series: [MetricSeries]
    /// Whether sums are told as what has come since the last time.
    var isDelta: Bool

    func encoded() -> [UInt8] {
        var scope = ProtobufWriter()
        for one in series { scope.message(2, metric(one)) }
        var resourceMetrics = ProtobufWriter()
        resourceMetrics.message(1, attributes(resource, field: 1))
        resourceMetrics.message(2, scope)
        var data = ProtobufWriter()
        data.message(1, resourceMetrics)
        return data.bytes
    }

    private func metric(_ series: MetricSeries) -> ProtobufWriter {
        var metric = ProtobufWriter()
        metric.string(1, series.name)
        var value = ProtobufWriter()
        value.message(1, point(series))
        switch series.kind {
        case .gauge: metric.message(5, value)
        case .sum:
            // AggregationTemporality: 1 delta, 2 cumulative; then `is_monotonic`.
            value.varint(2, isDelta ? 1 : 2)
            value.varint(3, 1)
            metric.message(7, value)
        }
        return metric
    }

    private func point(_ series: MetricSeries) -> ProtobufWriter {
        var point = ProtobufWriter()
        let number: Double
        switch series.kind {
        case .gauge(let value): number = value
        case .sum(let total, let since, let delta, let sinceLast):
            point.fixed64(2, UInt64(bitPattern: isDelta ? sinceLast : since))
            number = isDelta ? delta : total
        }
        point.fixed64(3, UInt64(bitPattern: series.time))
        point.fixed64(4, number.bitPattern)
        point.append(attributes(series.labels, field: 7))
        return point
    }

    private func attributes(_ labels: [String: String], field: Int) -> ProtobufWriter {
        var all = ProtobufWriter()
        for (key, text) in labels.sorted(by: { $0.key < $1.key }) {
            var value = ProtobufWriter()
            value.string(1, text)
            var pair = ProtobufWriter()
            pair.string(1, key)
            pair.message(2, value)
            all.message(field, pair)
        }
        return all
    }
}

/// Writes the fields of a protobuf message, one after the other.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    mutating func varint(_ field: Int, _ value: UInt64) {
        tag(field, wireType: 0)
        varint(value)
    }

    mutating func fixed64(_ field: Int, _ value: UInt64) {
        tag(field, wireType: 1)
        for shift in stride(from: 0, to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
        }
    }

    mutating func string(_ field: Int, _ text: String) {
        tag(field, wireType: 2)
        varint(UInt64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    mutating func message(_ field: Int, _ message: ProtobufWriter) {
        tag(field, wireType: 2)
        varint(UInt64(message.bytes.count))
        bytes.append(contentsOf: message.bytes)
    }

    /// Adds the fields of another message to this one.
    mutating func append(_ other: ProtobufWriter) { bytes.append(contentsOf: other.bytes) }

    private mutating func tag(_ field: Int, wireType: Int) {
        varint(UInt64(field << 3 | wireType))
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
