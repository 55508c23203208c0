import BrokerCore
import NIOConcurrencyHelpers

/// The lock of one partition in production.
final class PartitionMutex: PartitionLock {
    private let lock = NIOLock()
    func enter() { lock.lock() }
    func leave() { lock.unlock() }
}
