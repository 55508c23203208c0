import Foundation
import KafkaProtocol
import KafkaWire
import Testing

@testable import martlet

/// `consumer-groups` and `groups`: what is printed, column by column.
@Suite struct GroupToolTests {
    @Test func listsGroupsOfConsumers() throws {
        let groups = try FakeGroups()
        #expect(groups.run("--list") == (0, "idle\nmixed\nold\n", ""))
        let types = groups.run("--list", "--type", "--state")
        #expect(
            types.out == """
                GROUP                     TYPE                 STATE              \u{20}
                idle                      Classic              Empty              \u{20}
                mixed                     Consumer             Reconciling        \u{20}
                old                       Classic              Stable             \u{20}

                """)
        let stable = groups.run("--list", "--state", "stable, Empty")
        #expect(
            stable.out.split(separator: "\n").map { $0.split(separator: " ").count } == [2, 2, 2])
        #expect(groups.lists.last?.statesFilter == ["Stable", "Empty"])
        #expect(groups.run("--list", "--type", "consumer").out.contains("mixed"))
        #expect(groups.lists.last?.typesFilter == ["Consumer"])
        #expect(
            groups.run("--list", "--json").out.hasPrefix(
                #"[{"group":"idle","type":"Classic","protocol":"","state":"Empty"},"#))
    }

    @Test func listsGroupsOfAllTypes() throws {
        let groups = try FakeGroups()
        let all = groups.run("--list", tool: "groups")
        #expect(
            all.out
                == """
                GROUP                TYPE                 PROTOCOL           \u{20}
                connect-cluster      Classic              connect             \u{20}
                idle                 Classic                                  \u{20}
                mixed                Consumer             consumer            \u{20}
                old                  Classic              consumer            \u{20}
                shared               Share                share               \u{20}

                """)
        func names(_ filter: String...) -> [Substring] {
            let console = Console(captures: true)
            _ = Martlet.run(
                ["kafka-groups", "--list", "--bootstrap-server", groups.broker.address] + filter,
                console)
            return console.output.split(separator: "\n").dropFirst().map { $0.prefix { $0 != " " } }
        }
        #expect(names("--consumer") == ["idle", "mixed", "old"])
        #expect(names("--share") == ["shared"])
        #expect(names("--streams") == [])
        #expect(names("--group-type", "CLASSIC", "--protocol", "consumer") == ["old"])
        #expect(names("--protocol", "connect") == ["connect-cluster"])
        #expect(groups.run("--list", "--group-type", "x", tool: "groups").code == 1)
        #expect(groups.run("--list", "--share", "--consumer", tool: "groups").code == 1)
    }

    @Test func describesOffsetsAndLag() throws {
        let groups = try FakeGroups()
        let result = groups.run("--describe", "--group", "mixed")
        #expect(result.code == 0)
        #expect(result.errors == "\nWarning: Consumer group 'mixed' is rebalancing.\n")
        let line = "               "
        #expect(
            result.out
                == "\nGROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  "
                + "LAG             CONSUMER-ID     HOST            CLIENT-ID\n"
                + "mixed           t               1          120             101             -19"
                + "             m2              /127.0.0.2      c2\n"
                + "mixed           t               2          -               102             -  "
                + "             m2              /127.0.0.2      c2\n"
                + "mixed           t               0          40              100             60 "
                + "             m1              /127.0.0.1      c1\n"
                + "mixed           gone            0          7               -               -"
                + "\(line)-\(line)-\(line)-\n")
        let verbose = groups.run("--describe", "--group", "mixed", "--offsets", "--verbose").out
        #expect(
            verbose.hasPrefix(
                "\nGROUP           TOPIC           PARTITION  LEADER-EPOCH    CURRENT-OFFSET  "))
        #expect(
            verbose.contains("\nmixed           t               0          3               40  "))
        let json = groups.run("--describe", "--group", "mixed", "--json").out
        #expect(
            json.contains(
                #"{"topic":"t","partition":0,"currentOffset":40,"leaderEpoch":3,"logEndOffset":100"#
                    + #","lag":60,"consumerId":"m1","host":"/127.0.0.1","clientId":"c1"}"#))
    }

    @Test func describesMembers() throws {
        let groups = try FakeGroups()
        let plain = groups.run("--describe", "--group", "mixed", "--members")
        #expect(
            plain.out == """

                GROUP           CONSUMER-ID     GROUP-INSTANCE-ID HOST            CLIENT-ID       \
                #PARTITIONS    \u{20}
                mixed           m1              static-1          /127.0.0.1      c1              \
                1              \u{20}
                mixed           m2                                /127.0.0.2      c2              \
                2              \u{20}

                """)
        let verbose = groups.run("--describe", "--group", "mixed", "--members", "--verbose")
        #expect(
            verbose.out.contains(
                "#PARTITIONS     CURRENT-EPOCH   CURRENT-ASSIGNMENT   TARGET-EPOCH    "
                    + "TARGET-ASSIGNMENT    UPGRADED\n"))
        #expect(
            verbose.out.contains(
                " 2               10              t:1,2                11              "
                    + "t:1,2                false\n"))
        let classic = groups.run("--describe", "--group", "old", "--members", "--verbose")
        #expect(classic.errors.isEmpty)
        #expect(
            classic.out == """

                GROUP           CONSUMER-ID     HOST            CLIENT-ID       #PARTITIONS     \
                CURRENT-EPOCH   CURRENT-ASSIGNMENT   TARGET-EPOCH    TARGET-ASSIGNMENT  \u{20}
                old             rdkafka-1       /10.0.0.1       rdkafka         2               \
                -               t:0,1                -               -                  \u{20}

                """)
        let idle = groups.run("--describe", "--group", "idle", "--members")
        #expect(idle.errors == "\nConsumer group 'idle' has no active members.\n")
        #expect(
            idle.out
                == "\nGROUP           CONSUMER-ID     HOST            CLIENT-ID       #PARTITIONS"
                + "     \n")
    }

    @Test func describesStates() throws {
        let groups = try FakeGroups()
        let address = groups.broker.address + "  (1)"
        let padded = address + String(repeating: " ", count: 25 - address.count)
        let plain = groups.run("--describe", "--group", "old", "--state")
        #expect(
            plain.out
                == "\nGROUP           COORDINATOR (ID)          ASSIGNMENT-STRATEGY  STATE"
                + "                #MEMBERS\n"
                + "old             \(padded) range                Stable               1\n")
        let verbose = groups.run("--describe", "--group", "mixed", "--state", "--verbose").out
        #expect(
            verbose.hasSuffix(
                "uniform              Reconciling          12              11"
                    + "                        2\n"))
        let all = groups.run("--describe", "--all-groups", "--state")
        #expect(all.code == 0)
        #expect(
            all.out.split(separator: "\n").map { $0.prefix { $0 != " " } }
                == ["GROUP", "idle", "GROUP", "mixed", "GROUP", "old"])
    }

    @Test func groupsThatDoNotExist() throws {
        let groups = try FakeGroups()
        let unknown = groups.run("--describe", "--group", "nobody", "--group", "old", "--state")
        #expect(unknown.code == 1)
        #expect(unknown.out.contains("\nold "))
        #expect(
            unknown.errors == """

                Error: Executing consumer group command failed due to Group nobody not found. \
                (GROUP_ID_NOT_FOUND)

                """)
        // A broker of old answers with a dead group and no error.
        var versions = FakeBroker.versions()
        versions.apiKeys.removeAll { $0.apiKey == APIKey.consumerGroupDescribe.rawValue }
        for index in versions.apiKeys.indices
        where versions.apiKeys[index].apiKey == APIKey.describeGroups.rawValue {
            versions.apiKeys[index].maxVersion = 5
        }
        let older = try FakeGroups(versions: versions)
        let dead = older.run("--describe", "--group", "nobody")
        #expect(dead == (1, "", "\nError: Consumer group 'nobody' does not exist.\n"))
        let other = groups.run("--describe", "--group", "connect-cluster")
        #expect(other.code == 1 && other.errors.contains("not of consumers but of 'connect'"))
    }

    @Test func deletesGroups() throws {
        let groups = try FakeGroups()
        #expect(
            groups.run("--delete", "--group", "idle")
                == (0, "Deletion of requested consumer groups ('idle') was successful.\n", ""))
        let some = groups.run("--delete", "--all-groups")
        #expect(some.code == 1)
        #expect(some.out == "\nThese consumer groups were deleted successfully: 'idle'\n")
        #expect(
            some.errors.hasPrefix("\nError: Deletion of some consumer groups failed:\n* Group "))
        #expect(some.errors.contains("* Group 'old' could not be deleted due to: "))
        #expect(some.errors.contains("(NON_EMPTY_GROUP)"))
    }

    @Test func deletesOffsets() throws {
        let groups = try FakeGroups()
        let done = groups.run(
            "--delete-offsets", "--group", "idle", "--topic", "t:0,2", "--topic", "u")
        #expect(
            done == (
                0,
                """
                Request succeeded for deleting offsets from group idle.

                TOPIC           PARTITION  STATUS        \u{20}
                t               0          Successful    \u{20}
                t               2          Successful    \u{20}
                u               0          Successful    \u{20}

                """, ""
            ))
        let mixed = groups.run(
            "--delete-offsets", "--group", "old", "--topic", "t:1", "--topic", "u")
        #expect(mixed.code == 1)
        #expect(mixed.out.contains("\nt               1          Error: "))
        #expect(mixed.out.contains("GROUP_SUBSCRIBED_TO_TOPIC"))
        #expect(mixed.out.contains("\nu               0          Successful     \n"))
        #expect(
            mixed.errors
                == "\nError: Encountered some partition-level error, see the follow-up details.\n")
        let unknown = groups.run(
            "--delete-offsets", "--group", "x", "--topic", "t:0", "--topic", "w")
        #expect(unknown.code == 1 && unknown.errors.contains("GROUP_ID_NOT_FOUND"))
        #expect(unknown.out.contains("\nw               -          Error: Topic 'w': "))
    }

    @Test func checksRegularExpressions() {
        #expect(
            CommandTests.run("consumer-groups", "--validate-regex", "orders-.*")
                == (0, "The regular expression `orders-.*` is valid.\n", ""))
        #expect(
            CommandTests.run("consumer-groups", "--validate-regex", "a(b")
                == (0, "The regular expression `a(b` is invalid: missing closing ).\n", ""))
    }

    @Test func optionsThatDoNotGoTogether() {
        func refused(_ arguments: String...) -> Bool {
            let console = Console(captures: true)
            // Nobody listens there: whoever connects fails with another message.
            let code = Martlet.run(
                ["martlet", "consumer-groups", "--bootstrap-server", "127.0.0.1:1"] + arguments,
                console)
            return code == 1 && console.capturedErrors.contains("Usage: martlet consumer-groups")
        }
        #expect(refused())
        #expect(refused("--list", "--describe"))
        #expect(refused("--list", "--group", "g"))
        #expect(refused("--list", "--members"))
        #expect(refused("--list", "--state", "Stable,Nonsense"))
        #expect(refused("--list", "--type", "share"))
        #expect(refused("--describe"))
        #expect(refused("--describe", "--group", "g", "--all-groups"))
        #expect(refused("--describe", "--group", "g", "--members", "--state"))
        #expect(refused("--describe", "--group", "g", "--state", "Stable"))
        #expect(refused("--describe", "--group", "g", "--topic", "t"))
        #expect(refused("--delete"))
        #expect(refused("--delete", "--group", "g", "--topic", "t"))
        #expect(refused("--delete-offsets", "--group", "g"))
        #expect(refused("--reset-offsets", "--all-topics", "--to-latest"))
        #expect(refused("--reset-offsets", "--group", "g", "--to-latest"))
        #expect(refused("--reset-offsets", "--group", "g", "--all-topics"))
        #expect(
            refused(
                "--reset-offsets", "--group", "g", "--all-topics", "--to-latest", "--to-current"))
        #expect(
            refused(
                "--reset-offsets", "--group", "g", "--all-topics", "--to-latest", "--execute",
                "--dry-run"))
    }
}
