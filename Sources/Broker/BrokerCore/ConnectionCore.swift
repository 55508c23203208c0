import KafkaProtocol
import KafkaWire

/// One client connection: who is at the other end, and the order in which answers leave.
///
/// Kafka's clients match answers by order, so an answer that is ready waits for those before it.
struct ConnectionCore {
    let id: ConnectionID
    let listener: String
    /// Which APIs its listener serves.
    let serves: APIListeners
    let clientAddress: String
    /// What the client says it is (ApiVersions 3 and later).
    var software: (name: String, version: String)?
    /// The broker that sends its heartbeats over it.
    var broker: (id: Int32, epoch: Int64)?
    /// When bytes came last, or when it was last seen to wait for an answer (monotonic, ns).
    var lastActive: Int64 = 0
    /// Bytes that its unanswered requests hold.
    var heldBytes = 0
    private var nextSlot: UInt64 = 0
    private var nextToSend: UInt64 = 0
    private var ready: [UInt64: OutgoingResponse?] = [:]

    init(id: ConnectionID, listener: String, serves: APIListeners, clientAddress: String) {
        self.id = id
        self.listener = listener
        self.serves = serves
        self.clientAddress = clientAddress
    }

    /// Requests taken in and not yet answered.
    var outstanding: Int { Int(nextSlot - nextToSend) }

    /// The place of a request that has just arrived.
    mutating func takeSlot() -> UInt64 {
        defer { nextSlot += 1 }
        return nextSlot
    }

    /// Notes the answer of `slot` (`nil`: the client expects none) and returns what may now leave.
    mutating func complete(_ slot: UInt64, with response: OutgoingResponse?) -> [OutgoingResponse] {
        if slot == nextToSend && ready.isEmpty || PlantedBug.hurriedAnswers.isPlanted {
            nextToSend += 1
            return response.map { [$0] } ?? []
        }
        ready[slot] = .some(response)
        var leaving: [OutgoingResponse] = []
        while let answer = ready.removeValue(forKey: nextToSend) {
            nextToSend += 1
            if let answer { leaving.append(answer) }
        }
        return leaving
    }
}
