"""A metadata quorum whose voters change while clients work (KIP-853)."""

import json
import subprocess
import time

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

import quorum_wire
from martlet_server import BINARY, wait_for
from numbered_load import Load, check


@pytest.fixture
def cluster(new_cluster):
    cluster = new_cluster(5, dynamic=True)
    cluster.start()
    return cluster


class Quorum:
    """The voters of a cluster, changed one at a time."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.figures = []

    def active(self):
        number = wait_for(self.cluster.controller, "active controller")
        return self.cluster.node(number).controller_port

    def voters(self):
        try:
            return sorted(quorum_wire.voters(self.active()))
        except OSError:
            return []

    def change(self, what, request, expected):
        """Asks until it is done: the controller may move, or the voter not have caught up yet."""
        begun = time.monotonic()

        def is_done():
            try:
                error = request(self.active())
            except OSError:
                return False
            return self.voters() == expected or error == 0 and None

        wait_for(is_done, f"{what}: voters {expected}, they are {self.voters()}", 60)
        self.figures.append(f"{what} {time.monotonic() - begun:.2f} s")

    def add(self, number, expected):
        node = self.cluster.node(number)
        self.change(
            f"add {number}",
            lambda port: quorum_wire.add_voter(
                port, number, node.directory_id(), b"CONTROLLER", b"127.0.0.1",
                node.advertised_controller), expected)

    def remove(self, number, directory, expected):
        self.change(
            f"remove {number}",
            lambda port: quorum_wire.remove_voter(port, number, directory), expected)


def test_a_quorum_grows_and_shrinks_under_load(cluster):
    quorum = Quorum(cluster)
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    admin.create_topics([NewTopic("load", 2, 3)])["load"].result(30)
    cluster.healed()
    loads = [Load(cluster, "load", partition, pause=0.005) for partition in range(2)]
    for load in loads:
        load.start()
    try:
        assert quorum.voters() == [1]
        for number in range(2, 6):
            quorum.add(number, [*range(1, number + 1)])
        # The one that is removed may well be the active controller.
        first = quorum.cluster.controller()
        rest = [number for number in range(1, 6) if number != first]
        quorum.remove(first, cluster.node(first).directory_id(), rest)
        quorum.remove(rest[3], cluster.node(rest[3]).directory_id(), rest[:3])
        # A voter whose disk is lost comes back as another one: the old goes, the new joins.
        lost = cluster.node(rest[0])
        old = lost.directory_id()
        lost.kill()
        lost.wipe()
        lost.start()
        quorum.remove(lost.number, old, rest[1:3])
        quorum.add(lost.number, rest[:3])
        cluster.healed()
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
        admin.create_topics([NewTopic("after", 1, 3)])["after"].result(30)
        longest = max(load.take_longest_pause() for load in loads)
        print(f"\n{', '.join(quorum.figures)}; longest pause of a producer {longest:.2f} s")
    finally:
        for load in loads:
            load.ending.set()
        for load in loads:
            load.join()
    assert [load.failed for load in loads] == [[], []]
    check(cluster, loads)
    cluster.stop()


def tool(cluster, *arguments):
    done = subprocess.run(
        [BINARY, *arguments, "--bootstrap-server", cluster.bootstrap], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def finalized(cluster, feature):
    """The level of a feature as every node tells it."""
    levels = set()
    for node in cluster.nodes:
        _, text = tool(cluster, "features", "describe", "--node-id", str(node.number), "--json")
        levels |= {one["finalizedVersionLevel"] for one in json.loads(text) if one["feature"] == feature}
    return levels


def test_fixed_voters_become_voters_that_change(new_cluster):
    cluster = new_cluster(3)
    cluster.start()
    quorum = Quorum(cluster)
    wait_for(lambda: quorum.voters() == [1, 2, 3], "a quorum of three")
    assert finalized(cluster, "kraft.version") == {0}

    # While a voter is down nobody knows what it can do, and nothing is changed.
    lost = next(node for node in cluster.nodes if node.number != cluster.controller())
    lost.kill()
    cluster.node(cluster.controller()).kill()
    left = next(node for node in cluster.nodes if node.is_up())
    for node in cluster.nodes:
        if node not in (left, lost):
            node.spawn_again()
    wait_for(cluster.controller, "active controller")
    upgrade = ["features", "upgrade", "--feature", "kraft.version=1"]
    code, text = tool(cluster, *upgrade)
    assert code != 0 and "Could not upgrade kraft.version to 1" in text
    lost.spawn_again()
    cluster.healed()

    wait_for(lambda: tool(cluster, *upgrade, "--dry-run")[0] == 0, "directories of all voters")
    assert finalized(cluster, "kraft.version") == {0}, "a dry run changes nothing"
    code, text = tool(cluster, *upgrade)
    assert (code, text) == (0, "kraft.version was upgraded to 1.\n")
    wait_for(lambda: finalized(cluster, "kraft.version") == {1}, "kraft.version 1 on all nodes")
    assert tool(cluster, *upgrade)[0] == 0, "what is done can be asked for again"

    # From here on voters come and go; the first three still have fixed voters in their settings.
    cluster.dynamic, cluster.quorum_key = True, "controller.quorum.bootstrap.servers"
    cluster.add("broker,controller")
    quorum.add(4, [1, 2, 3, 4])
    quorum.remove(1, cluster.node(1).directory_id(), [2, 3, 4])
    code, text = tool(cluster, "metadata-quorum", "describe", "--status")
    assert code == 0 and '"id": 4' in text and '"id": 1' not in text.split("CurrentObservers")[0]
    for node in cluster.nodes:
        node.kill()
    for node in cluster.nodes:
        node.spawn()
    cluster.healed()
    assert quorum.voters() == [2, 3, 4], "a restart takes the voters from the log"
    cluster.stop()
