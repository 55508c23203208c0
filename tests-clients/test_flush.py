"""When records count as held, on a server whose syncs may lag by a minute while nobody waits."""

import confluent_kafka
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import wire
from martlet_server import wait_for


@pytest.fixture
def lagging(new_server):
    server = new_server(**{"martlet.flush.interval.ms": 60_000})
    start(server)
    yield server
    server.stop()


def start(server):
    server.start()
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    admin.create_topics([NewTopic("t", 1, 1)])["t"].result(30)


def produce(server, acks, count=1):
    """Answers within the socket's timeout of 10 s, or fails."""
    with wire.connect(server.port) as connection:
        for _ in range(count):
            connection.sendall(wire.produce("t", 0, wire.record_batch([b"x"]), acks=acks))
            assert wire.produce_result(wire.read_frame(connection))[0] == 0


def consumer(server):
    return confluent_kafka.Consumer({
        "bootstrap.servers": server.bootstrap, "group.id": "unused",
        "enable.auto.commit": False, "auto.offset.reset": "error"})


def test_acks_all_does_not_wait_for_the_interval(lagging):
    produce(lagging, acks=1)
    produce(lagging, acks=-1, count=3)


def test_the_latest_offset_counts_what_was_acknowledged_before(lagging):
    reader = consumer(lagging)
    for number in range(1, 6):
        produce(lagging, acks=1)
        assert reader.get_watermark_offsets(TopicPartition("t", 0), timeout=10) == (0, number)
    reader.close()


def test_a_consumer_does_not_wait_for_the_interval(lagging):
    reader = consumer(lagging)
    reader.assign([TopicPartition("t", 0, 0)])
    for number in range(5):
        produce(lagging, acks=1)
        message = reader.poll(10)
        assert message is not None and message.offset() == number
    reader.close()


def test_records_that_nobody_waits_for_are_synced_within_the_interval(new_server):
    server = new_server(**{"martlet.flush.interval.ms": 20})
    start(server)
    produce(server, acks=1)
    with wire.connect(server.port) as connection:

        def high_watermark():
            """Asked with a fetch that waits for nothing, so asks for no sync."""
            connection.sendall(wire.fetch("t", 0, 0, max_wait=0))
            return wire.fetch_high_watermark(wire.read_frame(connection))

        wait_for(lambda: high_watermark() == 1, "high watermark of 1", 10)
    server.stop()
