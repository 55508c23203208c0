import BrokerCore
import NIOConcurrencyHelpers
import NIOCore

/// The listeners of clients: the ports are held from the start, and listen once the node serves.
///
/// A node that does not know its metadata yet would tell clients of topics without leaders, or
/// make some anew that there are. As long as that is so, it refuses connections: a client goes on
/// to the next node of its list, where one that was let in and not answered would wait.
final class ClientListeners: @unchecked Sendable {
    // Sendable: `state` and `actions` are reached only with `condition` held.
    private enum State {
        case held([HeldPort])
        case open([any Channel])
        /// The node stops, or has failed for the reason.
        case closed(String)
    }
    private let acceptor: Acceptor
    private let bindings: [Binding]
    private let condition = ConditionLock(value: false)
    private var state: State
    private var actions: [@Sendable () -> Void] = []

    /// Takes the ports; those of `bindings` that were free ones are in `ports`.
    init(_ bindings: [Binding], _ acceptor: Acceptor) throws(NodeError) {
        var held: [HeldPort] = []
        var bindings = bindings
        for index in bindings.indices {
            let binding = bindings[index]
            do {
                let port = try HeldPort(host: binding.boundHost, port: binding.port)
                held.append(port)
                bindings[index].port = port.port
            } catch {
                throw Acceptor.refusal(of: binding, error)
            }
        }
        self.bindings = bindings
        self.acceptor = acceptor
        state = .held(held)
    }

    /// The ports in the order of the bindings.
    var ports: [Int] { bindings.map(\.port) }

    /// Lets clients in; nothing once the node stops.
    ///
    /// - Throws: `NodeError` when another process has come to listen on a port.
    func open() throws {
        condition.lock()
        guard case .held(let ports) = state else { return condition.unlock() }
        var channels: [any Channel] = []
        do {
            for binding in bindings { channels.append(try acceptor.bind(binding)) }
        } catch {
            condition.unlock()
            for channel in channels { channel.close(promise: nil) }
            throw error
        }
        withExtendedLifetime(ports) { state = .open(channels) }
        let due = actions
        actions = []
        condition.unlock(withValue: true)
        for channel in channels { acceptor.accept(on: channel) }
        for action in due { action() }
    }

    /// Runs `action` once clients can connect, at once where they can.
    func whenOpen(_ action: @escaping @Sendable () -> Void) {
        condition.lock()
        if case .open = state {
            condition.unlock()
            action()
        } else {
            actions.append(action)
            condition.unlock()
        }
    }

    /// Returns once clients can connect.
    ///
    /// - Throws: `NodeError` when it does not come to that.
    func waitUntilOpen() throws(NodeError) {
        condition.lock(whenValue: true)
        defer { condition.unlock() }
        if case .closed(let reason) = state { throw NodeError(reason) }
    }

    /// Lets nobody in any more.
    func close(_ reason: String = "the node stops") throws {
        condition.lock()
        let last = state
        state = .closed(reason)
        condition.unlock(withValue: true)
        guard case .open(let channels) = last else { return }
        for channel in channels { try channel.close().wait() }
    }

    /// The node has failed: whoever waits for it learns why.
    func nodeFailed(_ reason: String) {
        condition.lock()
        if case .held = state { state = .closed(reason) }
        condition.unlock(withValue: true)
    }
}
