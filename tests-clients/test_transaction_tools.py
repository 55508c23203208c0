"""`transactions` against transactions that librdkafka's producer makes."""

import itertools
import json
import subprocess
import time

import confluent_kafka
import pytest

from martlet_server import BINARY, wait_for

numbers = itertools.count(1)


@pytest.fixture
def transactions(server):
    """Runs `transactions VERB`, which must succeed; the documents that it prints."""

    def run(*arguments):
        done = subprocess.run(
            [BINARY, "transactions", *map(str, arguments), "--json",
             "--bootstrap-server", server.bootstrap], capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout) if done.stdout else None

    return run


@pytest.fixture
def producer(server):
    """A transactional producer with an open transaction of two records in partition 0."""

    def make(topic):
        identifier = f"tools-{next(numbers)}"
        producer = confluent_kafka.Producer({
            "bootstrap.servers": server.bootstrap, "transactional.id": identifier})
        producer.init_transactions(30)
        producer.begin_transaction()
        for number in range(2):
            producer.produce(topic, b"%d" % number, partition=0)
        assert producer.flush(30) == 0
        return identifier, producer

    return make


def last_stable_offset(server, topic):
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": server.bootstrap, "group.id": "unused",
        "isolation.level": "read_committed"})
    _, high = consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, 0), 30)
    consumer.close()
    return high


def test_an_open_transaction(server, transactions, producer, new_topic):
    topic = new_topic(1)
    identifier, open_producer = producer(topic)
    listed = {one["transactionalId"]: one for one in transactions("list")}
    assert listed[identifier]["state"] == "Ongoing" and listed[identifier]["coordinator"] == 1
    assert [one["transactionalId"] for one in transactions(
        "list", "--transactional-id-pattern", identifier)] == [identifier]
    assert identifier not in [one["transactionalId"] for one in transactions(
        "list", "--duration-filter", 600_000)]
    described, = transactions("describe", "--transactional-id", identifier)
    assert described["state"] == "Ongoing" and described["partitions"] == [f"{topic}-0"]
    assert 0 <= time.time() * 1000 - described["startTimeMs"] < 60_000
    writer, = transactions("describe-producers", "--topic", topic, "--partition", 0)
    assert writer["producerId"] == described["producerId"] == listed[identifier]["producerId"]
    assert (writer["lastSequence"], writer["transactionStartOffset"]) == (1, 0)
    assert transactions("find-hanging", "--topic", topic, "--max-transaction-timeout", 0) == []
    open_producer.commit_transaction(30)
    wait_for(lambda: transactions("describe", "--transactional-id", identifier)[0]["state"]
             == "CompleteCommit", "complete transaction")
    writer, = transactions("describe-producers", "--topic", topic, "--partition", 0)
    assert writer["transactionStartOffset"] is None and writer["coordinatorEpoch"] is not None


def test_termination_fences_the_producer(server, transactions, producer, new_topic):
    topic = new_topic(1)
    identifier, open_producer = producer(topic)
    transactions("forceTerminateTransaction", "--transactionalId", identifier)
    # The tool took the id over as a new producer does, once the abort was complete.
    wait_for(lambda: transactions("describe", "--transactional-id", identifier)[0]["state"]
             == "Empty", "aborted transaction")
    with pytest.raises(confluent_kafka.KafkaException) as failure:
        open_producer.commit_transaction(30)
    assert failure.value.args[0].fatal() or failure.value.args[0].txn_requires_abort()
    assert last_stable_offset(server, topic) == 3


def test_aborting_in_one_partition(server, transactions, producer, new_topic):
    topic = new_topic(1)
    _, open_producer = producer(topic)
    assert last_stable_offset(server, topic) == 0
    transactions("abort", "--topic", topic, "--partition", 0, "--start-offset", 0)
    wait_for(lambda: last_stable_offset(server, topic) == 3, "marker")
    writer, = transactions("describe-producers", "--topic", topic, "--partition", 0)
    assert writer["transactionStartOffset"] is None
    del open_producer
