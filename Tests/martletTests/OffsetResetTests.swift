import KafkaWire
import Testing

@testable import martlet

/// `consumer-groups --reset-offsets`.
@Suite struct OffsetResetTests {
    /// The new offsets by partition that the table shows.
    private func plan(_ groups: FakeGroups, _ arguments: String...) throws -> [String: Int64] {
        let console = Console(captures: true)
        let code = Martlet.run(
            [
                "martlet", "consumer-groups", "--reset-offsets", "--group", "idle", "--dry-run",
                "--bootstrap-server", groups.broker.address,
            ] + arguments, console)
        try #require(code == 0, "\(console.capturedErrors)")
        let lines = console.output.split(separator: "\n")
        #expect(lines.first == "GROUP           TOPIC           PARTITION  NEW-OFFSET")
        return Dictionary(
            uniqueKeysWithValues: lines.dropFirst().map { line in
                let cells = line.split(separator: " ")
                return ("\(cells[1])-\(cells[2])", Int64(cells[3]) ?? -1)
            })
    }

    @Test func allWaysToFindOffsets() throws {
        let groups = try FakeGroups()
        let all = ["t-0", "t-1", "t-2"]
        func expect(_ arguments: [String], _ offsets: [Int64]) throws {
            let console = Console(captures: true)
            let code = Martlet.run(
                [
                    "martlet", "consumer-groups", "--reset-offsets", "--group", "idle",
                    "--dry-run", "--export", "--topic", "t",
                    "--bootstrap-server", groups.broker.address,
                ] + arguments, console)
            #expect(code == 0, "\(console.capturedErrors)")
            let expected = zip(all, offsets).map { "t,\($0.0.suffix(1)),\($0.1)\n" }.joined()
            #expect(console.output == expected + "\n", "\(arguments)")
        }
        try expect(["--to-earliest"], [0, 1, 2])
        try expect(["--to-latest"], [100, 101, 102])
        try expect(["--to-current"], [40, 120, 102])
        try expect(["--to-offset", "70"], [70, 70, 70])
        try expect(["--to-datetime", "1970-01-01T00:00:00.999"], [50, 51, 52])
        try expect(["--to-datetime", "1970-01-01T00:00:01.000"], [100, 101, 102])
        try expect(["--by-duration", "PT1M"], [100, 101, 102])
        try expect(["--by-duration", "P40000D"], [50, 51, 52])
        #expect(groups.commits.isEmpty)
    }

    @Test func offsetsOutsideOfTheLogAreBroughtBack() throws {
        let groups = try FakeGroups()
        let high = groups.run(
            "--reset-offsets", "--group", "idle", "--topic", "t:1,2", "--to-offset", "101",
            "--dry-run")
        #expect(high.out.hasSuffix("\nidle            t               2          101\n"))
        #expect(high.errors.isEmpty)
        let shifted = groups.run(
            "--reset-offsets", "--group", "idle", "--topic", "t:0,1", "--shift-by", "-200",
            "--dry-run")
        #expect(
            shifted.out == """

                GROUP           TOPIC           PARTITION  NEW-OFFSET
                idle            t               0          0
                idle            t               1          1

                """)
        #expect(
            shifted.errors.hasPrefix(
                "WARN New offset (-160) is lower than earliest offset for topic partition t-0. "
                    + "Value will be set to 0.\n"))
        let up = try plan(groups, "--topic", "t:0", "--shift-by", "100")
        #expect(up == ["t-0": 100])
        let none = groups.run(
            "--reset-offsets", "--group", "idle", "--topic", "t:2", "--shift-by", "1", "--dry-run")
        #expect(none.code == 1)
        #expect(none.errors.contains("Cannot shift offset for partition t-2"))
    }

    @Test func executesAndSaysSo() throws {
        let groups = try FakeGroups()
        let done = groups.run(
            "--reset-offsets", "--group", "idle", "--group", "new", "--topic", "t", "--topic",
            "u:0", "--to-earliest", "--execute")
        #expect(done.code == 0 && done.errors.isEmpty)
        let offsets: [String: Int64] = ["t-0": 0, "t-1": 1, "t-2": 2, "u-0": 0]
        #expect(groups.commits == ["idle": offsets, "new": offsets])
        let silent = groups.run("--reset-offsets", "--group", "new", "--topic", "u", "--to-latest")
        #expect(silent.code == 0 && silent.errors.hasPrefix("WARN: No action will be performed"))
        #expect(groups.commits["new"] == offsets)
        let empty = groups.run(
            "--reset-offsets", "--group", "new", "--all-topics", "--to-latest", "--dry-run")
        #expect(empty.out == "\nGROUP           TOPIC           PARTITION  NEW-OFFSET\n")
    }

    @Test func whatCannotBeReset() throws {
        let groups = try FakeGroups()
        func reset(_ group: String, _ topic: String...) -> (
            code: Int32, out: String, errors: String
        ) {
            let console = Console(captures: true)
            let code = Martlet.run(
                [
                    "martlet", "consumer-groups", "--reset-offsets", "--to-earliest", "--execute",
                    "--group", group, "--bootstrap-server", groups.broker.address,
                ] + topic, console)
            return (code, console.output, console.capturedErrors)
        }
        let active = reset("old", "--topic", "t")
        #expect(active.code == 1)
        #expect(
            active.errors
                == "\nError: Assignments can only be reset if the group 'old' is inactive, but the "
                + "current state is Stable.\n")
        #expect(reset("idle", "--topic", "t:2,3,9").errors.contains(#""t-3,t-9" do not exist"#))
        // A committed offset of a topic that was deleted since.
        #expect(reset("idle", "--all-topics").errors.contains(#""gone-0" do not exist"#))
        #expect(reset("idle", "--topic", "w").errors.contains("Topic 'w'"))
        #expect(reset("idle", "--topic", "t:x").errors.contains("Invalid partition 'x'"))
        #expect(reset("idle", "--topic", "t:1:2").errors.contains("Invalid topic arg 't:1:2'"))
        #expect(groups.commits.isEmpty)
    }

    @Test func exportsAndReadsFiles() throws {
        let groups = try FakeGroups()
        let directory = try TemporaryDirectory()
        let exported = groups.run(
            "--reset-offsets", "--group", "idle", "--group", "new", "--topic", "t:0", "--export",
            "--to-latest", "--dry-run")
        #expect(exported.out == "idle,t,0,100\nnew,t,0,100\n\n")
        let many = try directory.write("many.csv", Array("idle,t,0,90\r\nnew,t,1,500\n".utf8))
        let done = groups.run(
            "--reset-offsets", "--group", "idle", "--group", "new", "--from-file", many,
            "--execute")
        #expect(done.code == 0 && done.errors.contains("New offset (500) is higher than latest"))
        #expect(groups.commits == ["idle": ["t-0": 90], "new": ["t-1": 101]])
        let one = try directory.write("one.csv", Array("t,2,77\n".utf8))
        #expect(try plan(groups, "--from-file", one) == ["t-2": 77])
        let other = groups.run(
            "--reset-offsets", "--group", "idle", "--group", "new", "--from-file", one, "--dry-run")
        #expect(other.code == 1 && other.errors.contains("exactly one --group"))
        let foreign = try directory.write("foreign.csv", Array("someone,t,2,77\n".utf8))
        let missing = groups.run(
            "--reset-offsets", "--group", "idle", "--from-file", foreign, "--execute")
        #expect(missing.code == 1)
        #expect(missing.errors == "\nError: No reset plan for group idle found.\n")
    }

    @Test func planFiles() throws {
        let quoted = try OffsetPlanFile("\"a,\"\"b\"\"\",t,0,5\n\n", "f", groups: ["x", "y"])
        #expect(
            quoted.offsets(of: #"a,"b""#) == [TopicPartition(topic: "t", partition: 0): Offset(5)])
        #expect(quoted.offsets(of: "x") == nil)
        #expect(CSVLine.text(["a,\"b\"", "t"]) == #""a,""b""",t"#)
        for wrong in ["t,0", "t,x,1", "t,0,-1", "g,t,0,1,2", "t,0,1\ng,t,0,1", "\"t,0,1"] {
            let failure = #expect(throws: Failure.self) {
                try OffsetPlanFile(wrong, "plan.csv", groups: ["g"])
            }
            #expect(failure?.message.hasPrefix("plan.csv, line ") == true)
        }
    }
}

@Suite struct TimeTextTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00.000", 0), ("2017-08-04T00:00:00.000", 1_501_804_800_000),
        ("2024-02-29T23:59:59.999Z", 1_709_251_199_999), ("1969-12-31T23:59:59.000", -1000),
        ("2000-03-01T00:00:00.000+05:30", 951_849_000_000), ("2000-1-1T1:2:3", 946_688_523_000),
        ("2100-03-01T00:00:00.000-01", 4_107_546_000_000),
        ("1999-12-31T23:30:00.000-0030", 946_684_800_000),
    ])
    func times(text: String, milliseconds: Int64) throws {
        #expect(try TimeText.dateTime(text) == milliseconds)
    }

    @Test(arguments: [
        "", "2017-08-04", "2017-02-29T00:00:00.000", "2017-13-01T00:00:00.000",
        "2017-01-01T24:00:00.000", "2017-01-01T00:60:00.000", "2017-01-01T00:00:00.1",
        "2017-01-01T00:00:00.000+25:00", "2017-01-01T00:00:00.000 ",
    ])
    func noTimes(text: String) {
        #expect(throws: Failure.self) { try TimeText.dateTime(text) }
    }

    @Test(
        arguments: [
            ("PT0S", 0), ("P7D", 604_800_000), ("PT1H30M", 5_400_000), ("pt1.5s", 1500),
            ("-PT1M", -60_000), ("P1DT-1H", 82_800_000), ("PT-0.250S", -250), ("PT.5S", nil),
            ("PT0.0009S", 0), ("P", nil), ("PT", nil), ("1D", nil), ("P1M", nil),
            ("P200000000000D", nil), ("", nil),
        ] as [(String, Int64?)])
    func durations(text: String, milliseconds: Int64?) throws {
        if let milliseconds {
            #expect(try TimeText.duration(text) == milliseconds)
        } else {
            #expect(throws: Failure.self) { try TimeText.duration(text) }
        }
    }
}
