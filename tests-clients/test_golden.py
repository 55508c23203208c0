"""Data directories that Apache Kafka wrote: the node starts on them in place and serves every record."""

import base64
import json
import os
import pathlib
import subprocess

import confluent_kafka
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient, OffsetSpec

from martlet_server import ROOT, wait_for

GOLDEN = pathlib.Path(os.environ.get("MARTLET_GOLDEN", ROOT.parent / "shared/golden"))

pytestmark = pytest.mark.skipif(
    not GOLDEN.exists(), reason=f"{GOLDEN} with files of a real Kafka is not there")


def expected(value):
    if isinstance(value, dict):
        return base64.b64decode(value["b64"]) if "b64" in value else value
    return None if value is None else value.encode()


def matches(value, wanted):
    wanted = expected(wanted)
    if isinstance(wanted, dict):
        return len(value) == wanted["len"] and value[:6].decode() == wanted["head"]
    return value == wanted


def read(bootstrap, topic, partition, isolation):
    """All records up to the end that the partition had when the reading began."""
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False,
        "enable.partition.eof": True, "isolation.level": isolation})
    consumer.assign([confluent_kafka.TopicPartition(
        topic, partition, confluent_kafka.OFFSET_BEGINNING)])
    seen = []
    while True:
        message = consumer.poll(30)
        assert message is not None, "nothing for 30 s"
        if message.error():
            assert message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF
            break
        seen.append(message)
    consumer.close()
    return seen


def check(bootstrap, topic, partition, wanted, isolation):
    records = {one["offset"]: one for one in wanted["records"]}
    seen = read(bootstrap, topic, partition, isolation)
    assert [m.offset() for m in seen] == sorted(records), (topic, partition)
    for message in seen:
        record = records[message.offset()]
        place = (topic, partition, message.offset())
        assert matches(message.key(), record["key"]), place
        assert matches(message.value(), record["value"]), place
        assert message.timestamp() == (record["tstype"], record["ts"]), place
        headers = [[k, expected(v)] for k, v in record["headers"]]
        assert [list(h) for h in message.headers() or []] == headers, place


def check_groups(bootstrap, groups):
    """The groups, their states and committed offsets, as the manifest has them."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    listed = {one.group_id: one for one in admin.list_consumer_groups().result(30).valid}
    assert sorted(listed) == sorted(one["group"] for one in groups)
    for group in groups:
        name = group["group"]
        found = listed[name]
        assert (str(found.state), str(found.type), found.is_simple_consumer_group) == (
            group["state"], group["type"], group["simple"]), name
        asked = [ConsumerGroupTopicPartitions(name)]
        offsets = admin.list_consumer_group_offsets(asked)[name].result(30).topic_partitions
        assert {(one.topic, one.partition): (one.offset, one.metadata or None, one.leader_epoch)
                for one in offsets} == {
            (one["topic"], one["partition"]):
                (one["offset"], one["metadata"], one["leader_epoch"])
            for one in group["committed"]}, name


def committed_end(bootstrap, topic, partition):
    place = confluent_kafka.TopicPartition(topic, partition)
    admin = AdminClient({"bootstrap.servers": bootstrap})
    found = admin.list_offsets(
        {place: OffsetSpec.latest()}, isolation_level=confluent_kafka.IsolationLevel.READ_COMMITTED)
    return found[place].result(10).offset


@pytest.mark.parametrize("kind", ["clean", "crashed"])
def test_a_directory_of_apache_kafka_opens_in_place(kind, new_server, tmp_path):
    subprocess.run(["tar", "xSzf", GOLDEN / f"{kind}.tar.gz", "-C", tmp_path], check=True)
    manifest = json.loads((GOLDEN / f"{kind}.manifest.json").read_text())
    # Kafka's coordinator had aborted a transaction that was open at the crash before the manifest was read.
    server = new_server(
        "node", log_dirs=tmp_path / kind,
        transaction_abort_timed_out_transaction_cleanup_interval_ms=100)
    server.start()
    for partition, wanted in manifest["topics"]["txn"]["read_committed"].items():
        wait_for(
            lambda: committed_end(server.bootstrap, "txn", int(partition)) == wanted["high"],
            f"end {wanted['high']} of txn-{partition}")
    compared = 0
    for topic, wanted in sorted(manifest["topics"].items()):
        for isolation in ["read_uncommitted", "read_committed"]:
            for partition, records in wanted.get(isolation, {}).items():
                check(server.bootstrap, topic, int(partition), records, isolation)
                compared += len(records["records"])
    assert compared > 3000
    check_groups(server.bootstrap, manifest["groups"])
    server.stop()
