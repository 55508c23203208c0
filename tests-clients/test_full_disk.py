"""A log directory on a small file system that fills up."""

import subprocess

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

import readers

MiB = 1 << 20


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("may not mount a tmpfs here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def produce_until_refused(server, topic, partitions, limit):
    """Acknowledged {(partition, offset): value} and the error codes of the rest."""
    stored, errors = {}, set()
    producer = confluent_kafka.Producer({
        "bootstrap.servers": server.bootstrap, "acks": "all", "linger.ms": 2,
        "message.timeout.ms": 5000, "retries": 0, "log_level": 0})

    def delivered(error, message):
        if error:
            errors.add(error.code())
        else:
            stored[message.partition(), message.offset()] = message.value()

    for number in range(limit // 10_000):
        value = b"%08d" % number + b"." * 10_000
        producer.produce(topic, value, partition=number % partitions, on_delivery=delivered)
        producer.poll(0.001)
        if errors and number % 50 == 0:
            break
    producer.flush(30)
    return stored, errors


def test_a_full_disk_is_an_error_and_loses_nothing(new_server, small_disk, tmp_path):
    large = tmp_path / "large"
    server = new_server(
        log_dirs=f"{large},{small_disk}/data", metadata_log_dir=large,
        log_segment_bytes=4 * MiB)
    server.start()
    admin = AdminClient({"bootstrap.servers": server.bootstrap, "log_level": 0})
    admin.create_topics([NewTopic("filling", 4, 1)])["filling"].result(30)
    stored, errors = produce_until_refused(server, "filling", 4, 100 * MiB)
    assert errors, "the disk never filled"
    assert errors <= {
        confluent_kafka.KafkaError.KAFKA_STORAGE_ERROR,
        confluent_kafka.KafkaError.NOT_LEADER_FOR_PARTITION,
        confluent_kafka.KafkaError.LEADER_NOT_AVAILABLE,
        confluent_kafka.KafkaError._MSG_TIMED_OUT}, errors
    # The other directory serves on.
    admin.create_topics([NewTopic("elsewhere", 1, 1)])["elsewhere"].result(30)
    served, refused = produce_until_refused(server, "elsewhere", 1, 1 * MiB)
    assert served and not refused
    server.stop()

    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    server.start()
    seen = {(one.partition, one.offset): one.value
            for one in readers.with_confluent(server.bootstrap, "filling", 4)}
    assert {at: seen.get(at) for at in stored} == stored
    more, refused = produce_until_refused(server, "filling", 4, 1 * MiB)
    assert more and not refused
    server.stop()


def test_a_node_whose_only_disk_is_full_ends_with_a_reason(new_server, small_disk):
    server = new_server(log_dirs=f"{small_disk}/data", log_segment_bytes=4 * MiB)
    server.start()
    admin = AdminClient({"bootstrap.servers": server.bootstrap, "log_level": 0})
    admin.create_topics([NewTopic("filling", 1, 1)])["filling"].result(30)
    stored, errors = produce_until_refused(server, "filling", 1, 100 * MiB)
    assert errors, "the disk never filled"
    assert server.process.wait(30) == 1, server.tail()
    assert "the node stops" in server.tail() and f"{small_disk}/data" in server.tail()

    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    server.start()
    seen = {(one.partition, one.offset): one.value
            for one in readers.with_confluent(server.bootstrap, "filling", 1)}
    assert {at: seen.get(at) for at in stored} == stored
    server.stop()
