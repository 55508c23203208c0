import KafkaProtocol
import KafkaWire

/// Limits of the client.
public enum AdminLimits {
    /// Largest answer that is read, in bytes; a longer one is refused before memory is taken.
    public static let responseBytes = 256 << 20
    /// Time to connect, in milliseconds (`socket.connection.setup.timeout.ms` of Kafka's clients).
    public static let connectMilliseconds = 10_000
    /// Time for a request, in milliseconds, when nothing else is said.
    public static let requestMilliseconds = 30_000
}

/// A request that has been sent and whose answer has not been read yet.
public struct PendingRequest<Request: KafkaRequest> {
    /// Number that the answer carries too.
    public let correlationID: Int32
    /// Version in which the request was written.
    public let version: Int16
}

/// A connection to one node, used by one thread: requests out, answers back in the same order.
///
/// After any error other than a failure to encode, the connection is of no more use.
public final class Connection {
    /// Where it goes to.
    public let address: HostPort
    /// What the node serves, by API key; filled by `open`.
    public private(set) var apiVersions: [Int16: ClosedRange<Int16>] = [:]
    /// The whole answer to ApiVersions, with the features.
    public private(set) var versionsResponse = ApiVersionsResponse()
    private let socket: Socket
    private let clientID: String
    private var nextCorrelationID: Int32 = 0
    private var writer = WireWriter(capacity: 4096)

    private init(socket: Socket, clientID: String) {
        self.socket = socket
        self.address = socket.address
        self.clientID = clientID
    }

    /// Connects and asks for the API versions, falling back to version 0 for an old node (KIP-511).
    public static func open(
        _ address: HostPort, clientID: String, milliseconds: Int = AdminLimits.connectMilliseconds
    ) throws(AdminError) -> Connection {
        let deadline = Deadline(milliseconds: milliseconds)
        let socket = try Socket.connect(to: address, deadline: deadline)
        let connection = Connection(socket: socket, clientID: clientID)
        try connection.negotiate(deadline)
        return connection
    }

    /// Closes the connection.
    public func close() { socket.close() }

    private func negotiate(_ deadline: Deadline) throws(AdminError) {
        let request = ApiVersionsRequest(
            clientSoftwareName: "martlet-cli", clientSoftwareVersion: "4.4.0")
        // From version 4 on it tells features that begin at level 0.
        for version in [Int16(4), 3, 0] {
            let pending = try send(request, version: version, deadline: deadline)
            let frame = try receiveFrame("ApiVersions", deadline)
            // A node that does not know the version answers in version 0, error code first.
            let unsupported = frame.count >= 6 && frame[4] == 0 && frame[5] == 35
            if version != 0 && unsupported { continue }
            let response = try decode(frame, pending)
            try AdminError.check(response.errorCode, context: "ApiVersions at \(address)")
            versionsResponse = response
            for key in response.apiKeys where key.minVersion <= key.maxVersion {
                apiVersions[key.apiKey] = key.minVersion...key.maxVersion
            }
            return
        }
    }

    /// The highest version that the node and this client have in common, at most `limit`.
    public func version<R: KafkaRequest>(
        of _: R.Type, atMost limit: Int16 = .max
    ) throws(AdminError) -> Int16 {
        let ours = R.validVersions
        guard let theirs = apiVersions[R.apiKey.rawValue],
            theirs.lowerBound <= ours.upperBound, ours.lowerBound <= theirs.upperBound
        else { throw .unsupported(address, api: R.apiKey.name) }
        let best = min(ours.upperBound, theirs.upperBound, limit)
        guard best >= max(ours.lowerBound, theirs.lowerBound) else {
            throw .unsupported(address, api: R.apiKey.name)
        }
        return best
    }

    /// Whether the node serves `key` at all.
    public func serves(_ key: APIKey) -> Bool { apiVersions[key.rawValue] != nil }

    /// Sends a request and waits for its answer. No other request may be under way.
    public func call<R: KafkaRequest>(
        _ request: R, version: Int16? = nil, milliseconds: Int = AdminLimits.requestMilliseconds
    ) throws(AdminError) -> R.Response {
        try callKeepingFrame(request, version: version, milliseconds: milliseconds).response
    }

    /// As `call`, with the bytes in which `RecordsField.inFrame` ranges of the answer lie.
    public func callKeepingFrame<R: KafkaRequest>(
        _ request: R, version: Int16? = nil, milliseconds: Int = AdminLimits.requestMilliseconds
    ) throws(AdminError) -> (response: R.Response, frame: [UInt8]) {
        let deadline = Deadline(milliseconds: milliseconds)
        let chosen: Int16 = if let version { version } else { try self.version(of: R.self) }
        let pending = try send(request, version: chosen, deadline: deadline)
        return try receive(pending, deadline: deadline)
    }

    /// Writes a request to the socket.
    @discardableResult
    public func send<R: KafkaRequest>(
        _ request: R, version: Int16, deadline: Deadline
    ) throws(AdminError) -> PendingRequest<R> {
        let correlationID = nextCorrelationID
        nextCorrelationID &+= 1
        let header = RequestHeader(
            requestAPIKey: R.apiKey.rawValue, requestAPIVersion: version,
            correlationID: correlationID, clientID: clientID)
        writer.reset()
        writer.write(Int32(0))
        do {
            try header.encode(to: &writer, version: R.apiKey.requestHeaderVersion(for: version))
            try request.encode(to: &writer, version: version)
        } catch {
            throw .badRequest(what: "\(R.apiKey.name) v\(version)", reason: "\(error)")
        }
        writer.patch(Int32(writer.count - 4), at: 0)
        var failure: AdminError?
        writer.toArray().withUnsafeBytes { bytes in
            do throws(AdminError) {
                try socket.write(bytes, what: R.apiKey.name, deadline: deadline)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return PendingRequest(correlationID: correlationID, version: version)
    }

    /// Reads the answer to the oldest request that is under way, which must be `pending`.
    public func receive<R: KafkaRequest>(
        _ pending: PendingRequest<R>, deadline: Deadline
    ) throws(AdminError) -> (response: R.Response, frame: [UInt8]) {
        let frame = try receiveFrame(R.apiKey.name, deadline)
        return (try decode(frame, pending), frame)
    }

    /// Whether an answer has begun to arrive.
    public var hasAnswer: Bool { socket.isReadable }

    private func receiveFrame(_ what: String, _ deadline: Deadline) throws(AdminError) -> [UInt8] {
        var size: Int32 = 0
        var failure: AdminError?
        withUnsafeMutableBytes(of: &size) { buffer in
            do throws(AdminError) {
                try socket.read(into: buffer, what: what, deadline: deadline)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        let count = Int(Int32(bigEndian: size))
        guard count >= 4, count <= AdminLimits.responseBytes else {
            throw .badResponse(address, what: what, reason: "a frame of \(count) bytes")
        }
        let frame = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let raw = UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: count)
            do throws(AdminError) {
                try socket.read(into: raw, what: what, deadline: deadline)
                initialized = count
            } catch { failure = error }
        }
        if let failure { throw failure }
        return frame
    }

    private func decode<R: KafkaRequest>(
        _ frame: [UInt8], _ pending: PendingRequest<R>
    ) throws(AdminError) -> R.Response {
        let what = "\(R.apiKey.name) v\(pending.version)"
        do {
            var reader = WireReader(frame.span.bytes)
            let header = try ResponseHeader(
                from: &reader, version: R.apiKey.responseHeaderVersion(for: pending.version))
            guard header.correlationID == pending.correlationID else {
                throw WireError.badValue(
                    "correlation id \(header.correlationID) instead of \(pending.correlationID)")
            }
            let response = try R.Response(from: &reader, version: pending.version)
            try reader.finish()
            return response
        } catch {
            throw .badResponse(address, what: what, reason: "\(error)")
        }
    }
}
