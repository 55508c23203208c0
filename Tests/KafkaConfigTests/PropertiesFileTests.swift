import Testing

@testable import KafkaConfig

@Suite struct PropertiesFileTests {
    private func pairs(_ text: String) throws -> [String] {
        try PropertiesFile.parse(text).map { "\($0.key)|\($0.value)" }
    }

    @Test func separatorsCommentsAndBlanks() throws {
        let text = """
            # comment
              ! another
            a=1
            b : 2
            c 3
            d\t=\t 4 \u{20}

            e
            f==5
            g\\=h\\:\\ i = j=k
            """
        #expect(
            try pairs(text) == ["a|1", "b|2", "c|3", "d|4  ", "e|", "f|=5", "g=h: i|j=k"])
    }

    @Test func continuationLines() throws {
        #expect(try pairs("a=1,\\\n   2,\\\r\n#3\nb=x\\\\\nc=y") == ["a|1,2,#3", "b|x\\", "c|y"])
        #expect(try pairs("# no \\\na=1") == ["a|1"])
        #expect(try pairs("a=1\\") == ["a|1"])
        #expect(try pairs("a=1\rb=2") == ["a|1", "b|2"])
        #expect(try pairs("") == [])
    }

    @Test func escapes() throws {
        #expect(try pairs("a=\\u00e9\\t\\n\\q\\uD83D\\uDE00") == ["a|é\t\nq😀"])
        #expect(throws: ConfigError.self) { try PropertiesFile.parse("x=1\na=\\u12g4") }
        #expect(throws: ConfigError.self) { try PropertiesFile.parse("a=\\u123") }
        #expect(throws: ConfigError.self) { try PropertiesFile.parse("a=\\u+123") }
    }

    @Test func whatIsWrittenReadsBack() throws {
        let entries: [PropertiesFile.Entry] = [
            .init(key: "a b:c=d#e!f", value: "  x # ! = : \\ é 😀\t\n\r\u{0C}"),
            .init(key: "empty", value: ""),
        ]
        let text = PropertiesFile.write(entries)
        #expect(text.utf8.allSatisfy { $0 < 0x80 })
        #expect(text.contains("\\u00E9"))
        #expect(try PropertiesFile.parse(text) == entries)
    }
}
