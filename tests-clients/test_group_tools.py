"""The tools for groups against groups that librdkafka's consumers make: the same numbers on both sides."""

import itertools
import json
import subprocess

import confluent_kafka
import pytest
from confluent_kafka import TopicPartition

from martlet_server import BINARY, wait_for
from test_golden import GOLDEN

numbers = itertools.count(1)


@pytest.fixture
def tool(server):
    """Runs a tool against the shared server: its exit code, standard output and standard error."""

    def run(*arguments):
        done = subprocess.run(
            [BINARY, *map(str, arguments), "--bootstrap-server", server.bootstrap],
            capture_output=True, text=True, timeout=90)
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def groups(tool):
    """Runs `consumer-groups`, which must succeed; with json=True the document that it prints."""

    def run(*arguments, json_document=False):
        code, out, err = tool("consumer-groups", *arguments, *(["--json"] * json_document))
        assert code == 0, f"{arguments}: {out}{err}"
        return json.loads(out) if json_document else out

    return run


@pytest.fixture
def consumers(server):
    """Makes consumers of a group that are closed, if still open, when the test ends."""
    made = []

    def make(group, topic, **settings):
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": server.bootstrap, "group.id": group, "enable.auto.commit": False,
            "auto.offset.reset": "earliest", "client.id": f"member-{len(made)}",
        } | {key.replace("_", "."): value for key, value in settings.items()})
        consumer.subscribe([topic])
        made.append(consumer)
        return consumer

    yield make
    for consumer in made:
        consumer.close()


def fill(bootstrap, topic, counts):
    """Puts so many records into each partition; one a millisecond from 2024-01-01 on."""
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
    for partition, count in enumerate(counts):
        for number in range(count):
            producer.produce(topic, b"%d" % number, partition=partition,
                             timestamp=1_704_067_200_000 + number)
    assert producer.flush(30) == 0


def consume(consumers, count):
    """Reads so many records with all consumers together."""
    seen = []

    def poll():
        for consumer in consumers:
            message = consumer.poll(0.05)
            if message is not None and not message.error():
                seen.append(message)
        return len(seen) >= count

    wait_for(poll, f"{count} records", 60)
    return seen


def settle(consumers, partitions):
    """Polls until all partitions are assigned, each once, and every consumer has some."""

    def poll():
        for consumer in consumers:
            consumer.poll(0.05)
        assigned = [[p.partition for p in consumer.assignment()] for consumer in consumers]
        return all(assigned) and sorted(sum(assigned, [])) == partitions

    wait_for(poll, "settled group", 60)


@pytest.fixture(params=["classic", "consumer"])
def protocol(request):
    return request.param


def test_a_group_with_members(server, tool, groups, consumers, new_topic, protocol):
    topic, group = new_topic(3), f"tools-{protocol}-{next(numbers)}"
    fill(server.bootstrap, topic, [10, 20, 30])
    members = [consumers(group, topic, group_protocol=protocol) for _ in range(2)]
    settle(members, [0, 1, 2])
    for member in members:
        member.commit(offsets=[
            TopicPartition(topic, p.partition, 5 + p.partition) for p in member.assignment()],
            asynchronous=False)

    listed = {one["group"]: one for one in groups("--list", json_document=True)}
    assert listed[group] == {
        "group": group, "type": protocol.capitalize(), "protocol": "consumer", "state": "Stable"}
    assert group in groups("--list").split()
    assert group in groups("--list", "--state", "stable").split()
    assert any(line.split() == [group, protocol.capitalize(), "consumer"]
               for line in tool("groups", "--list")[1].splitlines())

    described, = groups("--describe", "--group", group, json_document=True)
    assert described["state"] == "Stable"
    rows = {row["partition"]: row for row in described["partitions"]}
    assert {p: (row["currentOffset"], row["logEndOffset"], row["lag"]) for p, row in rows.items()} \
        == {0: (5, 10, 5), 1: (6, 20, 14), 2: (7, 30, 23)}
    for member in members:
        for assigned in member.assignment():
            row = rows[assigned.partition]
            assert row["consumerId"] == member.memberid()
            assert row["clientId"].startswith("member-")
            assert row["host"].endswith("127.0.0.1")

    of_members, = groups("--describe", "--group", group, "--members", json_document=True)
    assert {one["consumerId"]: one["currentAssignment"] for one in of_members["members"]} == {
        member.memberid(): {topic: sorted(p.partition for p in member.assignment())}
        for member in members}
    state, = groups("--describe", "--group", group, "--state", json_document=True)
    assert state["members"] == 2 and state["coordinator"]["id"] == 1
    assert state["assignmentStrategy"] == ("range" if protocol == "classic" else "uniform")

    code, _, err = tool("consumer-groups", "--reset-offsets", "--group", group, "--all-topics",
                        "--to-earliest", "--execute")
    assert code == 1 and "is inactive, but the current state is Stable" in err
    code, _, err = tool("consumer-groups", "--delete", "--group", group)
    assert code == 1 and "NON_EMPTY_GROUP" in err


def test_a_group_that_everybody_left(server, tool, groups, consumers, new_topic, tmp_path, protocol):
    topic, group = new_topic(2), f"tools-{protocol}-{next(numbers)}"
    fill(server.bootstrap, topic, [100, 50])
    member = consumers(group, topic, group_protocol=protocol)
    consume([member], 150)
    member.commit(asynchronous=False)
    member.close()

    def committed():
        reader = confluent_kafka.Consumer({
            "bootstrap.servers": server.bootstrap, "group.id": group})
        offsets = reader.committed([TopicPartition(topic, p) for p in range(2)], 30)
        reader.close()
        return [one.offset for one in offsets]

    def reset(*arguments):
        return groups("--reset-offsets", "--group", group, *arguments)

    wait_for(lambda: groups("--describe", "--group", group, "--state", json_document=True)[0]
             ["state"] == "Empty", "empty group")
    out = groups("--describe", "--group", group)
    assert [line.split()[1:7] for line in out.splitlines()[2:]] == [
        [topic, "0", "100", "100", "0", "-"], [topic, "1", "50", "50", "0", "-"]]

    assert committed() == [100, 50]
    plan = reset("--all-topics", "--to-earliest", "--dry-run")
    assert [line.split() for line in plan.splitlines()[2:]] == [
        [group, topic, "0", "0"], [group, topic, "1", "0"]]
    assert committed() == [100, 50]
    for arguments, offsets in [
        (["--topic", topic, "--to-earliest"], [0, 0]),
        (["--topic", f"{topic}:0", "--to-offset", 70], [70, 0]),
        (["--all-topics", "--shift-by", 10], [80, 10]),
        (["--all-topics", "--shift-by", -100], [0, 0]),
        (["--all-topics", "--to-datetime", "2024-01-01T00:00:00.025"], [25, 25]),
        (["--all-topics", "--to-datetime", "2024-01-01T01:00:00.075+01:00"], [75, 50]),
        (["--all-topics", "--by-duration", "PT1H"], [100, 50]),
        (["--topic", topic, "--to-current"], [100, 50]),
    ]:
        reset(*arguments, "--execute")
        assert committed() == offsets, arguments

    exported = reset("--all-topics", "--to-offset", 33, "--dry-run", "--export")
    assert exported == f"{topic},0,33\n{topic},1,33\n\n"
    (tmp_path / "plan.csv").write_text(exported)
    reset("--from-file", tmp_path / "plan.csv", "--execute")
    assert committed() == [33, 33]

    # A consumer goes on where the tool put the group.
    again = consumers(group, topic, group_protocol=protocol)
    seen = consume([again], 67 + 17)
    assert min(message.offset() for message in seen) == 33 and len(seen) == 84
    again.close()

    done = groups("--delete-offsets", "--group", group, "--topic", f"{topic}:1")
    assert done.startswith(f"Request succeeded for deleting offsets from group {group}.\n")
    assert committed() == [33, confluent_kafka.OFFSET_INVALID]
    done = groups("--delete", "--group", group)
    assert done == f"Deletion of requested consumer groups ('{group}') was successful.\n"
    assert group not in groups("--list").split()
    code, _, err = tool("consumer-groups", "--describe", "--group", group)
    assert code == 1 and "GROUP_ID_NOT_FOUND" in err
    code, _, err = tool("consumer-groups", "--delete", "--group", group)
    assert code == 1 and "GROUP_ID_NOT_FOUND" in err


def test_offsets_of_a_group_that_never_was(groups, new_topic, server):
    topic, group = new_topic(1), f"tools-new-{next(numbers)}"
    fill(server.bootstrap, topic, [10])
    groups("--reset-offsets", "--group", group, "--topic", topic, "--to-latest", "--execute")
    described, = groups("--describe", "--group", group, json_document=True)
    assert described["state"] == "Empty"
    assert [(row["currentOffset"], row["lag"]) for row in described["partitions"]] == [(10, 0)]


@pytest.mark.skipif(not GOLDEN.exists(), reason=f"{GOLDEN} with files of a real Kafka is not there")
@pytest.mark.parametrize("kind", ["clean", "crashed"])
def test_groups_that_apache_kafka_wrote(kind, new_server, tmp_path):
    """`groups` prints what Kafka's tool printed of the same directory; offsets are as it read them."""
    subprocess.run(["tar", "xSzf", GOLDEN / f"{kind}.tar.gz", "-C", tmp_path], check=True)
    manifest = json.loads((GOLDEN / f"{kind}.manifest.json").read_text())
    server = new_server("node", log_dirs=tmp_path / kind)
    server.start()

    def run(*arguments):
        return subprocess.run(
            [BINARY, *arguments, "--bootstrap-server", server.bootstrap], check=True,
            capture_output=True, text=True, timeout=60).stdout

    # Share groups are not there yet.
    header, *lines = manifest["tool_output"]["groups"].strip("\n").split("\n")
    lines = [line for line in lines if line.split()[1] != "Share"]
    assert len(lines) > 3
    assert run("groups", "--list") == "\n".join([header, *sorted(lines)]) + "\n"
    compared = 0
    for group in manifest["groups"]:
        described, = json.loads(run("consumer-groups", "--describe", "--group", group["group"], "--json"))
        assert described["state"].upper() == group["state"].split(".")[1]
        assert {(row["topic"], row["partition"]): (row["currentOffset"], row["leaderEpoch"])
                for row in described["partitions"]} == {
            (one["topic"], one["partition"]): (one["offset"], one["leader_epoch"])
            for one in group["committed"]}
        compared += len(group["committed"])
    assert compared > 5
    server.stop()
