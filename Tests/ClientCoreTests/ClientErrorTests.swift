import KafkaProtocol
import KafkaWire
import Testing

@testable import ClientCore

/// What errors say, and what they say of going on.
@Suite struct ClientErrorTests {
    @Test func eachErrorSaysWhatIsWrong() {
        let texts: [(ClientError, String)] = [
            (.broker(.notController, message: "ask 3"), "NOT_CONTROLLER: ask 3"),
            (.disconnected("b: reset"), "disconnected: b: reset"),
            (.timedOut("Metadata"), "timed out: Metadata"),
            (
                .unsupportedRequest(.fetch, broker: "broker 1"),
                "broker 1 has no version of Fetch that this client knows"
            ),
            (.malformedResponse("Fetch"), "malformed response: Fetch"),
            (.invalidSetting(key: "k", value: "v", reason: "no"), "k=v: no"),
            (
                .recordTooLarge(bytes: 9, limit: 8),
                "a record of 9 bytes is larger than the limit of 8"
            ),
            (.invalidRecord("no partition"), "invalid record: no partition"),
            (.corruptRecords("t-0"), "corrupt records: t-0"),
            (.transactionAborted, "the transaction was aborted"),
            (.closed, "the client is closed"),
            (.fenced("by another"), "fenced: by another"),
            (.invalidState("no group"), "not now: no group"),
            (.offsetOutOfRange("5"), "offset out of range: 5"),
            (.logTruncated("t-0"), "log truncated: t-0"),
            (
                .security(.untrustedCertificate("expired")),
                "the broker's certificate is not trusted: expired"
            ),
            (
                .security(.wrongHostName("other")),
                "the broker's certificate is for another name: other"
            ),
            (.security(.tls("no version")), "TLS: no version"),
            (.security(.brokerNotProven("it lies")), "it lies"),
            (.security(.noCredentials("no token")), "no credentials: no token"),
        ]
        for (error, text) in texts { #expect("\(error)" == text) }
        // Without a message of the broker, the error's own.
        let own = KafkaError.notController.message
        #expect("\(ClientError.broker(.notController, message: nil))" == "NOT_CONTROLLER: \(own)")
    }

    /// What no other call of the same client can mend.
    @Test func someErrorsAreFatal() {
        let fatal: [ClientError] =
            [.fenced("x"), .closed]
            + [
                KafkaError.transactionalIDAuthorizationFailed, .unsupportedVersion,
                .producerFenced, .fencedInstanceID,
            ].map { .broker($0, message: nil) }
        for error in fatal { #expect(error.isFatal && !error.isRetriable) }
        let passing: [ClientError] = [
            .broker(.topicAuthorizationFailed, message: nil), .broker(.invalidRecord, message: nil),
            .timedOut("x"), .disconnected("x"), .transactionAborted, .invalidState("x"),
        ]
        for error in passing { #expect(!error.isFatal) }
        #expect(ClientError.timedOut("x").isRetriable && ClientError.disconnected("x").isRetriable)
        #expect(ClientError.broker(.notController, message: nil).isRetriable)
    }
}
