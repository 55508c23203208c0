import Testing

@testable import protocolgen

/// What the generator makes of a schema, and how it refuses one.
@Suite struct SchemaParserTests {
    private func parse(_ lines: String...) throws(SchemaError) -> SchemaFile {
        try SchemaParser.parse(lines.joined(separator: "\n"), path: "x.schema")
    }

    @Test func aWholeFile() throws {
        let file = try parse(
            "api Ping 7 on broker controller", "",
            "request PingRequest versions 1-3 unstable flexible 2+ {",
            "    // Who asks.",
            "    name: string? 2+ tag 0 default null ignorable  // Or null.",
            "    items: []Item {", "        id: int32 key", "    }", "}")
        let request = try #require(file.messages.first)
        #expect(file.api?.key == 7 && file.api?.listeners == ["broker", "controller"])
        #expect(request.kind == .request && request.isLatestUnstable)
        #expect(request.flexible == VersionRange(low: 2, high: 3))
        let name = request.fields[0]
        #expect(name.tag == 0 && name.isIgnorable && name.defaultText == "null")
        #expect(name.nullable == VersionRange(low: 2, high: 3))
        #expect(name.comments == ["Who asks.", "Or null."])
        #expect(request.structs.map(\.name) == ["Item"])
        #expect(request.structs[0].fields.map(\.isKey) == [true])
    }

    @Test(arguments: [
        ("a: int32", "1: error: unknown kind of message 'a:'"),
        ("data D versions x {\n}", "1: error: bad versions; expected 3 or 0-3"),
        ("data D versions 0 {\n    a: int32", "1: error: no closing brace"),
        ("data D versions 0 {\n    a: Thing\n}", "2: error: unknown type 'Thing'"),
        ("data D versions 0 {\n    a: int32 5+\n}", "2: error: unexpected '5+'"),
        ("data D versions 0-2 {\n    a: int32 1-7\n}", "2: error: versions 1-7 are not in 0-2"),
        (
            "data D versions 0 {\n    a: int32 tag 0\n}",
            "2: error: a tagged field in versions that have no tags"
        ),
        (
            "data D versions 0 {\n    a: int32 {\n    }\n}",
            "2: error: 'a' is no struct and has no fields"
        ),
    ])
    func refusals(_ text: String, _ message: String) throws {
        let error = #expect(throws: SchemaError.self) {
            try SchemaParser.parse(text, path: "x.schema")
        }
        #expect(error?.description == "x.schema:\(message)")
    }

    @Test func conditions() {
        let possible = VersionRange(low: 2, high: 9)
        #expect(VersionRange(low: 0, high: 9).condition(within: possible) == nil)
        #expect(VersionRange(low: 5, high: 9).condition(within: possible) == "version >= 5")
        #expect(VersionRange(low: 2, high: 4).condition(within: possible) == "version <= 4")
        #expect(VersionRange(low: 3, high: 3).condition(within: possible) == "version == 3")
    }

    @Test func errorCodes() throws {
        let codes = try SchemaParser.parseErrors(
            "error 49 INVALID_PRODUCER_ID_MAPPING retriable  // What it says.", path: "e")
        #expect(codes[0].caseName == "invalidProducerIDMapping" && codes[0].isRetriable)
        #expect(throws: SchemaError.self) {
            try SchemaParser.parseErrors("error x NAME // y", path: "e")
        }
    }
}
