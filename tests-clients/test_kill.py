"""kill -9 under load of idempotent producers with acks=all, again and again.

ROUNDS=100 .build/venv/bin/python -m pytest tests-clients/test_kill.py runs a hundred rounds.
"""

import os
import random
import time

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

import readers
from numbered_load import Load, check

ROUNDS = int(os.environ.get("ROUNDS", "5"))
PARTITIONS = 3


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
