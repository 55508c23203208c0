import ClusterController
import KafkaProtocol
import MetadataQuorum

/// New feature levels; `kraft.version` is the quorum's own, and goes into control records.
extension ActiveController {
    func updateFeatures(
        _ request: UpdateFeaturesRequest, _ context: DecisionContext
    ) -> UpdateFeaturesResponse {
        let asked = request.featureUpdates.first { $0.feature == Feature.kraft.rawValue }
        let raises = asked.map { $0.maxVersionLevel > quorum.kraftVersion } ?? false
        let obstacle = raises ? quorum.upgradeObstacle : nil
        let answer = decide { controller, _ in
            controller.updateFeatures(request, context: context, kraftObstacle: obstacle)
        }
        guard raises, !request.validateOnly, answer.errorCode == KafkaError.none.rawValue
        else { return answer }
        do throws(QuorumError) {
            try quorum.raiseKRaftVersion(now: clock().quorumTime)
        } catch {
            report("the metadata log did not take kraft.version: \(error)")
            return request.refusal(.notController)
        }
        learnKRaftVersion()
        return answer
    }
}
