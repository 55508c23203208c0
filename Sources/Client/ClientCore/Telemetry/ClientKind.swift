/// What a client is for; its metrics are named after it.
public enum ClientKind: String, Sendable {
    case producer
    case consumer
    case admin = "admin.client"
}
