"""Topics of very many partitions come and go while the quorum and the brokers' sessions hold.

PARTITIONS=5000 python -m pytest -s tests-clients/test_many_partitions.py
"""

import os
import threading
import time

from confluent_kafka.admin import AdminClient, NewTopic

import wire
from martlet_server import wait_for

PARTITIONS = int(os.environ.get("PARTITIONS", "500"))
# For machines that are busy with other things.
PATIENCE = float(os.environ.get("PATIENCE", "1"))


class Watch(threading.Thread):
    """Asks a node's controller thread again and again; knows the longest that it took to answer."""

    def __init__(self, node):
        super().__init__()
        self.node, self.worst, self.ending = node, 0.0, threading.Event()

    def run(self):
        while not self.ending.wait(0.01):
            begun = time.monotonic()
            wire.controller(self.node.controller_port, 60)
            self.worst = max(self.worst, time.monotonic() - begun)

    def take_worst(self):
        worst, self.worst = self.worst, 0.0
        return worst


def directories(node):
    """How many directories of the topic's partitions a node has, without those that are to go."""
    names = os.listdir(node.folder / "data")
    return sum(name.startswith("wide-") and not name.endswith("-delete") for name in names)


def troubles(cluster):
    """Lines that tell of elections and of brokers that were fenced."""
    return [line for node in cluster.nodes for line in node.output.read_text().splitlines()
            if "asks for votes" in line or "is fenced" in line]


def test_many_partitions_do_not_hold_up_the_quorum(new_cluster):
    cluster = new_cluster()
    cluster.start()
    before = troubles(cluster)
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    watches = [Watch(node) for node in cluster.nodes]
    for watch in watches:
        watch.start()
    figures, longest = [], 0.0

    def phase(name, request, expected):
        begun = time.monotonic()
        request["wide"].result(120)
        wait_for(
            lambda: [directories(node) for node in cluster.nodes] == [expected] * 3,
            f"{expected} directories on each node", 120)
        worst = max(watch.take_worst() for watch in watches)
        figures.append(f"{name} {time.monotonic() - begun:.2f} s, "
                       f"slowest answer of a controller {worst:.3f} s")
        return worst

    for _ in range(2):
        wanted = NewTopic("wide", PARTITIONS, 3)
        longest = max(longest, phase(
            "create", admin.create_topics([wanted], request_timeout=120), PARTITIONS))
        longest = max(longest, phase(
            "delete", admin.delete_topics(["wide"], request_timeout=120), 0))
    for watch in watches:
        watch.ending.set()
        watch.join()
    print(f"\n{PARTITIONS} partitions on each of 3 nodes: {'; '.join(figures)}")
    assert troubles(cluster) == before
    assert longest < 5 * PATIENCE
    cluster.stop()
