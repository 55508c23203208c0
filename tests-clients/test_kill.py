"""kill -9 under load of idempotent producers with acks=all, again and again.

ROUNDS=100 .build/venv/bin/python -m pytest tests-clients/test_kill.py runs a hundred rounds.
"""

import os
import random
import threading
import time

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

import readers

ROUNDS = int(os.environ.get("ROUNDS", "5"))
PARTITIONS = 3


class Load(threading.Thread):
    """Produces numbered records to one partition; remembers the offset of each acknowledged one."""

    def __init__(self, server, topic, partition):
        super().__init__()
        self.topic, self.partition = topic, partition
        self.acknowledged, self.failed = {}, []
        self.ending = threading.Event()
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": server.bootstrap, "enable.idempotence": True, "acks": "all",
            "delivery.timeout.ms": 300_000, "linger.ms": 1, "batch.num.messages": 50,
            "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 100,
            "retry.backoff.ms": 10, "log_level": 0})

    def delivered(self, error, message):
        if error:
            self.failed.append(error)
        else:
            self.acknowledged[message.offset()] = message.value()

    def run(self):
        number = 0
        while not self.ending.is_set():
            value = b"%d %d " % (self.partition, number) + b"x" * (number % 700)
            try:
                self.producer.produce(
                    self.topic, value, partition=self.partition, on_delivery=self.delivered)
                number += 1
            except BufferError:  # full while the node is down: deliveries make room
                self.producer.poll(0.1)
            self.producer.poll(0.0005)
        assert self.producer.flush(60) == 0
        self.count = number


def test_nothing_acknowledged_is_lost_doubled_or_changed(new_server):
    chance = random.Random(os.environ.get("SEED", "kill"))
    server = new_server()
    server.start()
    admin = AdminClient({"bootstrap.servers": server.bootstrap, "log_level": 0})
    wanted = NewTopic("load", PARTITIONS, 1, config={"segment.bytes": "1048576"})
    admin.create_topics([wanted])["load"].result(30)
    loads = [Load(server, "load", partition) for partition in range(PARTITIONS)]
    for load in loads:
        load.start()
    restarts = []
    for _ in range(ROUNDS):
        time.sleep(chance.uniform(0.05, 1.0))  # the load's own time, not a wait for a state
        server.kill()
        restarts.append(server.start())
    for load in loads:
        load.ending.set()
    for load in loads:
        load.join()
        assert load.failed == []
    check(server, loads)
    server.stop()
    server.start()
    check(server, loads)
    print(f"{ROUNDS} rounds, {sum(load.count for load in loads)} records, "
          f"slowest restart {max(restarts):.3f} s")


def check(server, loads):
    seen = readers.with_confluent(server.bootstrap, "load", PARTITIONS)
    for load in loads:
        stored = {one.offset: one.value for one in seen if one.partition == load.partition}
        assert len(load.acknowledged) == load.count
        assert stored == load.acknowledged
        numbers = [int(value.split(b" ")[1]) for value in stored.values()]
        assert numbers == [*range(load.count)]


@pytest.mark.parametrize("orderly", [True, False])
def test_deleted_records_stay_deleted(new_server, orderly):
    server = new_server()
    server.start()
    producer = confluent_kafka.Producer({"bootstrap.servers": server.bootstrap, "acks": "all"})
    for number in range(100):
        producer.produce("cut", b"%d" % number)
    assert producer.flush(30) == 0
    admin = AdminClient({"bootstrap.servers": server.bootstrap, "log_level": 0})
    at = confluent_kafka.TopicPartition("cut", 0, 40)
    assert admin.delete_records([at])[at].result(30).low_watermark == 40
    server.stop() if orderly else server.kill()
    server.start()
    seen = readers.with_confluent(server.bootstrap, "cut", 1)
    assert [one.offset for one in seen] == [*range(40, 100)]
