"""Fetch limits, waiting, positions and what a reader may see."""

import threading
import time

import confluent_kafka
import pytest
from confluent_kafka import KafkaError, TopicPartition

import readers


def fill(server, topic, count, size, partition=0):
    producer = confluent_kafka.Producer({
        "bootstrap.servers": server.bootstrap, "batch.num.messages": 10})
    for number in range(count):
        producer.produce(topic, b"%06d" % number + b"." * (size - 6), partition=partition)
    assert producer.flush(30) == 0


def consumer(server, **settings):
    settings = {key.replace("_", "."): value for key, value in settings.items()}
    return confluent_kafka.Consumer({
        "bootstrap.servers": server.bootstrap, "group.id": "unused",
        "enable.auto.commit": False, "auto.offset.reset": "error"} | settings)


@pytest.mark.parametrize("limit", [1, 1000, 100_000])
def test_a_small_fetch_limit_still_makes_progress(server, new_topic, limit):
    topic = new_topic(partitions=2)
    for partition in range(2):
        fill(server, topic, 300, 500, partition)
    seen = readers.with_confluent(
        server.bootstrap, topic, 2,
        **{"fetch.message.max.bytes": limit, "fetch.max.bytes": max(limit, 1000),
           "message.max.bytes": 1000})
    assert [one.offset for one in seen] == [*range(300)] * 2


def test_reading_starts_at_any_offset(server, new_topic):
    topic = new_topic(segment_bytes=1_048_576, index_interval_bytes=500)
    fill(server, topic, 1000, 2000)
    reader = consumer(server)
    for offset in [0, 1, 9, 10, 499, 500, 997, 999]:
        reader.assign([TopicPartition(topic, 0, offset)])
        message = reader.poll(20)
        assert message is not None and not message.error(), message and message.error()
        assert (message.offset(), message.value()[:6]) == (offset, b"%06d" % offset)
    reader.close()


def test_an_offset_past_the_end_is_out_of_range(server, new_topic):
    topic = new_topic()
    fill(server, topic, 5, 10)
    reader = consumer(server)
    reader.assign([TopicPartition(topic, 0, 500)])
    message = reader.poll(20)
    assert message.error().code() in (
        KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)
    reader.close()


def test_a_waiting_fetch_gets_a_record_at_once(server, new_topic):
    topic = new_topic()
    reader = consumer(server, fetch_wait_max_ms=20_000)
    reader.assign([TopicPartition(topic, 0, 0)])
    assert reader.poll(1) is None
    sent = []

    def write():
        sent.append(time.monotonic())
        fill(server, topic, 1, 10)

    thread = threading.Thread(target=write)
    thread.start()
    message = reader.poll(15)
    took = time.monotonic() - sent[0]
    thread.join()
    assert message is not None and took < 5, took
    reader.close()


def test_an_idle_fetch_waits_instead_of_spinning(server, new_topic):
    topic = new_topic()
    reader = consumer(server, fetch_wait_max_ms=500)
    reader.assign([TopicPartition(topic, 0, 0)])
    reader.poll(1)
    before = server.cpu_seconds()
    reader.poll(3)
    assert server.cpu_seconds() - before < 0.5
    reader.close()


def test_many_readers_of_one_topic(server, new_topic):
    topic = new_topic()
    fill(server, topic, 2000, 300)
    counts = []

    def read():
        counts.append(len(readers.with_confluent(server.bootstrap, topic, 1)))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [2000] * 8
