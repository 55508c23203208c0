import ClientCore

/// Rebalances and the end of a membership.
extension ConsumerEndings {
    /// - Parameters:
    ///   - finish: tells the core that a revocation has been handled.
    ///   - before: called before an event is handled.
    func handleRevocations(
        finish: @escaping @Sendable (UInt64) -> Void, before: @escaping @Sendable () -> Void
    ) {
        state.withLock { state in
            state.finish = finish
            state.before = before
        }
    }

    func setHandler(_ handler: (@Sendable (RebalanceEvent) async -> Void)?) {
        state.withLock { $0.handler = handler }
    }

    /// Gives events to the handler one after the other, on a task of its own while there are any.
    func handle(_ event: RebalanceEvent, _ ticket: UInt64?) {
        let start = state.withLock { state -> Bool in
            state.events.append((event, ticket))
            if state.isHandling { return false }
            state.isHandling = true
            return true
        }
        guard start else { return }
        if state.withLock({ $0.handler == nil }) {
            while let (_, ticket) = nextEvent() { finish(ticket) }
            return
        }
        Task {
            while let (event, ticket) = self.nextEvent() {
                let handler = self.state.withLock { $0.handler }
                await handler?(event)
                self.finish(ticket)
            }
        }
    }

    private func nextEvent() -> (RebalanceEvent, UInt64?)? {
        state.withLock { state in
            guard !state.events.isEmpty else {
                state.isHandling = false
                return nil
            }
            return state.events.removeFirst()
        }
    }

    private func finish(_ ticket: UInt64?) {
        guard let ticket else { return }
        let finish = state.withLock { $0.finish }
        finish?(ticket)
    }

    // MARK: The end

    func left() {
        let waiter = state.withLock { state in
            state.hasLeft = true
            defer { state.leaving = nil }
            return state.leaving
        }
        waiter?.resume()
    }

    /// Calls `leave` and waits until the core has left, or the time is over.
    func waitLeft(
        _ loop: ClientLoop<ConsumerCore>, atMost limit: Duration, _ leave: () -> Void
    ) async {
        leave()
        loop.at(ClientLoop<ConsumerCore>.now + limit) { self.left() }
        await withCheckedContinuation { continuation in
            let hasLeft = state.withLock { state in
                if !state.hasLeft { state.leaving = continuation }
                return state.hasLeft
            }
            if hasLeft { continuation.resume() }
        }
    }
}
