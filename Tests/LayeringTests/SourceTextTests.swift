import Testing

/// The checks themselves can fail: each is shown text that breaks the rule.
@Suite struct SourceTextTests {
    @Test func commentsAndStringsAreNotCode() {
        let text = """
            // await
            /* async /* nested */ Task */
            let a = "await \\(call("x", try! y)) // no comment"
            let b = #"try! \\#(z) \\(w)"#
            """
        let code = CodeText.strip(text)
        #expect(!code.contains("await") && !code.contains("async") && !code.contains("comment"))
        #expect(code.contains("try! y") && code.contains("(z)") && !code.contains("(w)"))
        #expect(code.split(separator: "\n", omittingEmptySubsequences: false).count == 4)
    }

    @Test func importsAreSeen() {
        let file = SourceFile(
            path: "Sources/Wire/KafkaWire/A.swift",
            text: "import Glibc\n@testable import B\npublic import struct C.D\n// import E\n")
        #expect(file.imports == ["Glibc", "B", "C"])
        #expect(file.target == "KafkaWire")
    }

    @Test func bannedWordsAreFoundWithTheirLine() {
        let file = SourceFile(path: "Tests/A/B.swift", text: "let x = 1\nlet y = try! f()\n")
        #expect(file.lines(matching: /\btry!/) == ["Tests/A/B.swift:2: try!"])
    }

    @Test func functionLengthIsThatOfTheBody() {
        let body = String(repeating: "    if a { b([1]) }\n", count: 80)
        let code = """
            protocol P {
              func f(x: Int)
              init(y: Int)
            }
            func g<T>(_ t: T) -> Int
            where T: P {
            \(body)}
            """
        let found = Functions.all(in: code)
        #expect(found.map(\.lineCount) == [82])
        #expect(found.map(\.line) == [5])
    }
}
