import ClusterController
import KafkaProtocol

/// DescribeConfigs (key 32): values in force with their sources, from the published image.
extension BrokerLoop {
    func describeConfigs(_ request: DescribeConfigsRequest, _ context: RequestContext) {
        answer(view.controller.describeConfigs(request), to: context)
    }
}
