"""Malformed frames at a live node: it lives, its memory stays, another client's traffic goes on.

FRAMES=1000000 .build/venv/bin/python -m pytest tests-clients/test_frames.py sends a million.
"""

import os
import random
import socket
import threading
import time

import confluent_kafka

import wire
from frames import Shape, malformed

FRAMES = int(os.environ.get("FRAMES", "20000"))
MOST_GROWTH = 64 << 20
# Requests that, when they happen to be valid, are meant to change or stop the node.
LEFT_OUT = {4, 5, 6, 7, 57, 58, 64}


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


def send(server, frames):
    """Sends frames on one connection and waits until the server has closed it."""
    with wire.connect(server.port, timeout=20) as connection:
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


def test_malformed_frames_disturb_nobody(new_server, java):
    chance = random.Random(os.environ.get("SEED", "frames"))
    shapes = [Shape(line) for line in java("Schemas").splitlines()]
    shapes = [shape for shape in shapes if shape.key not in LEFT_OUT]
    assert len({shape.key for shape in shapes}) > 80
    server = new_server(num_partitions=1)
    server.start()
    create(server, "steady")
    steady = SteadyTraffic(server)
    steady.start()
    sent, before = 0, None
    try:
        while sent < FRAMES:
            frames = [malformed(shapes, chance) for _ in range(chance.choice([1, 1, 4, 16]))]
            send(server, frames)
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
    server.stop()


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
