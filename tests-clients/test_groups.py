"""Consumer groups of the classic protocol with real clients: members that come, go and crash."""

import confluent_kafka
import pytest
from confluent_kafka import ConsumerGroupState, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from group_checker import Feed, Group
from martlet_server import wait_for


@pytest.fixture
def node(new_server):
    """A server of the test's own: a short delay of first generations, to save time."""
    server = new_server(group_initial_rebalance_delay_ms=500)
    server.start()
    return server


@pytest.fixture
def new_group(node, tmp_path, java):
    groups, feeds = [], []

    def make(name, partitions):
        admin = AdminClient({"bootstrap.servers": node.bootstrap})
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)
        groups.append(Group(node.bootstrap, f"group-{name}", name, partitions, tmp_path, java))
        feeds.append(Feed(node.bootstrap, name, partitions))
        return groups[-1], feeds[-1]

    yield make
    for feed in feeds:
        feed.stopping = True
    for group in groups:
        group.stop()


KINDS = [
    ("confluent", {"partition_assignment_strategy": "range"}),
    ("confluent", {"partition_assignment_strategy": "cooperative-sticky"}),
    ("java", {}),
    ("java", {"partition_assignment_strategy":
              "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"}),
    ("aiokafka", {}),
    ("kafka-python", {}),
]
NAMES = ["range", "cooperative", "java", "java-cooperative", "aiokafka", "kafka-python"]


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_members_come_go_and_crash(kind, new_group, request):
    client, settings = kind
    group, feed = new_group(request.node.callspec.id, 6)
    first = group.start(client, **settings)
    group.settle()
    second, _ = group.start(client, **settings), group.start(client, **settings)
    group.settle()
    first.leave()
    group.settle()
    second.crash()
    group.start(client, **settings)
    group.settle()
    ends = feed.stop()
    group.wait_until_read(ends)
    for member in group.alive:
        member.leave()
    group.check()


def test_thirty_members_and_a_node_that_is_killed(node, new_group):
    group, feed = new_group("thirty", 40)
    members = [group.start("confluent", partition_assignment_strategy="cooperative-sticky")
               for _ in range(30)]
    group.settle(120)
    for member in members[:5]:
        member.crash()
    group.settle(120)
    node.kill()
    node.start()
    for member in members[5:10]:
        member.leave()
    group.settle(120)
    ends = feed.stop()
    group.wait_until_read(ends, 120)
    group.stop()
    acknowledged = group.check_commits()
    group.check_owners()
    # What was acknowledged is there after another kill.
    node.kill()
    node.start()
    reader = confluent_kafka.Consumer({
        "bootstrap.servers": node.bootstrap, "group.id": group.group})
    partitions = [TopicPartition(group.topic, p) for p in range(40)]
    for one in reader.committed(partitions, 30):
        assert one.offset >= acknowledged[one.partition], one
    reader.close()


@pytest.mark.parametrize("client", ["confluent", "java"])
def test_static_members_restart_without_a_rebalance(client, new_group, node):
    group, feed = new_group(f"static-{client}", 4)
    instance = "group_instance_id"
    stays = group.start(client, **{instance: "a"})
    goes = group.start(client, **{instance: "b"})
    group.settle()
    told = len([event for event in stays.events() if event["do"] != "read"
                and event["do"] not in ("committing", "committed")])
    goes.crash()
    returns = group.start(client, **{instance: "b"})
    wait_for(lambda: returns.owned(), "assignment after the restart")
    group.settle()
    now = len([event for event in stays.events() if event["do"] != "read"
               and event["do"] not in ("committing", "committed")])
    assert now == told, "the other member was disturbed"
    # A second process under the same name fences the first.
    twin = group.start(client, **{instance: "b"})
    wait_for(lambda: twin.owned(), "assignment of the twin")
    returns.crash()
    ends = feed.stop()
    group.wait_until_read(ends)


class Told:
    """A member that has told these events, [what, partitions or ranges or ends]."""

    name = "told"
    ended = None

    def __init__(self, *events, joins_blindly=False):
        self.told = [{"t": t, "do": do} | details for t, do, details in events]
        self.joins_blindly = joins_blindly

    def events(self):
        return self.told


def test_the_checker_sees_what_is_wrong(tmp_path):
    group = Group("", "", "", 1, tmp_path)
    owns = ("assigned", {"partitions": [0]})
    group.members = [Told((1, *owns), (3, "revoked", {"partitions": [0]})), Told((3, *owns))]
    group.check_owners()
    group.members = [Told((1, *owns), (3, "revoked", {"partitions": [0]})), Told((2, *owns))]
    with pytest.raises(AssertionError, match="two owners"):
        group.check_owners()
    # What it takes when it joins, and later.
    blind = (1, *owns), (3, "revoked", {"partitions": [0]}), (5, *owns)
    group.members = [Told(*blind, joins_blindly=True), Told((2, *owns), (4, "lost", owns[1]))]
    group.check_owners()
    group.members[1] = Told((2, *owns), (4, "lost", owns[1]), (6, *owns))
    with pytest.raises(AssertionError, match="two owners"):
        group.check_owners()
    before = [(1, *owns), (2, "read", {"ranges": [[0, 0, 4]]}), (3, "committing", {"ends": {0: 5}}),
              (4, "committed", {"ends": {0: 5}})]
    for first, is_right in [(4, False), (6, False), (5, True)]:
        group.members = [Told(*before), Told((5, *owns), (6, "read", {"ranges": [[0, first, 9]]}))]
        if is_right:
            group.check_commits()
        else:
            with pytest.raises(AssertionError, match="begins with"):
                group.check_commits()
    assert group.unread({0: 10}) == {}
    assert group.unread({0: 11}) == {0: 1}


def test_committing_for_a_group_from_outside(node):
    admin = AdminClient({"bootstrap.servers": node.bootstrap})
    admin.create_topics([NewTopic("outside", 3, 1)])["outside"].result(30)
    settings = {"bootstrap.servers": node.bootstrap, "group.id": "outside"}
    consumer = confluent_kafka.Consumer(settings)
    wanted = [TopicPartition("outside", p, 10 + p, f"text {p}") for p in range(3)]
    done = consumer.commit(offsets=wanted, asynchronous=False)
    assert [one.error for one in done] == [None] * 3
    consumer.close()
    node.kill()
    node.start()
    consumer = confluent_kafka.Consumer(settings)
    found = consumer.committed([TopicPartition("outside", p) for p in range(3)], 30)
    assert [(one.offset, one.metadata) for one in found] == [
        (10 + p, f"text {p}") for p in range(3)]
    too_much = TopicPartition("outside", 0, 1, "x" * 4097)
    with pytest.raises(KafkaException) as refused:
        consumer.commit(offsets=[too_much], asynchronous=False)
    assert refused.value.args[0].name() == "OFFSET_METADATA_TOO_LARGE"
    consumer.close()


def test_groups_are_listed_described_and_deleted(node, new_group):
    group, feed = new_group("listed", 2)
    member = group.start("confluent")
    group.settle()
    admin = AdminClient({"bootstrap.servers": node.bootstrap})
    listed = {one.group_id: one for one in admin.list_consumer_groups().result(30).valid}
    assert listed[group.group].state == ConsumerGroupState.STABLE
    described = admin.describe_consumer_groups([group.group])[group.group].result(30)
    assert described.state == ConsumerGroupState.STABLE
    assert described.partition_assignor == "range"
    (one,) = described.members
    assert one.client_id == "rdkafka" and one.host == "/127.0.0.1"
    assert sorted(p.partition for p in one.assignment.topic_partitions) == [0, 1]
    with pytest.raises(KafkaException) as refused:
        admin.delete_consumer_groups([group.group])[group.group].result(30)
    assert refused.value.args[0].name() == "NON_EMPTY_GROUP"
    ends = feed.stop()
    group.wait_until_read(ends)
    member.leave()
    admin.delete_consumer_groups([group.group])[group.group].result(30)
    assert group.group not in [
        one.group_id for one in admin.list_consumer_groups().result(30).valid]
