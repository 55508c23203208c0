public import ServiceLifecycle

/// Clients as parts of a service (swift-service-lifecycle): each runs until the service shuts down
/// or its task is cancelled, and then ends as `close` does.
///
///     let group = ServiceGroup(services: [producer, consumer, birds], logger: logger)
///     try await group.run()
extension Producer: Service {
    /// Waits for the end of the service, then sends what waits and closes the connections.
    ///
    /// - Throws: `ClientError`, as `close`.
    public func run() async throws {
        await waitForEnd()
        try await close()
    }
}

extension Consumer: Service {
    /// Waits for the end of the service, then commits, if that is automatic, leaves the group and
    /// ends the connections. Whoever reads comes to the end.
    public func run() async throws {
        await waitForEnd()
        await close()
    }
}

extension Admin: Service {
    /// Waits for the end of the service, then ends the connections.
    public func run() async throws {
        await waitForEnd()
        await close()
    }
}

private func waitForEnd() async {
    // A cancelled task ends as one that shuts down: with the client closed.
    try? await gracefulShutdown()
}
