"""MartletClient beside librdkafka and Java: what one writes the others read alike, keys go to the same
partitions, and all are members of one group."""

import base64
import json
import pathlib
import subprocess
import time

import confluent_kafka
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from group_checker import Feed, Group
from martlet_server import BINARY, wait_for

PIPE = BINARY.parent / "record-pipe"
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
# The Java client at hand comes without the library for zstd.
JAVA_CODECS = CODECS[:-1]
RECORDS = [
    (b"key", b"value", [("h", b"\x00\xff"), ("h", None), ("empty", b"")]),
    (None, b"no key", []),
    (b"tombstone", None, []),
    (b"", b"", []),
    ("schlüssel".encode(), b"x" * 5000, [("ü", b"1")]),
]


def hexed(value):
    return "-" if value is None else value.hex()


def unhexed(word):
    return None if word == "-" else bytes.fromhex(word)


def line(key, value, headers):
    # An empty field would not be seen between blanks.
    names = ",".join(f"{name}={hexed(one)}" for name, one in headers) or "-"
    return f"{hexed(key)} {hexed(value)} {names}"


def swift_write(bootstrap, topic, lines, **settings):
    flags = [f"{name.replace('_', '.')}={value}" for name, value in settings.items()]
    done = subprocess.run(
        [PIPE, "write", bootstrap, topic, *flags], input="\n".join(lines) + "\n", text=True,
        capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def swift_read(bootstrap, topic, count, **settings):
    """Partition, key, value and headers of each record."""
    flags = [f"{name.replace('_', '.')}={value}" for name, value in settings.items()]
    done = subprocess.run(
        [PIPE, "read", bootstrap, topic, str(count), *flags], text=True, capture_output=True,
        timeout=90)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    records = []
    for text in done.stdout.splitlines():
        partition, _, key, value, headers = text.split(" ")
        pairs = [] if headers == "-" else [pair.split("=") for pair in headers.split(",")]
        records.append((
            int(partition), unhexed(key), unhexed(value),
            [(name, unhexed(one)) for name, one in pairs]))
    return records


def librdkafka_read(bootstrap, topic, count, **settings):
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": "reader", "auto.offset.reset": "earliest",
        "enable.auto.commit": False} | {k.replace("_", "."): v for k, v in settings.items()})
    partitions = consumer.list_topics(topic, 30).topics[topic].partitions
    consumer.assign([
        confluent_kafka.TopicPartition(topic, one, confluent_kafka.OFFSET_BEGINNING)
        for one in partitions])
    seen = []

    def more():
        seen.extend(one for one in consumer.consume(100, 0.2) if not one.error())
        return len(seen) >= count

    wait_for(more, f"{count} records of {topic}")
    consumer.close()
    return [(one.partition(), one.key(), one.value(), one.headers() or []) for one in seen]


def librdkafka_write(bootstrap, topic, records, **settings):
    producer = Producer(
        {"bootstrap.servers": bootstrap} | {k.replace("_", "."): v for k, v in settings.items()})
    for key, value, headers in records:
        producer.produce(topic, value, key, headers=headers)
    assert producer.flush(30) == 0


def plain(records):
    return sorted((repr(key), repr(value), headers) for _, key, value, headers in records)


def test_each_reads_what_the_other_wrote_in_every_codec(server, new_topic):
    records = [one for one in RECORDS if one[:2] != (b"", b"")]
    wanted = sorted((repr(key), repr(value), headers) for key, value, headers in records)
    for codec in CODECS:
        topic = new_topic(3)
        swift_write(
            server.bootstrap, topic, [line(*one) for one in records], compression_type=codec)
        assert plain(librdkafka_read(server.bootstrap, topic, len(records))) == wanted
        topic = new_topic(3)
        librdkafka_write(server.bootstrap, topic, records, compression_type=codec)
        assert plain(swift_read(server.bootstrap, topic, len(records))) == wanted


@pytest.mark.parametrize("partitioner", ["murmur2_random", "consistent_random"])
def test_keys_go_to_the_same_partitions(partitioner, server, new_topic):
    keys = [b"%d" % number for number in range(50)] + [b"\x80\xff", "ü".encode(), b"a" * 100]
    ours, theirs = new_topic(7), new_topic(7)
    swift_write(
        server.bootstrap, ours, [line(key, key, []) for key in keys], partitioner=partitioner)
    librdkafka_write(
        server.bootstrap, theirs, [(key, key, []) for key in keys], partitioner=partitioner)
    places = {
        topic: {key: partition for partition, key, _, _ in
                librdkafka_read(server.bootstrap, topic, len(keys))}
        for topic in (ours, theirs)}
    assert places[ours] == places[theirs]


def test_java_reads_what_it_wrote_and_the_reverse(server, new_topic, java):
    for codec in JAVA_CODECS:
        topic = new_topic(1)
        swift_write(
            server.bootstrap, topic,
            [line(b"k%d" % one, b"v%d" % one, [("h", b"%d" % one)]) for one in range(100)],
            compression_type=codec)
        seen = [json.loads(text) for text in java("ReadTopic", server.bootstrap, topic, 1).splitlines()]
        assert [base64.b64decode(one["value"]) for one in seen] == [b"v%d" % one for one in range(100)]
        assert [base64.b64decode(one["key"]) for one in seen] == [b"k%d" % one for one in range(100)]
        assert [[name, base64.b64decode(value)] for one in seen for name, value in one["headers"]] == [
            ["h", b"%d" % one] for one in range(100)]
        topic = new_topic(2)
        java("WriteTopic", server.bootstrap, topic, codec, 100)
        seen = swift_read(server.bootstrap, topic, 100)
        for number in range(100):
            wanted = (number % 2, b"%d" % number, b"value %d" % number, [("h", b"%d" % number)])
            assert wanted in seen


def test_committed_records_are_seen_by_both_and_aborted_by_none(server, new_topic):
    topic = new_topic(1)
    lines = []
    for number in range(6):
        lines += [line(None, b"%d" % number, []), "abort" if number % 2 else "commit"]
    swift_write(server.bootstrap, topic, lines, transactional_id="swift")
    producer = Producer({"bootstrap.servers": server.bootstrap, "transactional.id": "librdkafka"})
    producer.init_transactions(30)
    for number in range(6, 12):
        producer.begin_transaction()
        producer.produce(topic, b"%d" % number)
        (producer.abort_transaction if number % 2 else producer.commit_transaction)(30)
    wanted = [b"%d" % number for number in range(0, 12, 2)]
    settings = {"isolation_level": "read_committed"}
    theirs = librdkafka_read(server.bootstrap, topic, len(wanted), **settings)
    ours = swift_read(server.bootstrap, topic, len(wanted), **settings)
    assert [value for _, _, value, _ in theirs] == wanted
    assert [value for _, _, value, _ in ours] == wanted


JAVA_COOPERATIVE = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"
# The default of each; for `cooperative`, what each calls the assignor.
GROUPS = {
    "classic": {},
    "cooperative": {"swift": "cooperative-sticky", "confluent": "cooperative-sticky",
                    "java": JAVA_COOPERATIVE},
    "consumer": {},
}


MIXED_SETTINGS = {
    "group_initial_rebalance_delay_ms": 100,
    "group_consumer_heartbeat_interval_ms": 500,
    "group_consumer_min_heartbeat_interval_ms": 500,
    "group_consumer_session_timeout_ms": 10000,
    "group_consumer_min_session_timeout_ms": 10000,
}


@pytest.mark.parametrize("kind, first", [
    ("classic", "swift"), ("classic", "confluent"), ("cooperative", "swift"), ("consumer", "swift")])
def test_swift_librdkafka_and_java_share_one_group(
        kind, first, new_server, tmp_path, java):
    server = new_server(**MIXED_SETTINGS)
    server.start()
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    topic = f"mixed-{kind}-{first}"
    admin.create_topics([NewTopic(topic, 6, 1)])[topic].result(30)
    group = Group(server.bootstrap, f"mixed-{kind}", topic, 6, tmp_path, java)
    feed = Feed(server.bootstrap, topic, 6)

    def start(client):
        settings = {"group_protocol": "consumer"} if kind == "consumer" else {}
        if GROUPS[kind]:
            settings["partition_assignment_strategy"] = GROUPS[kind][client]
        member = group.start(client, **settings)
        group.settle()
        return member

    try:
        # Whoever comes first leads a classic group, and assigns to the others.
        leader = start(first)
        for client in ("confluent", "java", "swift"):
            start(client)
        leader.leave()
        group.settle()
        group.alive[0].crash()
        group.settle()
        start(first)
        ends = feed.stop()
        group.wait_until_read(ends)
        for member in group.alive:
            member.leave()
        group.check()
    finally:
        feed.stopping = True
        group.stop()


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.slow)])
def test_a_reader_that_stalls_keeps_its_memory(seconds, server, new_topic):
    """Nobody takes what the reader prints, so it stops reading, while more and more is written."""
    topic = new_topic(4)
    reader = subprocess.Popen(
        [PIPE, "read", server.bootstrap, topic, "1000000"], stdout=subprocess.PIPE)
    status = pathlib.Path(f"/proc/{reader.pid}/status")

    def peak():
        text = next(one for one in status.read_text().splitlines() if one.startswith("VmHWM:"))
        return int(text.split()[1]) >> 10

    try:
        producer = Producer({"bootstrap.servers": server.bootstrap, "linger.ms": 5})
        end, written = time.monotonic() + seconds, 0
        while time.monotonic() < end or written < 200 << 20:
            for _ in range(500):
                producer.produce(topic, bytes(10_000))
            assert producer.flush(30) == 0
            written += 5_000_000
            # Enough for any buffer, and no more than the disk likes.
            if written > 500 << 20:
                wait_for(lambda: time.monotonic() > end, "end of the stall", seconds + 1)
        # An answer for each partition to read, one under way, and what the program itself takes.
        assert peak() < 100, f"{peak()} MB after {written >> 20} MB"
        line = reader.stdout.readline()
        assert line.split()[0] in (b"0", b"1", b"2", b"3")
    finally:
        reader.kill()
        reader.wait()
        reader.stdout.close()
