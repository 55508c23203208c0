import Testing

@testable import KafkaSecurity

@Suite struct SaslClientTests {
    private func take(_ client: inout SaslClient, _ text: String) throws -> SaslClient.Step {
        try client.take(Array(text.utf8))
    }

    private static let nonce = "rOprNGfwEbeRWgbNEkqO"
    private static let serverFirst =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"

    private func scram() -> SaslClient {
        SaslClient(.scram(.sha256, username: "user", password: "pencil", nonce: Self.nonce))
    }

    /// The example of RFC 7677.
    @Test func scramWithSHA256IsThatOfItsRFC() throws {
        var client = scram()
        #expect(client.mechanism == .scramSHA256)
        #expect(try client.begin() == Array("n,,n=user,r=\(Self.nonce)".utf8))
        let final =
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            + "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        #expect(try take(&client, Self.serverFirst) == .send(Array(final.utf8)))
        let step = try take(&client, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
        #expect(step == .done)
        #expect(throws: SaslError.self) { try take(&client, "v=") }
    }

    /// Proof and signature are those that Python's hashlib gives.
    @Test func scramWithSHA512EscapesNames() throws {
        let nonce = "fyko+d2lbbFgONRv9qkxdawL"
        var client = SaslClient(
            .scram(.sha512, username: "a,b=c", password: "pénçil", nonce: nonce))
        #expect(client.mechanism == .scramSHA512)
        #expect(try client.begin() == Array("n,,n=a=2Cb=3Dc,r=\(nonce)".utf8))
        let all = nonce + "3rfcNHYJY1ZVvWVs7j"
        let proof =
            "FY2s5+TA4lVE+8QAVqg1l7R6VHKyp8lqE3WsSuDgdCUTYew4Q7BXvIXEb+h7gUQLZfc2UTcPg9DQGs4SKLHh3Q=="
        #expect(
            try take(&client, "r=\(all),s=QSXCR+Q6sek8bf92,i=4096")
                == .send(Array("c=biws,r=\(all),p=\(proof)".utf8)))
        let signature =
            "MphLUx2glpAnEAdevnxT9quA72wJiwKkKCfT/+yvHe1CKO7ePJLnkWkJyS0hEU6JjaNFl3sTMl2/k3BbRDK8CQ=="
        #expect(try take(&client, "v=\(signature)") == .done)
    }

    @Test(arguments: [
        "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "v=6rriTRBi23WpRR/wtup+mA==",
    ])
    func aServerThatDoesNotKnowThePasswordIsFoundOut(final: String) throws {
        var client = scram()
        _ = try take(&client, Self.serverFirst)
        #expect(throws: SaslError.serverNotProven) { try take(&client, final) }
    }

    @Test(arguments: [
        "", "i=4096", "r=other,s=W22ZaJ0=,i=4096", "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0=,i=4096",
        "r=rOprNGfwEbeRWgbNEkqO1,s=,i=4096", "r=rOprNGfwEbeRWgbNEkqO1,s=W22Za,i=4096",
        "r=rOprNGfwEbeRWgbNEkqO1,s=W22ZaJ0=,i=", "r=rOprNGfwEbeRWgbNEkqO1,s=W22ZaJ0=,i=4095",
        "r=rOprNGfwEbeRWgbNEkqO1,s=W22ZaJ0=,i=16385",
        "r=rOprNGfwEbeRWgbNEkqO1,s=W22ZaJ0=,i=-1",
        "r=rOprNGfwEbeRWgbNEkqO1,s=W22ZaJ0=,i=99999999999999999999",
        "m=x,r=rOprNGfwEbeRWgbNEkqO1,s=W22ZaJ0=,i=4096",
    ])
    func aChallengeThatMustNotBeAnsweredIsNot(challenge: String) throws {
        var client = scram()
        let error = #expect(throws: SaslError.self) { try take(&client, challenge) }
        guard case .unacceptableChallenge = error else {
            return #expect(Bool(false), "\(String(describing: error))")
        }
    }

    @Test func theMostIterationsAreAccepted() throws {
        var client = scram()
        let step = try take(&client, "r=\(Self.nonce)1,s=W22ZaJ0=,i=16384")
        guard case .send = step else { return #expect(Bool(false), "\(step)") }
    }

    @Test func whatTheServerRefusesIsTold() throws {
        var client = scram()
        #expect(throws: SaslError.refused("other-error")) {
            try take(&client, "e=other-error")
        }
        client = scram()
        _ = try take(&client, Self.serverFirst)
        #expect(throws: SaslError.refused("invalid-proof")) {
            try take(&client, "e=invalid-proof")
        }
    }

    @Test(arguments: ["", "v", "v=?", "r=x,i=4096"])
    func anEndWithoutASignatureIsNone(final: String) throws {
        var client = scram()
        _ = try take(&client, Self.serverFirst)
        #expect(throws: SaslError.unacceptableChallenge("the last one has no signature")) {
            try take(&client, final)
        }
    }

    @Test(arguments: ["", "a\0"]) func aNameThatCannotBeSentIsNot(name: String) {
        let client = SaslClient(.scram(.sha512, username: name, password: "x", nonce: "n"))
        #expect(throws: SaslError.unusableCredentials("give a username, and no zero bytes")) {
            try client.begin()
        }
    }

    @Test func plainSendsNameAndPassword() throws {
        var client = SaslClient(.plain(username: "alice", password: "sesame"))
        #expect(try client.begin() == Array("\0alice\0sesame".utf8))
        #expect(try client.take([]) == .done)
        for (name, password) in [("", "x"), ("a\0", "x"), ("a", "x\0")] {
            let bad = SaslClient(.plain(username: name, password: Secret(password)))
            #expect(throws: SaslError.self) { try bad.begin() }
        }
    }

    @Test func aTokenGoesWithItsExtensions() throws {
        let token = OAuthToken("abc.def", extensions: ["traceId": "1", "logicalCluster": "x y"])
        var client = SaslClient(.oauthBearer(token))
        let text = "n,,\u{1}auth=Bearer abc.def\u{1}logicalCluster=x y\u{1}traceId=1\u{1}\u{1}"
        #expect(try client.begin() == Array(text.utf8))
        #expect(try client.take([]) == .done)
        client = SaslClient(.oauthBearer(token))
        #expect(try take(&client, "{\"status\":\"invalid_token\"}") == .send([1]))
        #expect(throws: SaslError.refused("{\"status\":\"invalid_token\"}")) {
            try client.take([])
        }
        for bad in [
            OAuthToken(""), OAuthToken("a\u{1}b"), OAuthToken("a", extensions: ["auth": "b"]),
            OAuthToken("a", extensions: ["k1": "b"]), OAuthToken("a", extensions: ["k": "\u{1}"]),
        ] {
            #expect(throws: SaslError.self) { try SaslClient(.oauthBearer(bad)).begin() }
        }
    }

    @Test func aChallengeHasALimit() throws {
        let most = [UInt8](repeating: 0x61, count: SaslClient.challengeLimit)
        var client = SaslClient(.oauthBearer(OAuthToken("t")))
        #expect(try client.take(most) == .send([1]))
        client = SaslClient(.oauthBearer(OAuthToken("t")))
        #expect(throws: SaslError.self) { try client.take(most + [0x61]) }
    }

    @Test func secretsAreNotShown() {
        let credentials = SaslCredentials.plain(username: "alice", password: "sesame")
        var dumped = ""
        dump(credentials, to: &dumped)
        for text in ["\(credentials)", String(reflecting: credentials), dumped] {
            #expect(text.contains("alice") && !text.contains("sesame"))
        }
        #expect("\(Secret("sesame"))" == "hidden")
    }
}

@Suite struct Base64Tests {
    /// RFC 4648, section 10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
    func textGoesThereAndBack(plain: String, encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(plain.utf8))
    }

    @Test func allBytesGoThereAndBack() {
        let bytes = Array(UInt8.min...UInt8.max)
        #expect(Base64.decode(Base64.encode(bytes)) == bytes)
    }

    @Test(arguments: [
        "Z", "Zg", "Zg=", "Zh==", "Zm9=", "=m9v", "Zm=v", "Zg==Zg==", "Zm9v\n", "====",
    ])
    func whatIsNotBase64IsRefused(text: String) { #expect(Base64.decode(text) == nil) }
}
