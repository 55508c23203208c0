import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// What an event loop's core asks of its shell.
public enum LoopEffect {
    /// Send on this connection, in this order.
    case send(ConnectionID, OutgoingResponse)
    /// Close the connection and log why.
    case close(ConnectionID, reason: String)
    /// Sync this partition's log; many requests before the sync share it.
    case flush(PartitionCell, FlushUrgency = .required)
    /// Wake delayed requests, of this loop or of others.
    case wake([WaitTicket])
    /// Ask the node's controller thread; the answer comes back as `completed`.
    case controller(ControllerJob)
    /// Do slow work on a partition or directory; the answer comes back as `completed`.
    case background(BackgroundJob)
    /// Bring these records into memory off the loop; the ticket comes back as `warmed`.
    case warm([FileSlice], WaitTicket)
    /// Send this to another node; the outcome comes back as `peerAnswered`.
    case peer(PeerRequest)
    /// Ask the controller for another in-sync set.
    case isr(IsrProposal)
    /// The connection broke over which a broker sent its heartbeats.
    case brokerDisconnected(Int32, epoch: Int64)
    /// Answer a delayed request of another loop.
    case complete(WaitTicket, any KafkaMessage)
    /// A coordinator's log did not take a write: load the coordinator anew.
    case reloadCoordinator(PartitionCell)
    /// A log directory answered with an error: serve no more from it.
    case directoryFailed(path: String, FileError)
    /// Tell the operator.
    case report(String)
    /// Take in no more of this connection until `resumeReading`.
    case pauseReading(ConnectionID)
    case resumeReading(ConnectionID)
    /// Requests of this connection that are not answered yet hold so many bytes.
    case holding(ConnectionID, bytes: Int)
}

/// Slow work off the loop, and the request that waits for its answer.
public struct BackgroundJob: Sendable {
    public let ticket: WaitTicket
    public let run: @Sendable () -> BackgroundResult
}

/// What slow work gives back to the loop.
public struct BackgroundResult {
    /// The response's message.
    public var message: any KafkaMessage
    /// Delayed requests that the work has satisfied.
    public var wakes: [WaitTicket] = []
    /// Log directories that answered with an error.
    public var failures: [(directory: String, error: FileError)] = []
}
