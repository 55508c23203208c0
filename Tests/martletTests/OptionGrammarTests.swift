import Testing

@testable import martlet

@Suite struct OptionGrammarTests {
    private static let specs: [OptionSpec] = [
        .value("--topic", "-t", label: "topic", help: ""),
        .value("--time", label: "time", help: "", default: "latest"),
        .value("--config", label: "k=v", help: "", isRepeatable: true),
        .optionalValue("--codec", label: "codec", help: ""),
        .flag("--list", help: ""),
    ]
    private func parse(_ arguments: String...) throws -> ParsedOptions {
        try ParsedOptions(arguments, specs: Self.specs)
    }

    @Test func valueFollowsOrIsAttached() throws {
        #expect(try parse("--topic", "a").value("--topic") == "a")
        #expect(try parse("--topic=a").value("--topic") == "a")
        #expect(try parse("-t", "a").value("--topic") == "a")
        #expect(try parse("--config=a=b").values("--config") == ["a=b"])
        #expect(try parse("--topic=").value("--topic") == "")
    }

    @Test func valueMayLookLikeAnOption() throws {
        #expect(try parse("--time", "-1").value("--time") == "-1")
        #expect(try parse("--topic", "--list").has("--list") == false)
    }

    @Test func optionalValueIsTakenUnlessAnOptionFollows() throws {
        #expect(try parse("--codec", "zstd").value("--codec") == "zstd")
        let bare = try parse("--codec", "--list")
        #expect(bare.has("--codec") && bare.has("--list"))
        #expect(bare.value("--codec") == nil)
    }

    @Test func defaultsAndRepeats() throws {
        #expect(try parse().value("--time") == "latest")
        #expect(try parse("--config", "a=1", "--config", "b=2").values("--config").count == 2)
        #expect(throws: Failure.self) { try parse("--topic", "a", "--topic", "b") }
    }

    @Test func mistakesAreNamed() {
        for (arguments, part) in [
            (["--topc", "a"], "--topc is not a recognized option"),
            (["--top", "a"], "--top is not a recognized option"),
            (["--topic"], "requires an argument"), (["--list=1"], "takes no value"),
            (["stray"], "'stray' belongs to no option"),
        ] {
            let failure = #expect(throws: Failure.self) {
                try ParsedOptions(arguments, specs: Self.specs)
            }
            #expect(failure?.message.contains(part) == true)
            #expect(failure?.showsUsage == true)
        }
    }

    @Test func beginningsOfNamesWillDoWhereTheyAreAllowed() throws {
        func parse(_ arguments: String...) throws -> ParsedOptions {
            try ParsedOptions(arguments, specs: Self.specs, allowsAbbreviations: true)
        }
        #expect(try parse("--to", "a").value("--topic") == "a")
        #expect(try parse("--con=a=b").values("--config") == ["a=b"])
        #expect(throws: Failure.self) { try parse("--t", "a") }
        #expect(throws: Failure.self) { try parse("--", "a") }
        #expect(throws: Failure.self) { try parse("-l") }
    }

    @Test func integersHaveRanges() throws {
        let options = try ParsedOptions(["--topic", "12"], specs: Self.specs)
        #expect(try options.integer("--topic", Int32(1)...12) == 12)
        #expect(throws: Failure.self) { try options.integer("--topic", Int32(1)...11) }
        #expect(try options.integer("--config", Int32(1)...12) == nil)
    }
}

@Suite struct CommandTests {
    /// Runs `martlet` in this process.
    static func run(_ arguments: String...) -> (code: Int32, out: String, errors: String) {
        let console = Console(captures: true)
        let code = Martlet.run(["/usr/bin/martlet"] + arguments, console)
        return (code, console.output, console.capturedErrors)
    }

    @Test func everyToolExplainsItself() {
        for tool in ToolList.all {
            let (code, out, errors) = Self.run(tool.name, "--help")
            #expect(code == 0 && errors.isEmpty)
            #expect(out.contains("Usage: martlet \(tool.name)"))
            #expect(Self.run(tool.name, "--version").out == Version.text + "\n")
            #expect(Self.run("help").out.contains("  \(tool.name) "))
        }
    }

    @Test func linksChooseTheTool() {
        let console = Console(captures: true)
        #expect(Martlet.run(["/opt/bin/kafka-topics.sh", "--help"], console) == 0)
        #expect(console.output.contains("martlet topics"))
        let names = Self.run("tool-names").out.split(separator: "\n")
        #expect(names.contains("kafka-topics") && names.contains("kafka-storage.sh"))
        #expect(names.contains("kafka-server-start.sh"))
        #expect(Set(names).count == names.count)
    }

    @Test func mistakesExitWithOneOnStandardError() {
        let unknown = Self.run("topcs")
        #expect(unknown.code == 1 && unknown.out.isEmpty && unknown.errors.contains("topcs"))
        let none = Self.run("topics", "--list")
        #expect(none.code == 1 && none.errors.contains("--bootstrap-server"))
        let two = Self.run("topics", "--list", "--describe", "--bootstrap-server", "x:1")
        #expect(two.code == 1 && two.errors.contains("exactly one"))
        let verb = Self.run("features", "describ")
        #expect(verb.code == 1 && verb.errors.contains("'describ' is not a command of features"))
        let both = Self.run(
            "topics", "--create", "--topic", "t", "--partitions", "1", "--replica-assignment",
            "1", "--bootstrap-server", "x:1")
        #expect(both.code == 1 && both.errors.contains("can't be used with"))
    }

    @Test func aGroupIsNamedOnceAndReadsAllPartitions() {
        let part = Self.run(
            "console-consumer", "--topic", "t", "--group", "g", "--bootstrap-server", "x:1",
            "--partition", "0")
        #expect(part.code == 1 && part.errors.contains("cannot be specified together"))
        let two = Self.run(
            "console-consumer", "--topic", "t", "--group", "g", "--bootstrap-server", "x:1",
            "--command-property", "group.id=h")
        #expect(two.code == 1 && two.errors.contains("'g', 'h'"))
    }

    @Test func featuresByRelease() {
        let mapping = Self.run("features", "version-mapping", "--release-version", "4.0")
        let expected = """
            metadata.version=25 (4.0)
            kraft.version=1
            transaction.version=2
            group.version=1
            eligible.leader.replicas.version=0
            share.version=0
            streams.version=0

            """
        #expect(mapping.out == expected)
        let needs = Self.run(
            "features", "feature-dependencies", "--feature", "eligible.leader.replicas.version=1")
        #expect(
            needs.out
                == "eligible.leader.replicas.version=1 requires:\n"
                + "    metadata.version=23 (4.0-IV1)\n"
        )
        let none = Self.run("features", "feature-dependencies", "--feature", "group.version=1")
        #expect(none.out == "group.version=1 has no dependencies.\n")
        #expect(Self.run("features", "version-mapping", "--release-version", "9.9").code == 1)
    }
}
