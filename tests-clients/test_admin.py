"""The admin APIs through librdkafka's client and Java's."""

import time

import confluent_kafka
import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec,
    ResourceType)

import readers
from martlet_server import wait_for

START = 1_700_000_000_000


def error_of(future):
    with pytest.raises(KafkaException) as raised:
        future.result(30)
    return raised.value.args[0].code()


def produce(server, topic, count):
    producer = confluent_kafka.Producer({"bootstrap.servers": server.bootstrap})
    for number in range(count):
        producer.produce(topic, b"%d" % number, partition=0, timestamp=START + number * 1000)
    assert producer.flush(30) == 0


def config(admin, kind, name):
    resource = ConfigResource(kind, name)
    return admin.describe_configs([resource])[resource].result(30)


def alter(admin, kind, name, entry, value, operation=AlterConfigOpType.SET):
    change = ConfigEntry(entry, value, incremental_operation=operation)
    resource = ConfigResource(kind, name, incremental_configs=[change])
    return admin.incremental_alter_configs([resource])[resource]


def test_create_describe_and_delete(admin, new_topic):
    topic = new_topic(partitions=4, retention_ms=1000)
    found = admin.list_topics(timeout=30).topics[topic]
    assert sorted(found.partitions) == [0, 1, 2, 3]
    assert {tuple(one.replicas) for one in found.partitions.values()} == {(found.partitions[0].leader,)}
    assert error_of(admin.create_topics([NewTopic(topic, 1, 1)])[topic]) == (
        KafkaError.TOPIC_ALREADY_EXISTS)
    admin.delete_topics([topic])[topic].result(30)
    wait_for(lambda: topic not in admin.list_topics(timeout=30).topics, "deletion")
    assert error_of(admin.delete_topics([topic])[topic]) == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_a_deleted_topic_comes_back_empty(server, admin, new_topic):
    topic = new_topic()
    produce(server, topic, 10)
    admin.delete_topics([topic])[topic].result(30)
    wait_for(lambda: topic not in admin.list_topics(timeout=30).topics, "deletion")
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    assert readers.with_confluent(server.bootstrap, topic, 1) == []


@pytest.mark.parametrize("name, partitions, replicas, configs, code", [
    ("bad/name", 1, 1, {}, KafkaError.TOPIC_EXCEPTION),
    (".", 1, 1, {}, KafkaError.TOPIC_EXCEPTION),
    ("x" * 250, 1, 1, {}, KafkaError.TOPIC_EXCEPTION),
    ("no-partitions", 0, 1, {}, KafkaError.INVALID_PARTITIONS),
    ("too-many-replicas", 1, 3, {}, KafkaError.INVALID_REPLICATION_FACTOR),
    ("bad-config", 1, 1, {"retention.ms": "soon"}, KafkaError.INVALID_CONFIG),
    ("unknown-config", 1, 1, {"no.such.key": "1"}, KafkaError.INVALID_CONFIG),
])
def test_a_topic_that_cannot_be(admin, name, partitions, replicas, configs, code):
    try:
        future = admin.create_topics([NewTopic(name, partitions, replicas, config=configs)])[name]
    except KafkaException as refused:  # librdkafka checks some by itself
        assert refused.args[0].code() == KafkaError._INVALID_ARG
        return
    assert error_of(future) == code


def test_validate_only_creates_nothing(admin):
    admin.create_topics([NewTopic("only-checked", 1, 1)], validate_only=True)[
        "only-checked"].result(30)
    assert "only-checked" not in admin.list_topics(timeout=30).topics


def test_partitions_are_added(admin, new_topic):
    topic = new_topic(partitions=2)
    admin.create_partitions([NewPartitions(topic, 5)])[topic].result(30)
    wait_for(lambda: len(admin.list_topics(timeout=30).topics[topic].partitions) == 5, "growth")
    assert error_of(admin.create_partitions([NewPartitions(topic, 3)])[topic]) == (
        KafkaError.INVALID_PARTITIONS)


def test_topic_configs_have_values_and_sources(admin, new_topic):
    topic = new_topic(retention_ms=12345)
    entries = config(admin, ResourceType.TOPIC, topic)
    assert (entries["retention.ms"].value, entries["retention.ms"].source) == ("12345", 1)
    assert (entries["segment.bytes"].value, entries["segment.bytes"].source) == ("1073741824", 5)
    assert len(entries) >= 30
    alter(admin, ResourceType.TOPIC, topic, "retention.ms", "777").result(30)
    alter(admin, ResourceType.TOPIC, topic, "cleanup.policy", "compact",
          AlterConfigOpType.APPEND).result(30)
    entries = config(admin, ResourceType.TOPIC, topic)
    assert entries["retention.ms"].value == "777"
    assert sorted(entries["cleanup.policy"].value.split(",")) == ["compact", "delete"]
    alter(admin, ResourceType.TOPIC, topic, "retention.ms", None,
          AlterConfigOpType.DELETE).result(30)
    entries = config(admin, ResourceType.TOPIC, topic)
    assert (entries["retention.ms"].value, entries["retention.ms"].source) == ("604800000", 5)
    wrong = alter(admin, ResourceType.TOPIC, topic, "segment.bytes", "-4")
    assert error_of(wrong) == KafkaError.INVALID_CONFIG


def test_broker_configs_change_without_a_restart(server, admin, new_topic):
    node = str(admin.describe_cluster().result(30).controller.id)
    entries = config(admin, ResourceType.BROKER, node)
    assert entries["log.dirs"].value and entries["log.dirs"].is_read_only
    alter(admin, ResourceType.BROKER, node, "log.retention.ms", "99000000").result(30)
    entries = config(admin, ResourceType.TOPIC, new_topic())
    assert entries["retention.ms"].value == "99000000"
    alter(admin, ResourceType.BROKER, node, "log.retention.ms", None,
          AlterConfigOpType.DELETE).result(30)
    assert error_of(alter(admin, ResourceType.BROKER, node, "log.dirs", "/elsewhere")) in (
        KafkaError.INVALID_CONFIG, KafkaError.INVALID_REQUEST)


def test_records_are_deleted_up_to_an_offset(server, admin, new_topic):
    topic = new_topic()
    produce(server, topic, 100)
    at = TopicPartition(topic, 0, 40)
    assert admin.delete_records([at])[at].result(30).low_watermark == 40
    seen = readers.with_confluent(server.bootstrap, topic, 1)
    assert [one.offset for one in seen] == [*range(40, 100)]
    beyond = TopicPartition(topic, 0, 1000)
    assert error_of(admin.delete_records([beyond])[beyond]) == KafkaError.OFFSET_OUT_OF_RANGE


@pytest.mark.parametrize("spec, offset", [
    (OffsetSpec.earliest(), 0), (OffsetSpec.latest(), 50), (OffsetSpec.max_timestamp(), 49),
    (OffsetSpec.for_timestamp(START + 9_500), 10), (OffsetSpec.for_timestamp(START + 10_000), 10),
    (OffsetSpec.for_timestamp(START + 99_999_999), -1),
])
def test_offsets_are_listed(server, admin, new_topic, spec, offset):
    topic = new_topic(index_interval_bytes=100)
    produce(server, topic, 50)
    at = TopicPartition(topic, 0)
    assert admin.list_offsets({at: spec})[at].result(30).offset == offset


def test_the_cluster_describes_itself(server, admin):
    cluster = admin.describe_cluster().result(30)
    assert [(one.host, one.port) for one in cluster.nodes] == [("127.0.0.1", server.port)]
    assert cluster.controller.id == cluster.nodes[0].id
    assert len(cluster.cluster_id) == 22


def test_java_admin_agrees(server, java):
    report = java("AdminTour", server.bootstrap, f"java-{time.time_ns()}")
    assert report.splitlines()[-1] == "done"
