"""The commands of a cluster's operator against real nodes."""

import json
import re
import signal
import subprocess

import confluent_kafka
from confluent_kafka.admin import AdminClient, NewTopic

import readers
import wire
from martlet_server import BINARY, wait_for
from numbered_load import Load, check


def run(*arguments, code=0, timeout=120):
    done = subprocess.run(
        [BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=timeout)
    assert code in (None, done.returncode), f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def create(cluster, topic, partitions=1, replicas=3, **configs):
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    wanted = NewTopic(topic, partitions, replicas, config=configs)
    admin.create_topics([wanted], operation_timeout=30)[topic].result(40)
    cluster.healed()


def replicas(cluster, topic):
    """The brokers of each partition, the preferred leader first."""
    partitions = wire.metadata(cluster.nodes[0].port)[1]
    return [shown[1] for name, shown in sorted(partitions.items()) if name[0] == topic]


def start_loads(cluster, topic, count):
    loads = [Load(cluster, topic, number, pause=0.01) for number in range(count)]
    for load in loads:
        load.start()
    for load in loads:
        wait_for(lambda: len(load.acknowledged) > 200, "load")
    return loads


def end_loads(cluster, loads):
    for load in loads:
        load.ending.set()
    for load in loads:
        load.join()
        assert load.failed == []
    check(cluster, loads)


# The quorum


def quorum(*connection):
    return json.loads(run("metadata-quorum", *connection, "describe", "--status", "--json"))


def members(cluster, status):
    found = quorum("--bootstrap-server", cluster.bootstrap)["members"]
    return sorted(one["id"] for one in found if one["status"] == status)


def test_metadata_quorum_describes_three_nodes(new_cluster):
    cluster = new_cluster()
    cluster.start()
    for connection in (["--bootstrap-server", cluster.bootstrap],
                       ["--bootstrap-controller", cluster.bootstrap_controllers]):
        lines = run("metadata-quorum", *connection, "describe", "--status").splitlines()
        assert re.fullmatch(r"ClusterId:\s+\S{22}", lines[0])
        assert lines[1] == f"LeaderId:               {cluster.controller()}"
        assert re.fullmatch(r"LeaderEpoch:\s+\d+", lines[2])
        assert re.fullmatch(r"HighWatermark:\s+\d+", lines[3])
        assert re.fullmatch(r"MaxFollowerLag:\s+\d+", lines[4])
        assert re.fullmatch(r"MaxFollowerLagTimeMs:\s+-?\d+", lines[5])
        assert re.fullmatch(r'CurrentVoters:\s+\[\{"id": 1, .*"endpoints": \["CONTROLLER://127.0.0.1:\d+"\]\}\]',
                            lines[6]), lines[6]
        assert lines[7] == "CurrentObservers:       []"
        table = run("metadata-quorum", *connection, "describe", "--replication").splitlines()
        assert re.fullmatch(
            r"NodeId\s+DirectoryId\s+LogEndOffset\s+Lag\s+LastFetchTimestamp\s+LastCaughtUpTimestamp\s+Status\s+",
            table[0])
        assert [line.split()[-1] for line in table[1:]] == ["Leader", "Follower", "Follower"]
        human = run("metadata-quorum", *connection, "describe", "--replication", "--human-readable")
        assert " ms ago" in human
    killed = cluster.node(cluster.controller())
    killed.kill()
    left = ",".join(node.bootstrap for node in cluster.nodes if node.is_up())
    wait_for(lambda: quorum("--bootstrap-server", left)["leaderId"] != killed.number, "new leader")
    endpoints = run("cluster", "list-endpoints", "--bootstrap-controller", ",".join(
        f"127.0.0.1:{node.advertised_controller}" for node in cluster.nodes if node.is_up()))
    rows = [line.split() for line in endpoints.splitlines()]
    assert rows[0] == ["ID", "HOST", "PORT", "RACK", "ENDPOINT_TYPE"]
    assert [row[0] for row in rows[1:]] == ["1", "2", "3"] and rows[1][-1] == "controller"


def test_the_quorum_grows_and_shrinks_under_load(new_cluster):
    cluster = new_cluster(roles=["broker,controller"], dynamic=True, min_insync_replicas=1,
                          offsets_topic_replication_factor=1)
    cluster.start()
    create(cluster, "load", replicas=1)
    loads = start_loads(cluster, "load", 1)
    at = ["--bootstrap-server", cluster.bootstrap]
    for number in (2, 3):
        node = cluster.add("broker,controller")
        assert members(cluster, "observer") == [number]
        add = ["metadata-quorum", *at, "--command-config", node.config, "add-controller"]
        assert run(*add, "--dry-run").startswith(f"DRY RUN of adding controller {number} ")
        added = run(*add)
        assert re.fullmatch(
            rf"Added controller {number} with directory id \S{{22}} and endpoints: "
            rf"CONTROLLER://127.0.0.1:{node.controller_port}\n", added), added
        assert members(cluster, "observer") == []
    assert sorted(members(cluster, "leader") + members(cluster, "follower")) == [1, 2, 3]
    # The leader of all that time leaves the quorum, and stays as a broker.
    leader = members(cluster, "leader")[0]
    directory = next(one["directoryId"] for one in quorum(*at)["members"] if one["id"] == leader)
    removed = run("metadata-quorum", *at, "remove-controller", "--controller-id", leader,
                  "--controller-directory-id", directory)
    assert removed == f"Removed KRaft controller {leader} with directory id {directory}\n"
    rest = wait_for(lambda: members(cluster, "leader"), "new leader")
    assert leader not in rest + members(cluster, "follower")
    assert len(rest + members(cluster, "follower")) == 2
    create(cluster, "after", replicas=3)
    end_loads(cluster, loads)


# Rebalancing


def plan(*arguments, code=0):
    return json.loads(run("rebalance", "plan", "--json", *arguments, code=code))


def test_rebalance_fills_a_new_broker_and_drains_an_old_one(new_cluster, tmp_path):
    cluster = new_cluster()
    cluster.start()
    create(cluster, "load", partitions=4)
    loads = start_loads(cluster, "load", 4)
    new = cluster.add("broker")
    at = ["--bootstrap-server", cluster.bootstrap]
    before = replicas(cluster, "load")
    proposed = plan(*at, "--fill", new.number, "--topics-include", "load")
    assert replicas(cluster, "load") == before, "a plan changes nothing"
    moved = [one for one in proposed["changes"] if new.number in one["to"]]
    assert len(moved) == 3 and proposed["problems"] == []  # a quarter of 12 replicas
    output = run("rebalance", "execute", *at, "--fill", new.number, "--topics-include", "load",
                 "--throttle", 50_000_000)
    assert "The inter-broker throttle limit was set to 50000000 B/s" in output
    assert "Clearing broker-level throttles on brokers 1,2,3,4" in output
    cluster.healed()
    placed = replicas(cluster, "load")
    assert sum(new.number in one for one in placed) == 3
    assert all(len(set(one)) == 3 for one in placed)
    described = run("configs", *at, "--describe", "--entity-type", "brokers", "--entity-name", 1)
    assert "throttled" not in described
    # A second plan is empty, as far as bytes that grow meanwhile allow; replicas do not move.
    again = plan(*at, "--fill", new.number, "--topics-include", "load", "--tolerance", 50)
    assert [one for one in again["changes"] if set(one["from"]) != set(one["to"])] == []

    # Now node 3 shall leave. The tool is killed on the way, and another run ends what it began.
    file = tmp_path / "drain.json"
    run("rebalance", "plan", *at, "--drain", 3, "--plan-file", file)
    count = len(json.loads(file.read_text())["partitions"])
    assert "still in progress" not in run(
        "reassign-partitions", *at, "--verify", "--reassignment-json-file", file)
    execute = [BINARY, "rebalance", "execute", *at, "--plan-file", file, "--concurrency", "2",
               "--throttle", "20000000"]
    first = subprocess.Popen(list(map(str, execute)), stdout=subprocess.DEVNULL)
    wait_for(lambda: f"\n0 of {count}" not in "\n" + run(
        "rebalance", "verify", *at, "--plan-file", file, code=None), "first move")
    first.send_signal(signal.SIGKILL)
    first.wait()
    output = run(*execute[1:])
    assert f"{count} of {count} partitions done." in output
    assert f"{count} of {count} partitions done, 0 under way." in run(
        "rebalance", "verify", *at, "--plan-file", file)
    assert all(3 not in shown[1] for shown in wire.metadata(cluster.nodes[0].port)[1].values())
    leaders = [one[0] for one in replicas(cluster, "load")]
    assert sorted(leaders.count(node) for node in (1, 2, 4)) == [1, 1, 2]
    end_loads(cluster, loads)


def test_rebalance_is_stopped_on_its_way(new_cluster, tmp_path):
    cluster = new_cluster()
    cluster.start()
    create(cluster, "bulk", partitions=4)
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": cluster.bootstrap, "acks": "all", "log_level": 0})
    for number in range(20):  # 5 MB for each partition: minutes at the throttle's rate
        producer.produce("bulk", b"%d" % number + bytes(900_000), partition=number % 4)
    assert producer.flush(60) == 0
    new = cluster.add("broker")
    at = ["--bootstrap-server", cluster.bootstrap]
    before = replicas(cluster, "bulk")
    file = tmp_path / "fill.json"
    run("rebalance", "plan", *at, "--fill", new.number, "--topics-include", "bulk",
        "--plan-file", file)
    execute = [BINARY, "rebalance", "execute", *at, "--plan-file", file, "--throttle", "20000"]
    working = subprocess.Popen(list(map(str, execute)), stdout=subprocess.DEVNULL)
    verify = ["rebalance", "verify", *at, "--plan-file", file]
    wait_for(lambda: ", 0 under way" not in run(*verify, code=None), "move under way")
    working.send_signal(signal.SIGKILL)
    working.wait()
    stopped = run("rebalance", "cancel", *at, "--plan-file", file)
    assert re.match(r"Stopped [1-9]\d* partitions?\.\n", stopped), stopped
    assert ", 0 under way" in run(*verify, code=1)
    # What had moved has moved, all else is where it was, and nothing is throttled.
    done = {tuple(one) for one in replicas(cluster, "bulk")}
    assert any(tuple(one) in done for one in before)
    assert all(len(one) == 3 for one in done)
    described = run("configs", *at, "--describe", "--entity-type", "brokers", "--entity-name", 1)
    assert "throttled" not in described
    cluster.healed()
    assert run("rebalance", "cancel", *at, "--plan-file", file).startswith("Stopped 0 partitions.")
    output = run(*execute[1:-2])
    assert re.search(r"(\d+) of \1 partitions done\.", output), output
    cluster.healed()
    seen = readers.with_confluent(cluster.bootstrap, "bulk", 4, log_level=0)
    assert sorted(int(one.value.strip(b"\0")) for one in seen) == list(range(20))
    cluster.stop()


def test_rebalance_says_what_cannot_be(new_cluster):
    cluster = new_cluster()
    cluster.start()
    create(cluster, "full")
    at = ["--bootstrap-server", cluster.bootstrap]
    stuck = plan(*at, "--drain", 2, "--topics-include", "full", code=1)
    assert stuck["problems"] == ["full-0 stays on broker 2: no other broker can take it."]
    unknown = subprocess.run(
        [BINARY, "rebalance", "plan", *at, "--drain", "9"], capture_output=True, text=True)
    assert unknown.returncode == 1
    assert "Broker 9 is not registered; the brokers are 1,2,3." in unknown.stderr


# Kafka's own tools for the same


def test_partitions_are_reassigned_and_leaders_elected_under_load(new_cluster, tmp_path):
    cluster = new_cluster(roles=["broker,controller"] * 3 + ["broker"])
    cluster.start()
    create(cluster, "load", partitions=2)
    create(cluster, "moved", partitions=3)
    at = ["--bootstrap-server", cluster.bootstrap]
    # More than one fetch takes: a throttled copy is then not done at once.
    run("producer-perf-test", *at, "--topic", "moved", "--num-records", 12_000, "--record-size", 1000,
        "--throughput", -1)
    loads = start_loads(cluster, "load", 2)
    topics, current, proposed = (tmp_path / name for name in ("topics", "current", "proposed"))
    topics.write_text('{"version": 1, "topics": [{"topic": "moved"}]}')
    generated = run("reassign-partitions", *at, "--generate", "--topics-to-move-json-file", topics,
                    "--broker-list", "2,3,4").splitlines()
    assert generated[0] == "Current partition replica assignment"
    assert generated[3] == "Proposed partition reassignment configuration"
    current.write_text(generated[1])
    proposed.write_text(generated[4])
    wanted = [one["replicas"] for one in json.loads(generated[4])["partitions"]]
    assert all(sorted(one) == [2, 3, 4] for one in wanted)
    before = [one["replicas"] for one in json.loads(generated[1])["partitions"]]
    assert before == replicas(cluster, "moved")

    # So slow that it is under way until it is cancelled.
    execute = ["reassign-partitions", *at, "--execute", "--reassignment-json-file"]
    started = run(*execute, proposed, "--throttle", 1000)
    names = "moved-0,moved-1,moved-2"
    assert f"Successfully started partition reassignments for {names}" in started
    assert "The inter-broker throttle limit was set to 1000 B/s" in started
    listed = run("reassign-partitions", *at, "--list").splitlines()
    assert listed[0] == "Current partition reassignments:"
    moved = [number for number in range(3) if sorted(before[number]) != [2, 3, 4]]
    assert [line.split(":")[0] for line in listed[1:]] == [f"moved-{number}" for number in moved]
    assert all("adding: " in line and "removing: 1." in line for line in listed[1:])
    verify = ["reassign-partitions", *at, "--verify", "--reassignment-json-file"]
    assert f"Reassignment of partition moved-{moved[0]} is still in progress." in run(*verify, proposed)
    cancelled = run("reassign-partitions", *at, "--cancel", "--reassignment-json-file", proposed)
    assert "Successfully cancelled partition reassignment" in cancelled
    assert "Clearing topic-level throttles on topic moved" in cancelled
    assert run("reassign-partitions", *at, "--list") == "No partition reassignments found.\n"
    wait_for(lambda: [sorted(one) for one in replicas(cluster, "moved")]
             == [sorted(one) for one in before], "replicas as before")

    run(*execute, proposed)
    wait_for(lambda: replicas(cluster, "moved") == wanted, "reassignment", 120)
    done = run(*verify, proposed)
    assert done.count(" is completed.") == 3
    assert "Clearing broker-level throttles on brokers 1,2,3,4" in done

    # A restart moves leaders away from their preferred replicas; an election brings them back.
    cluster.healed()
    node = cluster.node(wanted[0][0])
    node.stop()
    node.start()
    cluster.healed()
    led = [number for number in range(3) if wanted[number][0] == node.number]
    elected = run("leader-election", *at, "--election-type", "preferred", "--topic", "moved",
                  "--partition", led[0])
    assert elected in (
        f"Successfully completed leader election (PREFERRED) for partitions moved-{led[0]}\n",
        f"Valid replica already elected for partitions moved-{led[0]}\n")
    wait_for(lambda: wire.metadata(cluster.nodes[0].port)[1]["moved", led[0]][0] == node.number,
             "preferred leader")
    again = run("leader-election", *at, "--election-type", "PREFERRED", "--topic", "moved",
                "--partition", led[0])
    assert again == f"Valid replica already elected for partitions moved-{led[0]}\n"
    end_loads(cluster, loads)

    # All replicas hold the same in the end.
    verified = run("replica-verification", "--broker-list", cluster.bootstrap, "--time", -2,
                   "--topics-include", "load,moved", "--once").splitlines()
    assert verified[0].endswith(": verification process is started")
    assert re.search(r": max lag is 0 for partition (load|moved)-\d at offset \d+ among 5 partitions$",
                     verified[-1])


def test_the_metadata_of_a_running_node_are_shown(new_cluster):
    cluster = new_cluster(roles=["broker,controller"])
    cluster.start()
    run("topics", "--bootstrap-server", cluster.bootstrap, "--create", "--topic", "shown",
        "--partitions", 2, "--replication-factor", 1, "--config", "retention.ms=12345")
    shell = ["metadata-shell", "--directory", cluster.nodes[0].folder / "data"]
    assert run(*shell, "ls", "/image/topics/byName/shown").split() == ["0", "1", "id", "name"]
    assert run(*shell, "cat", "/image/configs/TOPIC:shown/retention.ms") == "12345\n"
    assert "PartitionRegistration(replicas=[1], " in run(*shell, "cat", "/image/topics/byName/*/0")
    assert "Feature: group.version " in run(
        "features", "--bootstrap-server", cluster.bootstrap, "describe")
    talk = subprocess.run([BINARY, *map(str, shell)], input="cd image/cluster\nls\ncat brokers/1\n",
                          capture_output=True, text=True)
    assert talk.stdout.startswith("brokers\ncontrollers\nBrokerRegistration(id=1, epoch=")


def test_what_is_lost_for_good_is_replaced(new_cluster):
    cluster = new_cluster(roles=["broker,controller"], dynamic=True, min_insync_replicas=1)
    cluster.start()
    at = ["--bootstrap-server", cluster.bootstrap]
    for _ in range(2):
        node = cluster.add("broker,controller")
        run("metadata-quorum", *at, "--command-config", node.config, "add-controller")
    create(cluster, "kept", partitions=4, replicas=2)
    lost = cluster.node(3)
    directory = next(one["directoryId"] for one in quorum(*at)["members"] if one["id"] == 3)
    lost.kill()
    new = cluster.add("broker,controller", count=3)
    run("metadata-quorum", *at, "remove-controller", "--controller-id", 3,
        "--controller-directory-id", directory)
    run("metadata-quorum", *at, "--command-config", new.config, "add-controller")
    assert sorted(members(cluster, "leader") + members(cluster, "follower")) == [1, 2, 4]
    wait_for(lambda: 3 not in wire.brokers(cluster.nodes[0].port), "end of the session of node 3")
    output = run("rebalance", "execute", *at, "--drain", 3, "--fill", 4, "--throttle", 50_000_000)
    assert " partitions done.\n" in output
    assert all(3 not in one for one in replicas(cluster, "kept"))
    assert run("cluster", "unregister", *at, "--id", 3) == "Broker 3 is no longer registered.\n"
