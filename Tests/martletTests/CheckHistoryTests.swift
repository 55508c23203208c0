import Testing

@testable import martlet

@Suite struct CheckHistoryTests {
    private let good = """
        {"type":"note","text":"a run"}
        {"type":"begin","txn":"T"}
        {"type":"produce","process":"p","topic":"t","value":"a","txn":"T"}
        {"type":"acked","value":"a","partition":0,"offset":3}

        {"type":"offset-commit","group":"g","topic":"u","partition":0,"offset":1,"txn":"T"}
        {"type":"commit","txn":"T"}
        {"type":"committed","txn":"T"}
        {"type":"seek","reader":"c","topic":"t","partition":0,"offset":0,\
        "isolation":"read_committed"}
        {"type":"read","reader":"c","topic":"t","partition":0,"offset":3,"value":"a"}
        {"type":"end","reader":"c","topic":"t","partition":0,"offset":5}
        {"type":"offset-fetched","group":"g","topic":"u","partition":0,"offset":1}
        """

    private func run(_ text: String, _ options: String...) throws -> (Int32, Console) {
        let directory = try TemporaryDirectory()
        let file = try directory.write("history.jsonl", Array(text.utf8))
        let console = Console(captures: true)
        let code = Martlet.run(["martlet", "check-history", file] + options, console)
        return (code, console)
    }

    @Test func aGoodHistory() throws {
        let (code, console) = try run(good)
        #expect(code == 0)
        #expect(console.output.hasSuffix("No anomaly.\n"))
        #expect(console.output.contains("1 records sent, 1 acknowledged (0 of them not read)"))
    }

    @Test func anAnomalyComesWithItsLines() throws {
        let lost = good.split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.contains("\"read\"") }.joined(separator: "\n")
        let (code, console) = try run(lost)
        #expect(code == 1)
        #expect(console.output.contains("lost: 'a' was acknowledged at offset 3 of t-0"))
        #expect(
            console.output.contains(
                "    line 4: {\"type\":\"acked\",\"value\":\"a\",\"partition\":0,\"offset\":3}"))
        #expect(console.output.contains("Anomalies: lost 1."))
        let (again, json) = try run(lost, "--json")
        #expect(again == 1)
        let report = try JSONParser.parse(json.output)
        #expect(report["valid"] == .bool(false))
        #expect(report["counts"]?["lost"] == .integer(1))
        #expect(report["anomalies"]?.elements?.first?["lines"]?.elements?.count == 3)
    }

    @Test func aLineThatIsNoneIsNamed() throws {
        for (line, reason) in [
            ("{", "not a valid JSON"), ("{}", "a 'type'"), ("{\"type\":\"x\"}", "no type 'x'"),
            ("{\"type\":\"acked\",\"value\":\"a\"}", "needs 'partition'"),
            ("{\"type\":\"failed\",\"value\":\"a\"}", "was not sent"),
            ("{\"type\":\"failed\",\"value\":7}", "not a string"),
        ] {
            let (code, console) = try run("\n" + line)
            #expect(code == 1)
            #expect(console.capturedErrors.contains("line 2"), "\(console.capturedErrors)")
            #expect(console.capturedErrors.contains(reason), "\(console.capturedErrors)")
        }
    }
}
