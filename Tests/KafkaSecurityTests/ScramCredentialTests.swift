import Testing

@testable import KafkaSecurity

/// What a broker keeps of a password.
@Suite struct ScramCredentialTests {
    typealias Known = (
        mechanism: String, password: String, salt: String, stored: String, server: String
    )

    /// The password and salt of RFC 7677's example and of the client's other test; the keys are
    /// those that Python's hashlib and hmac give.
    private static let known: [Known] = [
        (
            "SCRAM-SHA-256", "pencil", "W22ZaJ0SNY7soEsUEjb6gQ==",
            "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=",
            "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        ),
        (
            "SCRAM-SHA-512", "pénçil", "QSXCR+Q6sek8bf92",
            "R0YGgWOndHg/u34KPoHXyWrhpgCOQP+6ObgHo4ACdia0cYWGoGZrSa3ZIti64E78vEOAW23J18G5wCtq"
                + "BtLH+Q==",
            "It7cFFwr6Gyk94wYdnJ6j9+5Nic3h3MUV/w6lNwt8ovjW25rHS8zGOBKAP1j8UxbKcLm2b/Tdf1zu82i"
                + "zhDPLA=="
        ),
    ]

    @Test(arguments: known) func keysAreThoseOfTheRFC(_ known: Known) throws {
        let hash = try #require(ScramHash(mechanism: known.mechanism))
        let salt = try #require(Base64.decode(known.salt))
        let kept = hash.credential(
            password: Array(known.password.utf8), salt: salt, iterations: 4096)
        #expect(kept.salt == salt && kept.iterations == 4096)
        #expect(Base64.encode(kept.storedKey) == known.stored)
        #expect(Base64.encode(kept.serverKey) == known.server)
        let salted = hash.saltedPassword(Array(known.password.utf8), salt, 4096)
        #expect(hash.credential(saltedPassword: salted, salt: salt, iterations: 4096) == kept)
    }

    @Test(arguments: ["", "PLAIN", "SCRAM-SHA-1", "scram-sha-256"])
    func otherMechanismsKeepNone(name: String) { #expect(ScramHash(mechanism: name) == nil) }
}
