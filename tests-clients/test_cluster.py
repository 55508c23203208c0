"""Three nodes: an election, replicated topics, and failures under load."""

import os
import random
import shutil
import socket
import time

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

import readers
import wire
from martlet_server import wait_for
from numbered_load import Load, check


@pytest.fixture
def cluster(new_cluster):
    cluster = new_cluster()
    cluster.start()
    return cluster


def create(cluster, topic, partitions=1, replicas=3):
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    wanted = NewTopic(topic, partitions, replicas)
    admin.create_topics([wanted], operation_timeout=30)[topic].result(40)
    cluster.healed()


def replicas(node, topic):
    """(leader, replicas, in sync) of each partition, as one node has it."""
    partitions = wire.metadata(node.port)[1]
    return [shown for name, shown in sorted(partitions.items()) if name[0] == topic]


def leader(cluster, topic, partition=0):
    up = next(node for node in cluster.nodes if node.is_up())
    found = wait_for(
        lambda: max(0, replicas(up, topic)[partition][0]), f"leader of {topic}-{partition}")
    return cluster.node(found)


def restart(cluster, node):
    node.start()
    cluster.healed()


def produce(cluster, topic, values, **settings):
    producer = confluent_kafka.Producer({
        "bootstrap.servers": cluster.bootstrap, "acks": "all", "log_level": 0, **settings})
    errors = []
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: error and errors.append(error))
    assert producer.flush(60) == 0
    assert errors == []


def values(cluster, topic, partitions=1):
    return [one.value for one in readers.with_confluent(cluster.bootstrap, topic, partitions)]


def test_three_nodes_elect_register_and_replicate(cluster):
    assert cluster.controller() in (1, 2, 3)
    create(cluster, "replicated", partitions=3)
    for node in cluster.nodes:
        wait_for(
            lambda: [sorted(shown[1]) for shown in replicas(node, "replicated")] == [[1, 2, 3]] * 3,
            f"three partitions in the metadata of node {node.number}")
    written = [b"%d" % number for number in range(1000)]
    produce(cluster, "replicated", written)
    assert sorted(values(cluster, "replicated", 3)) == sorted(written)
    cluster.stop()


def test_any_broker_takes_what_the_controller_decides(cluster):
    for node in cluster.nodes:
        admin = AdminClient({"bootstrap.servers": node.bootstrap, "log_level": 0})
        topic = f"by-{node.number}"
        admin.create_topics([NewTopic(topic, 1, 3)])[topic].result(40)
        wait_for(lambda: replicas(node, topic), f"{topic} in the metadata of node {node.number}")
        assert sorted(replicas(node, topic)[0][1]) == [1, 2, 3]


def test_java_clients_use_the_cluster(cluster, java):
    create(cluster, "java", partitions=3)
    java("WriteTopic", cluster.bootstrap, "java", "none", 200)
    seen = readers.with_java(java, cluster.bootstrap, "java", 3)
    assert len(seen) == 200
    assert seen == readers.with_confluent(cluster.bootstrap, "java", 3)


def test_a_restarted_broker_answers_clients_once_it_knows_the_metadata(cluster):
    topics = [f"topic-{number}" for number in range(20)]
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    for one in admin.create_topics([NewTopic(topic, 3, 3) for topic in topics]).values():
        one.result(40)
    cluster.healed()
    for node in cluster.nodes:
        node.kill()
    first, *others = cluster.nodes
    first.spawn()
    # It is there, and finds no majority: no client may take it for a node that serves.
    wait_for(lambda: accepts(first.controller_port), "the controller's listener")
    assert not accepts(first.port)
    for node in others:
        node.spawn()
    known = wait_for(lambda: first.answers() and wire.metadata(first.port)[1], "first answer")
    assert {name for name, _ in known} == set(topics)
    cluster.healed()


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


class Failures:
    """Loads of idempotent producers while nodes fail; then what must hold of their records."""

    def __init__(self, cluster, partitions=3):
        self.cluster = cluster
        create(cluster, "load", partitions=partitions)
        self.loads = [Load(cluster, "load", partition, pause=0.005) for partition in range(partitions)]
        for load in self.loads:
            load.start()
        self.progress()

    def progress(self, seconds=60.0):
        """Waits until each load has had new acknowledgements; how long that took."""
        before = [len(load.acknowledged) for load in self.loads]
        begun = time.monotonic()
        wait_for(
            lambda: all(len(load.acknowledged) > old for load, old in zip(self.loads, before)),
            "progress of all loads", seconds)
        return time.monotonic() - begun

    def check(self, **flags):
        for load in self.loads:
            load.ending.set()
        for load in self.loads:
            load.join()
            assert load.failed == []
        check(self.cluster, self.loads, **flags)
        return sum(load.count for load in self.loads)


def test_a_follower_dies_under_load(cluster):
    failures = Failures(cluster)
    victim = next(node for node in cluster.nodes if node is not leader(cluster, "load"))
    victim.kill()
    failures.progress()
    restart(cluster, victim)
    failures.progress()
    failures.check()


def test_a_leader_dies_under_load(cluster):
    failures = Failures(cluster)
    victim = leader(cluster, "load")
    victim.kill()
    failures.progress()
    longest = max(load.take_longest_pause() for load in failures.loads)
    restart(cluster, victim)
    count = failures.check()
    print(f"{count} records, longest pause {longest:.2f} s")


def test_the_active_controller_dies_under_load(cluster):
    failures = Failures(cluster)
    victim = cluster.node(cluster.controller())
    victim.kill()
    failures.progress()
    wait_for(
        lambda: cluster.controller() not in (None, victim.number), "another active controller")
    restart(cluster, victim)
    create(cluster, "after")
    failures.check()


def test_a_rolling_restart_under_load(cluster):
    failures = Failures(cluster)
    for node in cluster.nodes:
        node.stop()
        failures.progress()
        restart(cluster, node)
    failures.check()


def test_a_node_that_hangs_under_load(new_cluster):
    cluster = new_cluster(broker_session_timeout_ms=3000)
    cluster.start()
    failures = Failures(cluster)
    victim = leader(cluster, "load")
    victim.pause()
    failures.progress()
    victim.resume()
    cluster.healed()
    failures.progress()
    failures.check()


def test_a_follower_whose_partition_is_gone_gets_all_again(cluster):
    create(cluster, "kept")
    written = [b"%d" % number for number in range(2000)]
    produce(cluster, "kept", written)
    first = leader(cluster, "kept")
    victim = next(node for node in cluster.nodes if node is not first)
    victim.kill()
    shutil.rmtree(victim.folder / "data" / "kept-0")
    restart(cluster, victim)
    first.kill()
    assert values(cluster, "kept") == written


def test_a_node_with_an_empty_disk_gets_all_again(cluster):
    create(cluster, "kept", partitions=3)
    written = [b"%d" % number for number in range(1000)]
    produce(cluster, "kept", written)
    for node in cluster.nodes:
        node.kill()
        wait_for(lambda: cluster.brokers() == 2, f"node {node.number} fenced")
        node.wipe()
        restart(cluster, node)
    assert sorted(values(cluster, "kept", 3)) == sorted(written)


def test_transactions_and_groups_across_brokers(cluster):
    create(cluster, "from", partitions=3)
    create(cluster, "to", partitions=3)
    produce(cluster, "from", [b"%d" % number for number in range(300)])
    for round in range(3):
        producer = confluent_kafka.Producer({
            "bootstrap.servers": cluster.bootstrap, "transactional.id": f"copier-{round}",
            "log_level": 0})
        producer.init_transactions(60)
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": cluster.bootstrap, "group.id": "copiers",
            "auto.offset.reset": "earliest", "enable.auto.commit": False, "log_level": 0})
        consumer.subscribe(["from"])
        producer.begin_transaction()
        copied = 0
        while copied < 100:
            message = consumer.poll(30)
            assert message is not None, cluster.tails()
            if message.error():
                continue
            producer.produce("to", message.value())
            copied += 1
        positions = consumer.position(consumer.assignment())
        producer.send_offsets_to_transaction(
            positions, consumer.consumer_group_metadata(), 60)
        producer.commit_transaction(60)
        consumer.close()
    copies = [
        one.value for one in readers.with_confluent(cluster.bootstrap, "to", 3)]
    assert sorted(copies) == sorted(b"%d" % number for number in range(300))


def test_controllers_and_brokers_may_be_apart(new_cluster):
    cluster = new_cluster(roles=["controller"] * 3 + ["broker"] * 2, default_replication_factor=2)
    cluster.start()
    create(cluster, "apart", partitions=2, replicas=2)
    produce(cluster, "apart", [b"one", b"two"])
    cluster.node(cluster.controller()).kill()
    create(cluster, "without", replicas=2)
    produce(cluster, "without", [b"three"])
    assert sorted(values(cluster, "apart", 2)) == [b"one", b"two"]
    assert values(cluster, "without") == [b"three"]
    cluster.stop()


@pytest.mark.slow
def test_nodes_die_again_and_again(cluster):
    """ROUNDS and SEED as in test_kill.py."""
    chance = random.Random(os.environ.get("SEED", "cluster"))
    failures = Failures(cluster)
    for _ in range(int(os.environ.get("ROUNDS", "20"))):
        victim = chance.choice(cluster.nodes)
        victim.kill()
        failures.progress()
        restart(cluster, victim)
    failures.check()
