"""Acknowledgement levels, idempotence, and the errors a producer must get."""

import pathlib
import threading
import time

import confluent_kafka
import pytest
from confluent_kafka import KafkaError

import readers
import wire


def produce(server, topic, values, partition=0, **settings):
    """Delivered (error, offset) of each value, in the order of delivery."""
    delivered = []
    settings = {key.replace("_", "."): value for key, value in settings.items()}
    producer = confluent_kafka.Producer({"bootstrap.servers": server.bootstrap} | settings)
    for value in values:
        producer.produce(
            topic, value, partition=partition,
            on_delivery=lambda error, message: delivered.append((error, message.offset())))
    assert producer.flush(30) == 0
    return delivered


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_every_level_of_acknowledgement(server, new_topic, acks):
    topic = new_topic()
    values = [b"%d" % number for number in range(1000)]
    delivered = produce(server, topic, values, acks=acks)
    assert [error for error, _ in delivered if error] == []
    if acks != "0":
        assert [offset for _, offset in delivered] == list(range(1000))
    else:
        produce(server, topic, [b"last"], acks="all")
    seen = readers.with_confluent(server.bootstrap, topic, 1)
    assert [one.value for one in seen][:1000] == values


def test_idempotent_producers_share_a_partition(server, new_topic):
    topic = new_topic()

    def work(name):
        values = [b"%s %d" % (name, number) for number in range(2000)]
        delivered = produce(
            server, topic, values, enable_idempotence=True, batch_num_messages=20, linger_ms=0)
        assert not any(error for error, _ in delivered)

    names = [b"a", b"b", b"c"]
    threads = [threading.Thread(target=work, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    values = [one.value for one in readers.with_confluent(server.bootstrap, topic, 1)]
    for name in names:
        own = [value for value in values if value.startswith(name + b" ")]
        assert own == [b"%s %d" % (name, number) for number in range(2000)]


def test_a_batch_sent_twice_is_stored_once(server, new_topic):
    topic = new_topic()
    batch = bytearray(wire.record_batch([b"once"]))
    batch[43:57] = (4242).to_bytes(8, "big") + b"\0\0" + b"\0\0\0\0"
    batch[17:21] = wire.crc32c(bytes(batch[21:])).to_bytes(4, "big")
    with wire.connect(server.port) as connection:
        results = []
        for _ in range(3):
            connection.sendall(wire.produce(topic, 0, bytes(batch)))
            results.append(wire.produce_result(wire.read_frame(connection)))
    assert results == [(0, 0)] * 3
    assert len(readers.with_confluent(server.bootstrap, topic, 1)) == 1


def test_a_corrupt_batch_is_refused(server, new_topic):
    topic = new_topic()
    batch = bytearray(wire.record_batch([b"value"]))
    batch[-3] ^= 1
    with wire.connect(server.port) as connection:
        connection.sendall(wire.produce(topic, 0, bytes(batch)))
        assert wire.produce_result(wire.read_frame(connection))[0] == 2  # CORRUPT_MESSAGE
        connection.sendall(wire.produce(topic, 0, wire.record_batch([b"good"])))
        assert wire.produce_result(wire.read_frame(connection)) == (0, 0)


def test_a_message_over_the_limit_is_refused(server, new_topic):
    topic = new_topic(max_message_bytes=10_000)
    too_large = produce(server, topic, [b"x" * 20_000])
    assert too_large[0][0].code() == KafkaError.MSG_SIZE_TOO_LARGE
    assert produce(server, topic, [b"x" * 9_000]) == [(None, 0)]


def test_one_replica_is_enough_where_there_is_one(server, new_topic):
    # The minimum counts up to the number of replicas, as in Apache Kafka.
    topic = new_topic(min_insync_replicas=2)
    assert produce(server, topic, [b"x"], acks="all", message_timeout_ms=10_000) == [(None, 0)]


def test_a_partition_that_does_not_exist(server, new_topic):
    topic = new_topic()
    with wire.connect(server.port) as connection:
        connection.sendall(wire.produce(topic, 7, wire.record_batch([b"value"])))
        error, _ = wire.produce_result(wire.read_frame(connection))
    assert error == 3  # UNKNOWN_TOPIC_OR_PARTITION


def test_responses_keep_the_order_of_requests(server, new_topic):
    topic = new_topic()
    with wire.connect(server.port) as connection:
        batch = wire.record_batch([b"value"])
        acks = [-1, 1] * 50
        for number, level in enumerate(acks):
            connection.sendall(wire.produce(topic, 0, batch, level, correlation=number))
        answers = [wire.read_frame(connection) for _ in acks]
    assert [int.from_bytes(answer[:4], "big") for answer in answers] == list(range(100))
    assert [wire.produce_result(answer) for answer in answers] == [(0, n) for n in range(100)]


def test_a_compacted_topic_takes_no_record_without_a_key(server, new_topic):
    topic = new_topic(cleanup_policy="compact")
    [(error, _)] = produce(server, topic, [b"no key"])
    assert error.code() == KafkaError.INVALID_RECORD
    producer = confluent_kafka.Producer({"bootstrap.servers": server.bootstrap})
    producer.produce(topic, b"value", key=b"key")
    assert producer.flush(30) == 0
    assert [one.key for one in readers.with_confluent(server.bootstrap, topic, 1)] == [b"key"]


@pytest.mark.parametrize("kind, wanted", [
    ("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4), ("uncompressed", 0)])
@pytest.mark.parametrize("codec", ["gzip", "none"])
def test_the_topic_decides_the_compression(server, new_topic, kind, wanted, codec):
    topic = new_topic(compression_type=kind)
    values = [b"%d " % number * 20 for number in range(500)]
    delivered = produce(
        server, topic, values, compression_type=codec, enable_idempotence=True, linger_ms=50)
    assert not any(error for error, _ in delivered)
    for reader in (readers.with_confluent, readers.with_kafka_python, readers.with_aiokafka):
        assert [one.value for one in reader(server.bootstrap, topic, 1)] == values
    [log] = pathlib.Path(server.overrides["log.dirs"], f"{topic}-0").glob("*.log")
    stored = log.read_bytes()
    position, codecs = 0, set()
    while position < len(stored):
        codecs.add(stored[position + 22] & 7)
        position += 12 + int.from_bytes(stored[position + 8:position + 12], "big")
    assert codecs == {wanted}


@pytest.mark.parametrize("shift, settings", [
    (-120_000, {"message_timestamp_before_max_ms": 60_000}),
    (120_000, {"message_timestamp_after_max_ms": 60_000}),
])
def test_timestamps_out_of_bounds_are_refused(server, new_topic, shift, settings):
    topic = new_topic(**settings)
    errors = []
    producer = confluent_kafka.Producer({"bootstrap.servers": server.bootstrap, "linger.ms": 0})
    now = int(time.time() * 1000)
    for timestamp in (now + shift, now):
        producer.produce(
            topic, b"v", timestamp=timestamp, on_delivery=lambda error, _: errors.append(error))
        assert producer.flush(30) == 0
    assert errors[0].code() == KafkaError.INVALID_TIMESTAMP
    assert errors[1] is None
