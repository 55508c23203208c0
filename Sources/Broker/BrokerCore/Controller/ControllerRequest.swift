import ClusterController
import KafkaProtocol
import KafkaWire
import MetadataQuorum
import Replication

/// A request that only the active controller answers, from whomever it comes: a client through this
/// node or another, another node, or the broker in this very process.
protocol ControllerRequest: KafkaRequest where Response: ControllerResponse {
    /// Decides over the request: what is answered once all that the active controller has appended
    /// by then is committed.
    func answer(by active: ActiveController, _ context: DecisionContext) -> Response
    /// The answer before it tells of anything: with an item for each that was asked for.
    var blankAnswer: Response { get }
}

extension ControllerRequest {
    var blankAnswer: Response { Response() }

    /// The answer that refuses the whole request.
    func refusal(_ error: KafkaError) -> Response {
        var response = blankAnswer
        response.fail(error)
        return response
    }
}

/// An answer of the active controller.
protocol ControllerResponse: KafkaResponse {
    /// Marks what the answer claims to be done as failed.
    mutating func fail(_ error: KafkaError)
}

/// An answer with one error for all that was asked.
protocol WholeResponse: ControllerResponse {
    var errorCode: Int16 { get set }
}

extension WholeResponse {
    mutating func fail(_ error: KafkaError) {
        if errorCode == KafkaError.none.rawValue { errorCode = error.rawValue }
    }
}

/// One of several things that a request asked for.
protocol AnswerItem {
    var errorCode: Int16 { get set }
    var errorMessage: String? { get set }
}

extension MutableCollection where Element: AnswerItem {
    mutating func fail(_ error: KafkaError) {
        for index in indices where self[index].errorCode == KafkaError.none.rawValue {
            self[index].errorCode = error.rawValue
            self[index].errorMessage = error.message
        }
    }
}

/// Who gets an answer of the active controller.
enum AnswerSink {
    /// A request of an event loop.
    case request(WaitTicket)
    /// The same, of one that came in an envelope.
    case forwarded(WaitTicket)
    /// This process itself.
    case own((any KafkaMessage) -> Void)
}

/// What an event loop asks of the node's controller thread, and the request that waits for it.
public struct ControllerJob: Sendable {
    public let ticket: WaitTicket
    let work: ControllerWork
}

enum ControllerWork: Sendable {
    /// A request for the active controller, refused where this node is not.
    case decide(any ControllerRequest, DecisionContext, isForwarded: Bool)
    /// A producer id that nobody has had, of this broker's block.
    case producerID(@Sendable (Result<ProducerID, KafkaError>) -> any KafkaMessage)
    /// Topics that a request needs are made on the way, by whatever node is active; the answer is
    /// put together from what came of it and from the metadata as this node knows them then.
    case createTopics(
        CreateTopicsRequest, @Sendable (CreateTopicsResponse, Controller) -> any KafkaMessage)
    /// A request of another node to this member of the metadata quorum.
    case quorum(QuorumMessage, version: Int16)
}
