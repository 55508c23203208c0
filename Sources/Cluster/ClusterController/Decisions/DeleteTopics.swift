import KafkaProtocol
import KafkaWire

extension Controller {
    /// Decides over topics to delete, given by name or by id (version 6 and later).
    ///
    /// Refusals: INVALID_REQUEST (neither name nor id, both, or one topic twice),
    /// UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID. `delete.topic.enable` is checked by the
    /// caller.
    public func deleteTopics(_ request: DeleteTopicsRequest) -> Decision<DeleteTopicsResponse> {
        var decision = Decision(DeleteTopicsResponse())
        var wanted = request.topics
        for name in request.topicNames {
            var topic = DeleteTopicsRequest.DeleteTopicState()
            topic.name = name
            wanted.append(topic)
        }
        // A topic that is asked for twice, in whatever way, is not deleted.
        var uses: [KafkaUUID: Int] = [:]
        for topic in wanted {
            if let id = resolvedID(of: topic) { uses[id, default: 0] += 1 }
        }
        var answered: Set<String> = []
        for topic in wanted {
            // Duplicates get one answer each.
            let key = "\(topic.name ?? "")/\(topic.topicID)"
            let isNew = answered.insert(key).inserted
            if !isNew, topic.name != nil || topic.topicID != .zero { continue }
            let repeated = wanted.count { $0.name == topic.name && $0.topicID == topic.topicID }
            do throws(DecisionFailure) {
                let found = try topicToDelete(topic, repeated: repeated, uses: uses)
                decision.records.append(.removeTopicRecord(RemoveTopicRecord(topicID: found.id)))
                decision.response.responses.append(
                    Self.result(found.name, found.id, DecisionFailure(.none)))
            } catch {
                decision.response.responses.append(
                    Self.result(topic.name, topic.topicID, error))
            }
        }
        return decision
    }

    private func resolvedID(of topic: DeleteTopicsRequest.DeleteTopicState) -> KafkaUUID? {
        topic.name.map { image.topics.id(of: $0) } ?? topic.topicID
    }

    private func topicToDelete(
        _ topic: DeleteTopicsRequest.DeleteTopicState, repeated: Int, uses: [KafkaUUID: Int]
    ) throws(DecisionFailure) -> TopicImage {
        guard let name = topic.name else {
            if topic.topicID == .zero {
                throw .init(.invalidRequest, "Neither topic name nor id were specified.")
            }
            if repeated > 1 { throw .init(.invalidRequest, "Duplicate topic id.") }
            guard let found = image.topics[topic.topicID] else { throw .init(.unknownTopicID) }
            try checkOnce(found, uses)
            return found
        }
        if topic.topicID != .zero {
            throw .init(
                .invalidRequest, "You may not specify both topic name and topic id.")
        }
        if repeated > 1 { throw .init(.invalidRequest, "Duplicate topic name.") }
        guard let found = image.topics[name] else { throw .init(.unknownTopicOrPartition) }
        try checkOnce(found, uses)
        return found
    }

    private func checkOnce(
        _ topic: TopicImage, _ uses: [KafkaUUID: Int]
    ) throws(DecisionFailure) {
        if (uses[topic.id] ?? 0) > 1 {
            throw .init(
                .invalidRequest,
                "The provided topic name maps to an ID that was already supplied.")
        }
    }

    private static func result(
        _ name: String?, _ id: KafkaUUID, _ failure: DecisionFailure
    ) -> DeleteTopicsResponse.DeletableTopicResult {
        var result = DeleteTopicsResponse.DeletableTopicResult()
        result.name = name
        result.topicID = id
        result.errorCode = failure.error.rawValue
        if failure.error != .none { result.errorMessage = failure.message ?? failure.error.message }
        return result
    }
}
