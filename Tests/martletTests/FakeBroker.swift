import Foundation
import KafkaProtocol
import KafkaWire
import Synchronization

/// A broker of a few lines: answers requests on a free port of this machine, one connection a
/// thread.
final class FakeBroker: @unchecked Sendable {
    /// What a test does with a request: the answer's bytes with its header, or `nil` to hang up.
    struct Request {
        var key: APIKey
        var version: Int16
        var correlationID: Int32
        /// Where the broker listens.
        var port: UInt16
        /// The request's fields.
        var body: [UInt8]

        func decoded<R: KafkaRequest>(_: R.Type) throws -> R {
            try R(decoding: body, version: version)
        }
        func answer<R: KafkaResponse>(_ response: R, version: Int16? = nil) throws -> [UInt8] {
            var writer = WireWriter()
            let used = version ?? self.version
            try ResponseHeader(correlationID: correlationID).encode(
                to: &writer, version: key.responseHeaderVersion(for: used))
            try response.encode(to: &writer, version: used)
            return writer.toArray()
        }
    }
    typealias Handler = @Sendable (Request) throws -> [UInt8]?

    let port: UInt16
    private let listener: Int32
    private let isStopped = Mutex(false)
    private let handler: Handler
    var address: String { "127.0.0.1:\(port)" }

    /// Begins to listen.
    init(_ handler: @escaping Handler) throws {
        self.handler = handler
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && listen(descriptor, 16) == 0
                    && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard bound else { throw POSIXError(.EADDRINUSE) }
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [self] in acceptConnections() }
    }

    /// Accepts until `stop`, and closes the listener only then: no number of a descriptor is used
    /// that may belong to another test by now.
    private func acceptConnections() {
        while true {
            let client = accept(listener, nil, nil)
            if isStopped.withLock({ $0 }) {
                if client >= 0 { close(client) }
                isStopped.withLock { _ in _ = close(listener) }
                return
            }
            guard client >= 0 else { continue }
            Thread.detachNewThread { [handler, port] in Self.serve(client, at: port, handler) }
        }
    }

    /// Stops listening; connections end when their clients close them.
    func stop() {
        isStopped.withLock { isStopped in
            guard !isStopped else { return }
            isStopped = true
            shutdown(listener, Int32(SHUT_RDWR))
        }
    }

    private static func serve(_ client: Int32, at port: UInt16, _ handler: Handler) {
        defer { close(client) }
        while let frame = readFrame(client) {
            do {
                guard let request = try decode(frame, port), let answer = try handler(request)
                else {
                    return
                }
                let size = withUnsafeBytes(of: Int32(answer.count).bigEndian) { Array($0) }
                let bytes = size + answer
                guard send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
                    return
                }
            } catch {
                print("fake broker: \(error)")
                return
            }
        }
    }

    private static func decode(_ frame: [UInt8], _ port: UInt16) throws -> Request? {
        var reader = WireReader(frame.span.bytes)
        let raw = try reader.readInt16()
        let version = try reader.readInt16()
        guard let key = APIKey(rawValue: raw) else { return nil }
        var again = WireReader(frame.span.bytes)
        let header = try RequestHeader(
            from: &again, version: key.requestHeaderVersion(for: version))
        return Request(
            key: key, version: version, correlationID: header.correlationID, port: port,
            body: Array(frame[again.offset...]))
    }

    private static func readFrame(_ client: Int32) -> [UInt8]? {
        guard let size = read(client, 4) else { return nil }
        return read(client, size.reduce(0) { $0 << 8 | Int($1) })
    }

    private static func read(_ client: Int32, _ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = recv(client, &bytes, count, Int32(MSG_WAITALL))
        return got == count ? bytes : nil
    }
}

extension FakeBroker {
    /// An answer to ApiVersions that offers all that this code speaks.
    static func versions(_ keys: [APIKey] = APIKey.allCases) -> ApiVersionsResponse {
        ApiVersionsResponse(
            apiKeys: keys.map {
                .init(
                    apiKey: $0.rawValue, minVersion: $0.validVersions.lowerBound,
                    maxVersion: $0.validVersions.upperBound)
            })
    }

    /// An answer to Metadata: this broker, under several ids, of which 1 leads all partitions.
    static func metadata(
        _ port: UInt16, _ topics: [(String, Int32)], brokers: [Int32] = [1]
    ) -> MetadataResponse {
        MetadataResponse(
            brokers: brokers.map { .init(nodeID: $0, host: "127.0.0.1", port: Int32(port)) },
            clusterID: "c",
            controllerID: 1,
            topics: topics.map { name, count in
                .init(
                    errorCode: count == 0 ? KafkaError.unknownTopicOrPartition.rawValue : 0,
                    name: name,
                    partitions: (0..<count).map {
                        .init(
                            partitionIndex: $0, leaderID: 1, replicaNodes: [1], isrNodes: [1])
                    })
            })
    }

    /// Answers ApiVersions and Metadata by itself, DescribeCluster where `more` does not, and all
    /// else by `more`.
    static func cluster(
        _ topics: [(String, Int32)], versions: ApiVersionsResponse = FakeBroker.versions(),
        brokers: [Int32] = [1],
        _ more: @escaping Handler = { _ in nil }
    ) throws -> FakeBroker {
        try FakeBroker { request in
            switch request.key {
            case .apiVersions: return try request.answer(versions)
            case .metadata:
                let wanted = try request.decoded(MetadataRequest.self).topics
                let named = wanted.map { $0.compactMap(\.name) }
                let known = named.map { names in
                    names.map { name in (name, topics.first { $0.0 == name }?.1 ?? 0) }
                }
                return try request.answer(
                    metadata(request.port, known ?? topics, brokers: brokers))
            case .describeCluster:
                if let answer = try more(request) { return answer }
                let port = Int32(request.port)
                return try request.answer(
                    DescribeClusterResponse(
                        clusterID: "c", controllerID: 1,
                        brokers: brokers.map { .init(brokerID: $0, host: "127.0.0.1", port: port) }
                    ))
            default: return try more(request)
            }
        }
    }

    /// An answer to FindCoordinator: this broker coordinates every key.
    static func coordinators(_ request: Request, _ error: KafkaError = .none) throws -> [UInt8] {
        let asked = try request.decoded(FindCoordinatorRequest.self)
        if request.version < 4 {
            return try request.answer(
                FindCoordinatorResponse(
                    errorCode: error.rawValue, nodeID: 1, host: "127.0.0.1",
                    port: Int32(request.port)))
        }
        return try request.answer(
            FindCoordinatorResponse(
                coordinators: asked.coordinatorKeys.map {
                    .init(
                        key: $0, nodeID: 1, host: "127.0.0.1", port: Int32(request.port),
                        errorCode: error.rawValue)
                }))
    }

    /// An answer to ListOffsets: partition p begins at p and ends at 100 + p; nothing is later than
    /// time 1000, and what is earlier is at 50 + p.
    static func offsets(_ request: Request) throws -> [UInt8] {
        let asked = try request.decoded(ListOffsetsRequest.self)
        return try request.answer(
            ListOffsetsResponse(
                topics: asked.topics.map { topic in
                    .init(
                        name: topic.name,
                        partitions: topic.partitions.map { partition in
                            let index = Int64(partition.partitionIndex)
                            let offset: Int64 =
                                switch partition.timestamp {
                                case -1: 100 + index
                                case -2: index
                                case ..<1000: 50 + index
                                default: -1
                                }
                            return .init(
                                partitionIndex: partition.partitionIndex, timestamp: -1,
                                offset: offset)
                        })
                }))
    }
}
