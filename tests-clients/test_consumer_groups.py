"""Groups of the consumer protocol (KIP-848), with librdkafka and the Java client: members come, go
and crash, groups change their protocol while they run."""

import contextlib
import time

import confluent_kafka
import pytest
from confluent_kafka import ConsumerGroupState, ConsumerGroupType
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin import NewTopic, ResourceType

from group_checker import Feed, Group
from martlet_server import wait_for

# Quick heartbeats, so that a test need not wait as long as a cluster would.
TIMES = {
    "group_consumer_heartbeat_interval_ms": 300, "group_consumer_min_heartbeat_interval_ms": 100,
    "group_consumer_session_timeout_ms": 6000, "group_consumer_min_session_timeout_ms": 1000,
    "group_consumer_assignment_interval_ms": 200, "group_initial_rebalance_delay_ms": 200,
    "offsets_topic_num_partitions": 4,
}
NEW = {"group_protocol": "consumer"}


@pytest.fixture
def node(new_server):
    server = new_server(**TIMES)
    server.start()
    return server


@pytest.fixture
def admin(node):
    return AdminClient({"bootstrap.servers": node.bootstrap})


@pytest.fixture
def new_group(node, admin, tmp_path, java):
    with contextlib.ExitStack() as ends:

        def make(topic, partitions, pattern=None):
            admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(30)
            group = Group(
                node.bootstrap, f"group-{topic}", pattern or topic, partitions, tmp_path, java)
            feed = Feed(node.bootstrap, topic, partitions)
            ends.callback(group.stop)
            ends.callback(feed.stop)
            return group, feed

        yield make


def described(admin, group):
    return admin.describe_consumer_groups([group.group])[group.group].result(30)


def finish(group, feed, seconds=60):
    """Reads to the end, has all members leave, and checks what they told."""
    ends = feed.stop()
    group.wait_until_read(ends, seconds)
    for member in group.alive:
        member.leave()
    group.check()


@pytest.mark.parametrize("client", ["confluent", "java"])
def test_members_come_go_and_crash(client, new_group, admin, request):
    group, feed = new_group(request.node.callspec.id, 12)
    first = group.start(client, **NEW)
    group.settle()
    second, _ = group.start(client, **NEW), group.start(client, **NEW)
    group.settle()
    first.leave()
    group.settle()
    second.crash()
    group.start(client, **NEW)
    group.settle()
    state = described(admin, group)
    assert state.type == ConsumerGroupType.CONSUMER
    assert len(state.members) == 2
    finish(group, feed)
    wait_for(lambda: described(admin, group).state == ConsumerGroupState.EMPTY, "empty group")
    admin.delete_consumer_groups([group.group])[group.group].result(30)
    assert [one.group_id for one in admin.list_consumer_groups().result(30).valid] == []


def test_thirty_members_and_a_node_that_is_killed(node, new_group):
    group, feed = new_group("thirty", 60)
    members = [group.start("confluent", **NEW) for _ in range(30)]
    group.settle(120)
    for member in members[:5]:
        member.crash()
    group.settle(120)
    node.kill()
    node.start()
    for member in members[5:10]:
        member.leave()
    group.settle(120)
    finish(group, feed, 120)


@pytest.mark.parametrize("client", ["confluent", "java"])
@pytest.mark.parametrize("strategy", ["range", "cooperative"])
def test_a_rolling_change_of_the_protocol(client, strategy, new_group, admin):
    names = {
        ("confluent", "range"): "range", ("confluent", "cooperative"): "cooperative-sticky",
        ("java", "range"): "org.apache.kafka.clients.consumer.RangeAssignor",
        ("java", "cooperative"): "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
    }
    classic = {"partition_assignment_strategy": names[client, strategy]}
    group, feed = new_group(f"{client}-{strategy}", 6)
    for _ in range(3):
        group.start(client, **classic)
    group.settle()
    assert described(admin, group).type == ConsumerGroupType.CLASSIC
    began = time.monotonic()
    for settings, wanted in [(NEW, ConsumerGroupType.CONSUMER),
                             (classic, ConsumerGroupType.CLASSIC)]:
        for _ in range(3):
            leaving = group.alive[0]
            group.start(client, **settings)
            group.settle()
            leaving.leave()
            group.settle()
        wait_for(lambda: described(admin, group).type == wanted, f"group of type {wanted}")
    ended = time.monotonic()
    finish(group, feed)
    assert group.longest_pause(began, ended) < 10


def test_patterns_are_resolved_by_the_broker(new_group, admin):
    def assigned():
        return {(one.topic, one.partition) for member in described(admin, group).members
                for one in member.assignment.topic_partitions}

    group, _ = new_group("orders-1", 2, pattern="^orders-.*")
    admin.create_topics([NewTopic("other", 2, 1)])["other"].result(30)
    group.start("java", **NEW)
    group.start("confluent", **NEW)
    group.settle()
    assert assigned() == {("orders-1", 0), ("orders-1", 1)}
    admin.create_topics([NewTopic("orders-2", 4, 1)])["orders-2"].result(30)
    # The broker looks for new topics at most every ten seconds.
    wait_for(lambda: len(assigned()) == 6, "the second topic")
    assert {topic for topic, _ in assigned()} == {"orders-1", "orders-2"}
    for member in group.alive:
        member.leave()


def test_a_pattern_that_is_none_is_refused(new_group):
    group, _ = new_group("t", 1, pattern="^(")
    member = group.start("java", **NEW)
    assert member.process.wait(60) != 0
    assert "InvalidRegularExpression" in member.errors.read_text()


def test_static_members_keep_their_partitions(new_group):
    group, feed = new_group("static", 6)
    first = group.start("confluent", **NEW, group_instance_id="one")
    group.start("confluent", **NEW, group_instance_id="two")
    group.settle()
    before = first.owned()
    first.leave()
    again = group.start("confluent", **NEW, group_instance_id="one")
    group.settle()
    assert again.owned() == before
    finish(group, feed)


def test_a_group_sets_its_own_times(admin):
    resource = ConfigResource(ResourceType.GROUP, "group")

    def alter(value):
        resource.incremental_configs = [
            ConfigEntry("consumer.heartbeat.interval.ms", value,
                        incremental_operation=AlterConfigOpType.SET)]
        admin.incremental_alter_configs([resource])[resource].result(30)

    alter("250")
    described = admin.describe_configs([ConfigResource(ResourceType.GROUP, "group")])
    [configs] = [one.result(30) for one in described.values()]
    assert configs["consumer.heartbeat.interval.ms"].value == "250"
    with pytest.raises(confluent_kafka.KafkaException) as refused:
        alter("50")
    assert refused.value.args[0].code() == confluent_kafka.KafkaError.INVALID_CONFIG
