"""Exactly-once copy: read, write and commit of offsets in one transaction, while the copier and the node
are killed.

RECORDS=1000000 KILLS=50 .build/venv/bin/python -m pytest -s tests-clients/test_exactly_once.py
"""

import os
import pathlib
import random
import subprocess
import sys
import time

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from martlet_server import BINARY, wait_for

RECORDS = int(os.environ.get("RECORDS", "6000"))
KILLS = int(os.environ.get("KILLS", "2"))
PARTITIONS = 12
FOLDER = pathlib.Path(__file__).parent


def librdkafka(bootstrap, _):
    return [sys.executable, FOLDER / "copier.py", bootstrap, "source", "target", "copy", "copier"]


def java_client(bootstrap, java):
    return [*java.command("CopyTopic"), bootstrap, "source", "target", "copy", "copier"]


def martlet_client(bootstrap, _):
    copy = BINARY.parent / "exactly-once-copy"
    return [copy, bootstrap, "source", "target", "copy", "copier"]


class Copier:
    """A process that copies; killed and started again as often as the test says."""

    def __init__(self, command, folder):
        self.command = [str(word) for word in command]
        self.output = folder / "copier.out"
        self.process = None

    def start(self):
        with open(self.output, "ab") as output:
            self.process = subprocess.Popen(self.command, stdout=output, stderr=output)

    def ensure(self):
        """Starts it again when it has ended by itself, as a supervisor does."""
        if self.process is None or self.process.poll() is not None:
            self.start()

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self.process.wait()


def fill(bootstrap):
    producer = confluent_kafka.Producer({
        "bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5,
        "queue.buffering.max.messages": 200_000})
    for number in range(RECORDS):
        while True:
            try:
                producer.produce(
                    "source", b"%d" % (number // PARTITIONS), partition=number % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(120) == 0


def committed(bootstrap, group):
    """How many records the group has committed; `None` while the node cannot say."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        asked = [confluent_kafka.ConsumerGroupTopicPartitions(group)]
        found = admin.list_consumer_group_offsets(asked, request_timeout=5)[group].result(6)
        return sum(max(0, one.offset) for one in found.topic_partitions)
    except Exception:  # the node is down, or the group is not there yet
        return None


def read_committed(bootstrap, topic):
    """All values by partition, up to the end."""
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": bootstrap, "group.id": "check", "enable.auto.commit": False,
        "isolation.level": "read_committed", "enable.partition.eof": True})
    consumer.assign([
        confluent_kafka.TopicPartition(topic, one, confluent_kafka.OFFSET_BEGINNING)
        for one in range(PARTITIONS)])
    seen = {one: [] for one in range(PARTITIONS)}
    ended = set()
    last = time.monotonic()
    while len(ended) < PARTITIONS:
        messages = consumer.consume(1000, 0.2)
        last = time.monotonic() if messages else last
        assert time.monotonic() - last < 30, f"nothing for 30 s, {sorted(ended)} have ended"
        for one in messages:
            if one.error():
                ended.add(one.partition())
            else:
                seen[one.partition()].append(int(one.value()))
    consumer.close()
    return seen


@pytest.mark.parametrize(
    "client", [librdkafka, java_client, martlet_client], ids=["librdkafka", "java", "martlet"])
def test_each_record_is_copied_once_and_in_order(client, new_server, java, tmp_path):
    chance = random.Random(os.environ.get("SEED", "copy"))
    server = new_server(
        transaction_abort_timed_out_transaction_cleanup_interval_ms=1000,
        group_initial_rebalance_delay_ms=0, offsets_topic_num_partitions=4,
        transaction_state_log_num_partitions=4,
        **({"martlet_durability": os.environ["DURABILITY"]} if "DURABILITY" in os.environ else {}))
    server.start()
    admin = AdminClient({"bootstrap.servers": server.bootstrap, "log_level": 0})
    for name in ["source", "target"]:
        admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(30)
    fill(server.bootstrap)
    copier = Copier(client(server.bootstrap, java), tmp_path)
    begun = time.monotonic()
    kills = {"node": 0, "copier": 0}
    try:
        copier.start()
        while kills["node"] < KILLS or kills["copier"] == 0:
            # The copy's own time, not a wait for a state.
            time.sleep(chance.uniform(0.3, 3.0))
            if chance.random() < 0.5:
                copier.kill()
                kills["copier"] += 1
            else:
                server.kill()
                kills["node"] += 1
                time.sleep(chance.uniform(0, 0.3))
                server.start()
            copier.ensure()

        def is_done():
            copier.ensure()
            return committed(server.bootstrap, "copy") == RECORDS

        wait_for(is_done, "copy of all records", seconds=600 + RECORDS / 500)
    finally:
        copier.kill()
    seen = read_committed(server.bootstrap, "target")
    for partition, values in seen.items():
        count = len(range(partition, RECORDS, PARTITIONS))
        assert values == list(range(count)), f"partition {partition}: {len(values)} of {count}"
    print(f"{RECORDS} records, {kills['node']} kills of the node and {kills['copier']} of the copier, "
          f"{time.monotonic() - begun:.0f} s")
