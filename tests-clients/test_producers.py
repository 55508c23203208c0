"""Acknowledgement levels, idempotence, and the errors a producer must get."""

import threading

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
