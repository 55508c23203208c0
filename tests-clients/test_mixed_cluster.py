"""Nodes of Martlet and of Apache Kafka in one cluster, and one's directories under the other.

KAFKA_HOME names the directory of an Apache Kafka 4.3 or later; without it there is nothing to run."""

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

import readers
import test_cluster
from cluster import KAFKA_HOME, Apache, Martlet
from martlet_server import wait_for
from test_cluster import Failures, create, produce, values
from test_quorum import Quorum

pytestmark = pytest.mark.skipif(KAFKA_HOME is None, reason="KAFKA_HOME is not set")

SLOW_START = 240  # seconds, for a JVM beside other work
ARRANGEMENTS = {
    "martlet joins": dict(roles=["controller", "broker", "broker", "broker"], apache=(1, 2)),
    "apache joins": dict(roles=["controller", "broker", "broker", "broker"], apache=(3, 4)),
    "one of three is apache": dict(apache=(1,)),
    "two of three are apache": dict(apache=(1, 2)),
}


@pytest.fixture(params=ARRANGEMENTS.values(), ids=ARRANGEMENTS.keys())
def cluster(new_cluster, request):
    cluster = new_cluster(**request.param)
    cluster.start(SLOW_START)
    return cluster


def brokers(cluster):
    return [node for node in cluster.nodes if node.is_broker]


def start_again(cluster, node):
    node.start(SLOW_START)
    cluster.healed(SLOW_START)


def test_all_replicate_and_lead(cluster, java):
    create(cluster, "shared", partitions=6)
    java("WriteTopic", cluster.bootstrap, "shared", "none", 600)
    seen = readers.with_java(java, cluster.bootstrap, "shared", 6)
    assert len(seen) == 600
    assert seen == readers.with_confluent(cluster.bootstrap, "shared", 6)
    cluster.stop()


def test_nodes_of_each_kind_die_under_load(cluster):
    failures = Failures(cluster)
    for node in brokers(cluster):
        node.kill()
        failures.progress()
        start_again(cluster, node)
    failures.check(all_have_offsets=False)


def test_a_rolling_restart_under_load(cluster):
    failures = Failures(cluster)
    for node in brokers(cluster):
        node.stop(60)
        failures.progress()
        start_again(cluster, node)
    failures.check(all_have_offsets=False)


def test_transactions_and_groups_across_brokers(cluster):
    test_cluster.test_transactions_and_groups_across_brokers(cluster)


@pytest.mark.parametrize("apache", [(1,), (2, 3)], ids=["apache begins", "martlet begins"])
def test_a_quorum_grows_over_both(new_cluster, apache):
    """From one voter to three, whose active controller is killed each in turn, to two."""
    cluster = new_cluster(dynamic=True, apache=apache)
    cluster.start(SLOW_START)
    quorum = Quorum(cluster)
    for number in (2, 3):
        quorum.add(number, [*range(1, number + 1)])
    create(cluster, "before")
    for round in range(3):
        victim = cluster.node(cluster.controller())
        victim.kill()
        wait_for(lambda: cluster.controller() not in (None, victim.number), "another controller", 60)
        start_again(cluster, victim)
        create(cluster, f"after-{round}")
    first = cluster.controller()
    rest = [number for number in (1, 2, 3) if number != first]
    quorum.remove(first, cluster.node(first).directory_id(), rest)
    create(cluster, "after-all")


@pytest.mark.parametrize("apache", [(1,), (2, 3)], ids=["from apache", "from martlet"])
def test_a_new_node_begins_from_a_snapshot(new_cluster, apache):
    """The log before the snapshot is gone by the time that the new node asks for it."""
    cluster = new_cluster(
        1, apache=apache, default_replication_factor=1, min_insync_replicas=1,
        offsets_topic_replication_factor=1, metadata_log_max_record_bytes_between_snapshots=4096,
        metadata_log_segment_ms=1000, metadata_max_retention_ms=1000)
    cluster.start(SLOW_START)
    metadata = cluster.nodes[0].folder / "data/__cluster_metadata-0"
    for round in range(200):
        create(cluster, f"topic-{round}", replicas=1)
        if not (metadata / f"{0:020}.log").exists():
            break
    else:
        raise AssertionError(f"the log's beginning is still there: {sorted(metadata.iterdir())}")
    produce(cluster, "topic-0", [b"one", b"two"])
    cluster.add(seconds=SLOW_START)
    cluster.healed(SLOW_START)
    create(cluster, "last", partitions=4, replicas=2)
    produce(cluster, "last", [b"three"])
    assert values(cluster, "topic-0") == [b"one", b"two"]
    assert values(cluster, "last", 4) == [b"three"]


@pytest.mark.parametrize("from_here, to", [(Apache, Martlet), (Martlet, Apache)])
def test_a_cluster_changes_its_software_node_by_node_under_load(new_cluster, from_here, to):
    cluster = new_cluster(apache=(1, 2, 3) if from_here is Apache else ())
    cluster.start(SLOW_START)
    failures = Failures(cluster)
    for node in cluster.nodes:
        node.stop(60)
        node.software = to()
        start_again(cluster, node)
        failures.progress()
    failures.check(all_have_offsets=False)


@pytest.mark.parametrize("is_killed", [False, True], ids=["stopped", "killed"])
def test_a_directory_goes_to_and_fro(new_cluster, is_killed):
    """Records of all codecs, transactions of each end, offsets of a group, configs of a topic."""
    cluster = new_cluster(
        1, apache=(1,), default_replication_factor=1, min_insync_replicas=1,
        offsets_topic_replication_factor=1, transaction_state_log_replication_factor=1,
        transaction_state_log_min_isr=1)
    cluster.start(SLOW_START)
    node = cluster.nodes[0]
    written, committed = [], []
    create(cluster, "kept", replicas=1)
    create(cluster, "sums", replicas=1)
    for round, software in enumerate([Apache, Martlet, Apache, Martlet]):
        if round:
            node.kill() if is_killed else node.stop(60)
            node.software = software()
            start_again(cluster, node)
        assert values(cluster, "kept") == written
        assert values(cluster, "sums") == committed
        assert group_offset(cluster) == len(committed)
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            added = [b"%d %s %d" % (round, codec.encode(), number) for number in range(50)]
            produce(cluster, "kept", added, **{"compression.type": codec, "linger.ms": 50})
            written += added
        committed += transact(cluster, round)
        check_configs(cluster, round)
    cluster.stop()


def transact(cluster, round):
    """One transaction is committed, with an offset of a group, one is aborted; returns what readers
    may see."""
    seen = [b"%d committed" % round]
    producer = confluent_kafka.Producer({
        "bootstrap.servers": cluster.bootstrap, "transactional.id": "sums", "log_level": 0})
    producer.init_transactions(60)
    producer.begin_transaction()
    producer.produce("sums", seen[0])
    consumer = group_member(cluster)
    producer.send_offsets_to_transaction(
        [confluent_kafka.TopicPartition("kept", 0, round + 1)], consumer.consumer_group_metadata(), 60)
    producer.commit_transaction(60)
    consumer.close()
    producer.begin_transaction()
    producer.produce("sums", b"%d aborted" % round)
    producer.flush(60)
    producer.abort_transaction(60)
    return seen


def group_member(cluster):
    return confluent_kafka.Consumer({
        "bootstrap.servers": cluster.bootstrap, "group.id": "readers", "log_level": 0,
        "enable.auto.commit": False})


def group_offset(cluster):
    """What the group has committed; none at all is 0."""
    consumer = group_member(cluster)
    shown = consumer.committed([confluent_kafka.TopicPartition("kept", 0)], 60)[0]
    consumer.close()
    return max(0, shown.offset)


def check_configs(cluster, round):
    """The topics of all rounds are there, with what each was given."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    wanted = NewTopic(f"config-{round}", 1, 1, config={"retention.ms": str(round + 1000)})
    admin.create_topics([wanted])[wanted.topic].result(60)
    for older in range(round + 1):
        resource = ConfigResource(ResourceType.TOPIC, f"config-{older}")
        shown = admin.describe_configs([resource])[resource].result(60)
        assert shown["retention.ms"].value == str(older + 1000)
