/// Config keys of a client metrics subscription (KIP-714).
public enum ClientMetricsConfigs {
    /// Every key, internal ones included.
    public static let all: [ConfigDefinition] = [
        define(
            "metrics", .list, "", .list(of: [], allowsEmpty: true), .medium, .resource,
            "Prefixes of the metrics that clients push; `*` for all, empty for none."),
        define(
            "interval.ms", .int, "300000", .any, .medium, .resource,
            "Milliseconds between two pushes of a client, 100 to 3600000."),
        define(
            "match", .list, "", .list(of: [], allowsEmpty: true), .medium, .resource,
            "Clients that the subscription is for, as selector=regular expression."),
    ]
}
