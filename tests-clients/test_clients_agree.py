"""What one client wrote, every client reads: offset, key, value, headers and timestamp."""

import asyncio
import time

import aiokafka
import confluent_kafka
import kafka
import pytest

import readers

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
# The Java client's zstd is in a jar of its own (zstd-jni), which no package index at hand carries.
WITHOUT_JAVA = ["zstd"]
START = 1_700_000_000_000
KEYS = [None, b"", b"key", "schlüssel".encode(), bytes(range(256))]
VALUES = [b"value", None, b"", b"x" * 5_000, bytes(range(256)), "鳥".encode()]


def records(count):
    for index in range(count):
        key, value = KEYS[index % len(KEYS)], VALUES[index % len(VALUES)]
        if key is None and value is None:  # which some clients refuse to send
            value = b"no key"
        headers = [("n", str(index).encode()), ("empty", b""), ("null", None), ("n", b"again")]
        yield key, value, headers[:index % 5], START + index * 7


def write_with_confluent(server, topic, codec, count):
    failed = []
    producer = confluent_kafka.Producer({
        "bootstrap.servers": server.bootstrap, "compression.type": codec, "linger.ms": 5})
    for index, (key, value, headers, timestamp) in enumerate(records(count)):
        producer.produce(
            topic, value, key, index % 2, timestamp=timestamp, headers=headers,
            on_delivery=lambda error, _: failed.append(error) if error else None)
    assert producer.flush(30) == 0 and not failed, failed


def write_with_kafka_python(server, topic, codec, count):
    producer = kafka.KafkaProducer(
        bootstrap_servers=server.bootstrap, compression_type=None if codec == "none" else codec)
    for index, (key, value, headers, timestamp) in enumerate(records(count)):
        headers = [(name, text or b"") for name, text in headers]
        producer.send(topic, value, key, headers, index % 2, timestamp)
    producer.flush(30)
    producer.close()


async def write_with_aiokafka(server, topic, codec, count):
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=server.bootstrap, compression_type=None if codec == "none" else codec)
    await producer.start()
    for index, (key, value, headers, timestamp) in enumerate(records(count)):
        await producer.send(topic, value, key, index % 2, timestamp, headers)
    await producer.stop()


def read_with_all(server, java, topic, codec="none"):
    seen = readers.with_confluent(server.bootstrap, topic, 2)
    if codec not in WITHOUT_JAVA:
        assert readers.with_java(java, server.bootstrap, topic, 2) == seen
    assert readers.with_aiokafka(server.bootstrap, topic, 2) == seen
    assert readers.with_kafka_python(server.bootstrap, topic, 2) == seen
    return seen


def expected(count):
    by_partition = [[], []]
    for index, (key, value, headers, timestamp) in enumerate(records(count)):
        rows = by_partition[index % 2]
        rows.append(readers.Seen(index % 2, len(rows), timestamp, key, value, tuple(headers)))
    return by_partition[0] + by_partition[1]


@pytest.mark.parametrize("codec", CODECS)
def test_all_read_what_confluent_wrote(server, java, new_topic, codec):
    topic = new_topic(partitions=2)
    write_with_confluent(server, topic, codec, 600)
    assert read_with_all(server, java, topic, codec) == expected(600)


@pytest.mark.parametrize("codec", ["none", "snappy", "zstd"])
def test_all_read_what_aiokafka_wrote(server, java, new_topic, codec):
    topic = new_topic(partitions=2)
    asyncio.run(write_with_aiokafka(server, topic, codec, 200))
    assert read_with_all(server, java, topic, codec) == expected(200)


@pytest.mark.parametrize("codec", ["none", "gzip", "lz4"])
def test_all_read_what_kafka_python_wrote(server, java, new_topic, codec):
    topic = new_topic(partitions=2)
    write_with_kafka_python(server, topic, codec, 200)
    seen = read_with_all(server, java, topic)
    assert [one[:5] for one in seen] == [one[:5] for one in expected(200)]


@pytest.mark.parametrize("codec", [one for one in CODECS if one not in WITHOUT_JAVA])
def test_all_read_what_java_wrote(server, java, new_topic, codec):
    topic = new_topic(partitions=2)
    java("WriteTopic", server.bootstrap, topic, codec, 200)
    seen = read_with_all(server, java, topic, codec)
    assert [(one.offset, one.value, one.headers) for one in seen if one.partition == 1] == [
        (index, b"value %d" % (2 * index + 1), (("h", b"%d" % (2 * index + 1)),))
        for index in range(100)]


def test_broker_stamps_a_log_append_time_topic(server, java, new_topic):
    topic = new_topic(partitions=2, message_timestamp_type="LogAppendTime")
    before = int(time.time() * 1000)
    write_with_confluent(server, topic, "lz4", 50)
    seen = read_with_all(server, java, topic)
    assert all(before <= one.timestamp <= time.time() * 1000 for one in seen)


@pytest.mark.parametrize("codec", CODECS[1:])
def test_broker_compresses_what_the_topic_asks_for(server, java, new_topic, codec):
    topic = new_topic(partitions=2, compression_type=codec)
    write_with_confluent(server, topic, "none", 100)
    assert read_with_all(server, java, topic, codec) == expected(100)
