import Foundation
import KafkaWire
import Testing

@testable import martlet

@Suite struct StorageToolTests {
    private func properties(_ directory: String, _ more: String = "") -> String {
        """
        process.roles=broker,controller
        node.id=7
        controller.listener.names=CONTROLLER
        listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093
        log.dirs=\(directory)/a,\(directory)/b
        \(more)
        """
    }
    private func config(_ directory: TemporaryDirectory, _ more: String = "") throws -> String {
        try directory.write("server.properties", Array(properties(directory.path, more).utf8))
    }

    @Test func readsTheNodesProperties() throws {
        let text = try PropertiesText.parse(properties("/d", "metadata.log.dir=/m"), "f")
        let node = try NodeProperties(text, "f")
        #expect(node.nodeID == 7 && node.isController)
        #expect(node.directories == ["/d/a", "/d/b", "/m"])
        #expect(node.metadataDirectory == "/m")
        #expect(node.controllerAddress?.port == 9093)
        #expect(throws: Failure.self) { try NodeProperties([:], "f") }
    }

    @Test func readsVoters() throws {
        let voter = try InitialVoters.voter("1@host:9093:JEXY6aqzQY-32P5TStzaFg")
        #expect(voter.nodeID == 1 && voter.host == "host" && voter.port == 9093)
        #expect(try InitialVoters.voter("1@[::1]:9093:JEXY6aqzQY-32P5TStzaFg").host == "::1")
        for wrong in ["", "1@h:9", "x@h:9:JEXY6aqzQY-32P5TStzaFg", "1@h:9:short"] {
            #expect(throws: Failure.self) { try InitialVoters.voter(wrong) }
        }
    }

    @Test func idsAreRandom() {
        let first = CommandTests.run("storage", "random-uuid").out.trimmed
        #expect(KafkaUUID(first) != nil)
        #expect(first != CommandTests.run("storage", "random-uuid").out.trimmed)
    }

    @Test func argumentsMayComeFromAFile() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("arguments", Array("version-mapping\n-r\n3.9\n".utf8))
        #expect(
            CommandTests.run("storage", "@\(file)").out.hasPrefix("metadata.version=21 (3.9)\n"))
        #expect(CommandTests.run("storage", "@\(directory.path)/none").code == 1)
    }

    @Test func formatsOnceAndShowsIt() throws {
        let directory = try TemporaryDirectory()
        let file = try config(directory)
        let format = ["storage", "format", "-t", "theCluster", "-c", file]
        func run(_ arguments: [String]) -> (code: Int32, out: String, errors: String) {
            let console = Console(captures: true)
            let code = Martlet.run(["martlet"] + arguments, console)
            return (code, console.output, console.capturedErrors)
        }
        let undecided = run(format)
        #expect(undecided.code == 1 && undecided.errors.contains("--standalone"))
        let formatted = run(format + ["--standalone"])
        #expect(formatted.errors.isEmpty && formatted.code == 0)
        #expect(
            formatted.out.contains(
                "Formatting dynamic metadata voter directory \(directory.path)/a with "
                    + "metadata.version 4.3-IV0."))
        #expect(formatted.out.contains("Formatting data directory \(directory.path)/b"))
        #expect(
            formatted.out.hasPrefix(
                "Bootstrap metadata: BootstrapMetadata(records=[ApiMessageAndVersion("
                    + "FeatureLevelRecord(name='metadata.version', featureLevel=30) at version 0), "
            ))
        #expect(formatted.out.contains("metadataVersionLevel=30, source=format command)\n"))
        let again = run(format + ["--standalone"])
        #expect(again.code == 1 && again.errors.contains("is already formatted"))
        let ignored = run(format + ["--standalone", "-g"])
        #expect(ignored.code == 0)
        #expect(ignored.out == "All of the log directories are already formatted.\n")
        let info = run(["storage", "info", "-c", file])
        #expect(info.code == 0 && info.out.contains("cluster.id=theCluster"))
        #expect(info.out.contains("node.id=7, version=1}"))
        try checkFiles(directory.path)
    }

    private func checkFiles(_ path: String) throws {
        let bootstrap = CommandTests.run(
            "dump-log", "--cluster-metadata-decoder", "--files", "\(path)/a/bootstrap.checkpoint")
        #expect(bootstrap.code == 0)
        #expect(
            bootstrap.out.contains(
                #"{"type":"FEATURE_LEVEL_RECORD","version":0,"#
                    + #""data":{"name":"metadata.version","featureLevel":30}}"#))
        #expect(bootstrap.out.contains(#"SnapshotFooter {"version":0}"#))
        let first = CommandTests.run(
            "dump-log", "--cluster-metadata-decoder", "--files",
            "\(path)/a/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint")
        #expect(first.code == 0)
        #expect(first.out.contains(#"KRaftVersion {"version":0,"kRaftVersion":1}"#))
        #expect(first.out.contains(#""endpoints":[{"name":"CONTROLLER","host":"127.0.0.1""#))
        #expect(!FileManager.default.fileExists(atPath: "\(path)/b/bootstrap.checkpoint"))
    }

    /// The keys are those that other implementations make of the example of RFC 7677.
    @Test func usersAreWrittenThatTheClusterBeginsWith() throws {
        let directory = try TemporaryDirectory()
        let file = try config(directory)
        let salt = "W22ZaJ0SNY7soEsUEjb6gQ=="
        let salted = "xKSVEDI6tPlSysH6mUQZOeeOp01r6B3fcJbodRPcYV0="
        let formatted = CommandTests.run(
            "storage", "format", "-t", "c", "-c", file, "--standalone",
            "--add-scram", "SCRAM-SHA-256=[name=user,password=pencil,salt=\"\(salt)\"]",
            "-S", "SCRAM-SHA-256=[name=other,salt=\(salt),saltedpassword=\(salted)]",
            "-S", "SCRAM-SHA-512=[name=user,iterations=8192,password=pencil]")
        #expect(formatted.code == 0 && formatted.errors.isEmpty)
        #expect(formatted.out.contains("(name='user', mechanism=2, iterations=8192)"))
        #expect(!formatted.out.contains("pencil"))
        let shown = CommandTests.run(
            "dump-log", "--cluster-metadata-decoder", "--files",
            "\(directory.path)/a/bootstrap.checkpoint"
        ).out
        for name in ["user", "other"] {
            let expected: [String] = [
                #"{"type":"USER_SCRAM_CREDENTIAL_RECORD","version":0,"#,
                #""data":{"name":"\#(name)","mechanism":1,"salt":"W22ZaJ0SNY7soEsUEjb6gQ==","#,
                #""storedKey":"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=","#,
                #""serverKey":"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=","#,
                #""iterations":4096}}"#,
            ]
            #expect(shown.contains(expected.joined()), "\(shown)")
        }
        #expect(shown.contains(#""iterations":8192"#))
    }

    @Test func refusesWhatDoesNotFit() throws {
        let directory = try TemporaryDirectory()
        let file = try config(directory, "controller.quorum.voters=7@127.0.0.1:9093")
        let both = CommandTests.run(
            "storage", "format", "-t", "c", "-c", file, "--standalone")
        #expect(both.code == 1 && both.errors.contains("controller.quorum.voters"))
        for (argument, reason) in [
            ("SCRAM-SHA-256", "Failed to find equals sign"),
            ("SCRAM-SHA-1=[name=a,password=b]", "SCRAM-SHA-1 is not supported"),
            ("SCRAM-SHA-256=name=a]", "to start with ["),
            ("SCRAM-SHA-256=[name=a", "to end with ]"),
            ("SCRAM-SHA-256=[]", "You must supply 'name'"),
            ("SCRAM-SHA-256=[name=a]", "one of 'password' or 'saltedpassword'"),
            ("SCRAM-SHA-256=[name=a,saltedpassword=YCE=]", "'salt' with 'saltedpassword'"),
            ("SCRAM-SHA-256=[name=a,salt=?,password=b]", "decode given salt: ?"),
            ("SCRAM-SHA-256=[name=a,password=b,iterations=4095]", "must be >= 4096"),
            ("SCRAM-SHA-512=[name=a,password=b,iterations=16385]", "must be <= 16384"),
            ("SCRAM-SHA-512=[name=a,password=b,iterations=many]", "parse iterations count: many"),
            ("SCRAM-SHA-512=[name=a,password=b,color=red]", "configurations: color"),
            ("SCRAM-SHA-512=[name]", "No equals sign found in SCRAM component: name"),
        ] {
            let refused = CommandTests.run(
                "storage", "format", "-t", "c", "-c", file, "--add-scram", argument)
            #expect(refused.code == 1 && refused.errors.contains(reason), "\(argument)")
        }
        let old = CommandTests.run(
            "storage", "format", "-t", "c", "-c", file, "-r", "3.4", "--add-scram",
            "SCRAM-SHA-256=[name=a,password=b]")
        #expect(old.code == 1 && old.errors.contains("does not have SCRAM yet"))
        let unknown = CommandTests.run(
            "storage", "format", "-t", "c", "-c", file, "-r", "9.9")
        #expect(unknown.code == 1 && unknown.errors.contains("Unknown metadata.version '9.9'"))
        let info = CommandTests.run("storage", "info", "-c", file)
        #expect(info.code == 1 && info.out.contains("\(directory.path)/a does not exist"))
    }
}
