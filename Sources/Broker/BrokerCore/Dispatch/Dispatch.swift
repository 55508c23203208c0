import KafkaProtocol
import KafkaWire

extension BrokerLoop {
    /// The APIs that listeners of a broker serve, and so advertise.
    static let served: [APIKey] =
        ([.produce, .fetch] + readAPIs + adminAPIs + controllerAPIs + groupAPIs
        + consumerGroupAPIs + transactionAPIs).filter { $0.listeners.contains(.broker) }
        .sorted { $0.rawValue < $1.rawValue }
    /// The APIs that listeners of a controller serve.
    static let servedByController: [APIKey] =
        ([.fetch] + readAPIs + adminAPIs + controllerAPIs).filter {
            $0.listeners.contains(.controller)
        }
        .sorted { $0.rawValue < $1.rawValue }
    private static let servedSet = Set(served)
    private static let controllerSet = Set(servedByController)

    static func serves(_ key: APIKey, on listeners: APIListeners) -> Bool {
        (listeners.contains(.controller) ? controllerSet : servedSet).contains(key)
    }

    /// Hands the request to its handler: `Handlers/<API>.swift`.
    ///
    /// APIs come in families, one file each, that know theirs and pass on the others.
    func dispatch(
        _ frame: inout MutableRawSpan, _ start: Int, _ context: RequestContext
    ) throws(RequestError) {
        if context.serves.contains(.controller),
            try dispatchController(frame.bytes, start, context)
        {
            return
        }
        switch context.apiKey {
        case .produce:
            let request = try decode(ProduceRequest.self, frame.bytes, from: start, context)
            return produce(request, &frame, bodyStart: start, context)
        case .fetch:
            return fetch(try decode(FetchRequest.self, frame.bytes, from: start, context), context)
        default: break
        }
        let bytes = frame.bytes
        if try dispatchGroups(bytes, start, context) { return }
        if try dispatchConsumerGroups(bytes, start, context) { return }
        if try dispatchTransactions(bytes, start, context) { return }
        if try dispatchReads(bytes, start, context) { return }
        if try dispatchAdmin(bytes, start, context) { return }
        if try dispatchController(bytes, start, context) { return }
        preconditionFailure("\(context.apiKey.name) is advertised and has no handler")
    }
}
