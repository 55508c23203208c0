import KafkaProtocol
import KafkaWire

extension BrokerLoop {
    /// Takes in one frame of `connection`: header, limits, then the API's handler.
    ///
    /// `frame` is what follows the length prefix; handlers may patch record batches in it in place.
    /// Whatever cannot be understood closes that connection and disturbs nobody else.
    public func received(
        _ frame: inout MutableRawSpan, on connection: ConnectionID, now: ClockReading
    ) {
        guard connections[connection] != nil else { return }
        do {
            let (context, bodyStart) = try admit(frame.bytes, connection, now)
            if unfit(context) { return }
            try dispatch(&frame, bodyStart, context)
        } catch {
            close(connection, error.reason)
        }
        if isLoaded(connection) { emit(.pauseReading(connection)) }
    }

    /// Reads the header; nothing of the body is looked at.
    private func admit(
        _ frame: RawSpan, _ connection: ConnectionID, _ now: ClockReading
    ) throws(RequestError) -> (RequestContext, Int) {
        var reader = WireReader(frame)
        do throws(WireError) {
            var peek = WireReader(frame)
            let rawKey = try peek.readInt16()
            let version = try peek.readInt16()
            let serves = connections[connection]?.serves ?? []
            guard let key = APIKey(rawValue: rawKey), Self.serves(key, on: serves) else {
                throw WireError.badValue("API key \(rawKey) is not served here")
            }
            // The client of a newer Kafka asks for ApiVersions in a version we do not know: its
            // header still begins like ours, and it must learn what we do speak (KIP-511).
            let known = key.validVersions.contains(version)
            let headerVersion = known ? key.requestHeaderVersion(for: version) : 1
            let header = try RequestHeader(from: &reader, version: headerVersion)
            guard known || key == .apiVersions else {
                throw WireError.badValue("\(key.name) has no version \(version) here")
            }
            let held = key == .produce || frame.byteCount <= limits.smallBytes ? 0 : frame.byteCount
            let context = makeContext(connection, key, version, header, held, now)
            return (context, reader.offset)
        } catch {
            throw .badHeader(error)
        }
    }

    private func makeContext(
        _ id: ConnectionID, _ key: APIKey, _ version: Int16, _ header: RequestHeader,
        _ heldBytes: Int, _ now: ClockReading
    ) -> RequestContext {
        let slot = connections[id]?.takeSlot() ?? 0
        if heldBytes > 0 { hold(heldBytes, of: id) }
        let connection = connections[id]
        return RequestContext(
            connection: id, listener: connection?.listener ?? "",
            serves: connection?.serves ?? [], clientAddress: connection?.clientAddress ?? "",
            apiKey: key, apiVersion: version,
            correlationID: header.correlationID, clientID: header.clientID, slot: slot,
            heldBytes: heldBytes, now: now)
    }

    /// Answers an ApiVersions request of an unknown version as version 0, with the versions of
    /// ApiVersions that the client may ask with (KIP-511).
    private func unfit(_ context: RequestContext) -> Bool {
        guard context.apiKey == .apiVersions,
            !APIKey.apiVersions.validVersions.contains(context.apiVersion)
        else { return false }
        let asZero = RequestContext(
            connection: context.connection, listener: context.listener, serves: context.serves,
            clientAddress: context.clientAddress, apiKey: .apiVersions, apiVersion: 0,
            correlationID: context.correlationID, clientID: context.clientID, slot: context.slot,
            heldBytes: context.heldBytes, now: context.now)
        let versions = APIKey.apiVersions.validVersions
        answer(
            ApiVersionsResponse(
                errorCode: KafkaError.unsupportedVersion.rawValue,
                apiKeys: [
                    .init(
                        apiKey: APIKey.apiVersions.rawValue, minVersion: versions.lowerBound,
                        maxVersion: versions.upperBound)
                ]), to: asZero)
        return true
    }

    /// Decodes the body. Bytes after it are let pass, as Kafka does: librdkafka 2 sends three
    /// behind some Metadata requests.
    func decode<Request: KafkaRequest>(
        _: Request.Type, _ frame: RawSpan, from start: Int, _ context: RequestContext
    ) throws(RequestError) -> Request {
        do throws(WireError) {
            let body = frame.extracting(start..<frame.byteCount)
            var reader = WireReader(body)
            return try Request(from: &reader, version: context.apiVersion)
        } catch {
            throw .badBody(context.apiKey, context.apiVersion, error)
        }
    }
}

/// Why a request closes its connection.
enum RequestError: Error {
    case badHeader(WireError)
    case badBody(APIKey, Int16, WireError)

    var reason: String {
        switch self {
        case .badHeader(let error): "malformed request header: \(error)"
        case .badBody(let key, let version, let error):
            "malformed \(key.name) request, version \(version): \(error)"
        }
    }
}
