import DequeModule
import KafkaProtocol
import KafkaWire

/// The block of producer ids that the controller gave this broker, and who waits for one (KIP-730).
struct ProducerIDBlock {
    var free: Range<Int64> = 0..<0
    var waiters = Deque<(Result<ProducerID, KafkaError>) -> Void>()
    /// A block is on its way.
    var isAsking = false

    mutating func take() -> ProducerID {
        defer { free = free.lowerBound + 1..<free.upperBound }
        return ProducerID(free.lowerBound)
    }
}

extension NodeController {
    /// Gives ids to those who wait, and asks for a block when there is none left.
    func handOutProducerIDs() -> Bool {
        guard !producerIDs.waiters.isEmpty, !producerIDs.isAsking else { return false }
        if !producerIDs.free.isEmpty {
            let id = producerIDs.take()
            producerIDs.waiters.removeFirst()(.success(id))
            return true
        }
        guard brokerEpoch >= 0, knowsController else {
            refuseProducerIDs(.coordinatorNotAvailable)
            return true
        }
        producerIDs.isAsking = true
        ask(
            AllocateProducerIDsRequest(brokerID: options.nodeID.rawValue, brokerEpoch: brokerEpoch)
        ) { [unowned self] result in
            producerIDs.isAsking = false
            if case .success(let response) = result, response.errorCode == 0 {
                let start = response.producerIDStart
                producerIDs.free = start..<start + Int64(max(0, response.producerIDLen))
            }
            // Clients ask again: the controller may be found by then.
            if producerIDs.free.isEmpty { refuseProducerIDs(.coordinatorNotAvailable) }
        }
        return true
    }

    /// Refuses all that wait for a producer id.
    func refuseProducerIDs(_ error: KafkaError) {
        while !producerIDs.waiters.isEmpty { producerIDs.waiters.removeFirst()(.failure(error)) }
    }
}
