import KafkaProtocol
import KafkaRecords
import KafkaWire

/// A client with one connection to the node: encodes requests as any client would, and learns the
/// answer, or that there will be none.
final class SimulatedClient {
    let world: SimulatedWorld
    let name: String
    private var session: Session?
    private var nextCorrelation: Int32 = 1
    /// Requests without an answer, of all connections.
    private(set) var inFlight = 0

    /// One connection and the requests that wait on it, in order.
    private final class Session {
        var connection: SimulatedConnection?
        var waiting: [(correlation: Int32, complete: ([UInt8]?) -> Void)] = []
    }

    /// A decoded answer, and the bytes that its record fields lie in.
    struct Answer<Message> {
        var message: Message
        var body: [UInt8]
    }

    /// How long a client waits for an answer before it gives the connection up, in ns.
    private static let requestTimeout: Int64 = 30_000_000_000

    init(_ world: SimulatedWorld, _ name: String) {
        self.world = world
        self.name = name
        world.repeating(world.options.resetMs) { [weak self] in
            guard let connection = self?.session?.connection else { return }
            world.trace.note(world.scheduler.now, "\(name)'s connection breaks")
            connection.close()
        }
    }

    /// Sends a request; `done` gets `nil` when no answer will come (it may have had its effect).
    func call<Request: KafkaRequest>(
        _ request: Request, version: Int16, _ done: @escaping (Answer<Request.Response>?) -> Void
    ) {
        inFlight += 1
        let correlation = nextCorrelation
        nextCorrelation += 1
        guard let session = connected(), let connection = session.connection else {
            world.scheduler.after(world.latency()) { [self] in
                inFlight -= 1
                done(nil)
            }
            return
        }
        session.waiting.append(
            (
                correlation,
                { [self] frame in
                    inFlight -= 1
                    done(frame.flatMap { decode($0, Request.Response.self, version) })
                }
            ))
        connection.send(encode(request, version, correlation))
        world.scheduler.after(Self.requestTimeout) { [self] in
            guard session.waiting.contains(where: { $0.correlation == correlation }) else { return }
            world.trace.note(world.scheduler.now, "\(name) gives up waiting for an answer")
            session.connection?.close()
        }
    }

    private func connected() -> Session? {
        if let session, session.connection?.isOpen == true { return session }
        guard let process = world.node.process else { return nil }
        let fresh = Session()
        session = fresh
        fresh.connection = SimulatedConnection(
            world, to: process, onFrame: { [weak self] in self?.received($0, on: fresh) },
            onLoss: {
                let gone = fresh.waiting
                fresh.waiting = []
                for request in gone { request.complete(nil) }
            })
        return fresh
    }

    private func received(_ frame: [UInt8], on session: Session) {
        guard !session.waiting.isEmpty else {
            return world.violation("\(name): an answer to nothing")
        }
        let request = session.waiting.removeFirst()
        let correlation = frame.prefix(4).reduce(Int32(0)) { $0 << 8 | Int32($1) }
        if correlation != request.correlation {
            world.violation("\(name): answers out of order, \(correlation)")
        }
        request.complete(frame)
    }

    private func encode<Request: KafkaRequest>(
        _ request: Request, _ version: Int16, _ correlation: Int32
    ) -> [UInt8] {
        let header = RequestHeader(
            requestAPIKey: Request.apiKey.rawValue, requestAPIVersion: version,
            correlationID: correlation, clientID: name)
        do throws(WireError) {
            return try header.encoded(version: Request.apiKey.requestHeaderVersion(for: version))
                + request.encoded(version: version)
        } catch {
            preconditionFailure("a workload built a request that has no encoding: \(error)")
        }
    }

    private func decode<Response: KafkaResponse>(
        _ frame: [UInt8], _: Response.Type, _ version: Int16
    ) -> Answer<Response>? {
        let size = Response.apiKey.responseHeaderVersion(for: version) == 0 ? 4 : 5
        let body = Array(frame.dropFirst(size))
        do throws(WireError) {
            return Answer(message: try Response(decoding: body, version: version), body: body)
        } catch {
            world.violation("\(name): malformed \(Response.apiKey.name) answer: \(error)")
            return nil
        }
    }

    /// The records of a field of an answer; a violation when they cannot be read.
    func records<Message>(_ field: RecordsField, of answer: Answer<Message>) -> [Record] {
        guard case .inFrame(let range) = field else { return [] }
        do throws(BatchError) {
            let bytes = Array(answer.body[range])
            // Bytes have no padding.
            let span = unsafe bytes.span.bytes
            var records: [Record] = []
            var batches = BatchIterator(span)
            while let batch = try batches.next() {
                let bytes = span.extracting(batch.range)
                try RecordBatchHeader.verifyCRC(bytes, header: batch.header)
                if batch.header.isControl { continue }
                records += try BatchReader.records(bytes, limit: 16 << 20)
            }
            return records
        } catch {
            world.violation("\(name): records that cannot be read: \(error)")
            return []
        }
    }
}
