"""Malformed and wild frames at a live node: it lives, its memory stays, another client's traffic
goes on.

FRAMES=1000000 .build/venv/bin/python -m pytest tests-clients/test_frames.py sends a million.
"""

import base64
import os
import random
import socket
import struct
import threading
import time

import confluent_kafka
import confluent_kafka.admin
import pytest

import wire
from frames import PEER_NAMES, PEER_NUMBERS, Shape, malformed, wild

FRAMES = int(os.environ.get("FRAMES", "20000"))
MOST_GROWTH = 64 << 20
# Requests that, when they happen to be valid, are meant to change or stop the node.
LEFT_OUT = {4, 5, 6, 7, 57, 58, 64}
ALONE = {f"{name}.replication.factor": 1 for name in (
    "offsets.topic", "transaction.state.log", "default")} | {"min.insync.replicas": 1}


class SteadyTraffic(threading.Thread):
    """Another client: it produces and reads back all the while."""

    def __init__(self, server):
        super().__init__()
        self.settings = {"bootstrap.servers": server.bootstrap, "log_level": 0}
        self.ending = threading.Event()
        self.written = self.read = 0
        self.slowest = 0.0
        self.errors = []

    def run(self):
        producer = confluent_kafka.Producer(self.settings | {"linger.ms": 0})
        consumer = confluent_kafka.Consumer(self.settings | {"group.id": "unused"})
        consumer.assign([confluent_kafka.TopicPartition("steady", 0, 0)])
        while not self.ending.is_set():
            begun = time.monotonic()
            producer.produce(
                "steady", b"%d" % self.written, partition=0,
                on_delivery=lambda error, _: error and self.errors.append(error))
            assert producer.flush(30) == 0
            self.written += 1
            while self.read < self.written:
                message = consumer.poll(30)
                if message is None or message.error():
                    self.errors.append(message and message.error())
                    return
                self.read += 1
            self.slowest = max(self.slowest, time.monotonic() - begun)
        consumer.close()


def send(port, frames):
    """Sends frames on one connection and waits until the server has closed it."""
    with wire.connect(port, timeout=20) as connection:
        try:
            connection.sendall(b"".join(frames))
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 16):
                pass
        except (ConnectionError, BrokenPipeError):
            pass
        except TimeoutError:
            raise AssertionError(
                "the connection still hangs after 20 s; frames: "
                + " ".join(one.hex() for one in frames))


def create(server, topic):
    producer = confluent_kafka.Producer({"bootstrap.servers": server.bootstrap})
    producer.produce(topic, b"first")
    assert producer.flush(30) == 0


@pytest.fixture
def shapes(java):
    shapes = [Shape(line) for line in java("Schemas").splitlines()]
    shapes = [shape for shape in shapes if shape.key not in LEFT_OUT]
    assert len({shape.key for shape in shapes}) > 80
    return shapes


def disturb(server, chance, draw):
    """Sends frames that `draw` makes, and sees to it that nobody but their sender notices; returns
    how many records another client wrote and read meanwhile."""
    steady = SteadyTraffic(server)
    steady.start()
    sent, before = 0, None
    try:
        while sent < FRAMES:
            frames = [draw() for _ in range(chance.choice([1, 1, 4, 16]))]
            send(server.port, frames)
            sent += len(frames)
            if before is None and sent >= FRAMES // 10:
                before = server.resident_bytes()
    finally:
        steady.ending.set()
        steady.join()
    assert server.process.poll() is None, server.tail()
    growth = server.resident_bytes() - before
    print(f"{sent} frames, {growth >> 20} MiB grown, {steady.read} records meanwhile, "
          f"slowest {steady.slowest:.3f} s")
    assert steady.errors == [] and steady.read > 10
    assert growth < MOST_GROWTH
    return steady.read


def watermarks(server, topic):
    consumer = confluent_kafka.Consumer({"bootstrap.servers": server.bootstrap, "group.id": "-"})
    try:
        return consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, 0), timeout=30)
    finally:
        consumer.close()


def test_malformed_frames_disturb_nobody(new_server, shapes):
    chance = random.Random(os.environ.get("SEED", "frames"))
    server = new_server(num_partitions=1)
    server.start()
    create(server, "steady")
    disturb(server, chance, lambda: malformed(shapes, chance))
    server.stop()


def test_numbers_of_any_size_disturb_nobody(new_server, shapes):
    """What they leave behind on disk does not keep the node from starting again, either."""
    chance = random.Random(os.environ.get("SEED", "frames"))
    often = {name: 50 for name in (
        "producer_id_expiration_check_interval_ms", "offsets_retention_check_interval_ms",
        "transaction_abort_timed_out_transaction_cleanup_interval_ms", "log_cleaner_backoff_ms",
        "transaction_remove_expired_transaction_cleanup_interval_ms",
        "log_retention_check_interval_ms", "group_initial_rebalance_delay_ms")}
    server = new_server(num_partitions=1, producer_id_expiration_ms=1000, **often)
    server.start()
    for topic in "steady", "wild-0", "wild-1":
        create(server, topic)
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": server.bootstrap})
    names = confluent_kafka.TopicCollection(["wild-0", "wild-1"])
    ids = [described.result(30).topic_id for described in admin.describe_topics(names).values()]
    ids = [struct.pack(">qq", one.get_most_significant_bits(), one.get_least_significant_bits())
           for one in ids]
    written = disturb(server, chance, lambda: wild(shapes, chance, ids))
    server.stop()
    server.start()
    assert watermarks(server, "steady") == (0, 1 + written)  # the first one created the topic
    server.stop()


def test_what_nodes_tell_each_other_may_be_anything(new_cluster, shapes):
    """A controller that is told of any voters, offsets and brokers goes on, and may lead again.

    Epochs are usual ones: who may name any leads the quorum to its last, as with Apache Kafka."""
    chance = random.Random(os.environ.get("SEED", "frames"))
    cluster = new_cluster(1, **ALONE)
    cluster.start()
    node = cluster.nodes[0]
    known = dict(line.split("=", 1) for line in (
        node.folder / "data/meta.properties").read_text().splitlines() if "=" in line)
    uuids = [bytes(15) + b"\1", base64.urlsafe_b64decode(known["directory.id"] + "==")]
    names = {"cluster": [known["cluster.id"]]} | PEER_NAMES
    served = wire.api_versions(node.controller_port)
    shapes = [shape for shape in shapes if shape.key in served]
    assert {52, 53, 54, 62, 63} <= served.keys()
    sent = 0
    while sent < FRAMES:
        frames = [wild(shapes, chance, uuids, names, PEER_NUMBERS, tame=["epoch"])
                  for _ in range(chance.choice([1, 1, 4, 16]))]
        send(node.controller_port, frames)
        sent += len(frames)
        assert node.process.poll() is None, node.tail()
    node.kill()
    node.start()
    assert wire.api_versions(node.controller_port)


def test_a_connection_that_only_sends_half_is_left_waiting_alone(server):
    with wire.connect(server.port) as half:
        half.sendall(b"\0\0\1\0" + b"\0\x12\0\0")
        assert wire.api_versions(server.port)


def test_an_oversized_frame_closes_the_connection(server):
    with wire.connect(server.port) as connection:
        connection.sendall(b"\x7f\xff\xff\xff" + b"x" * 100)
        try:
            assert connection.recv(1) == b""
        except ConnectionResetError:
            pass


def test_an_unknown_version_of_api_versions_gets_an_answer(server):
    with wire.connect(server.port) as connection:
        connection.sendall(wire.request(18, 99, 5, b""))
        answer = wire.read_frame(connection)
    assert answer[:6] == b"\0\0\0\5" + b"\0\x23"  # UNSUPPORTED_VERSION, in version 0
