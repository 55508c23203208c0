"""A leader from out of sync, at the cost of records: by config, and by command."""

import re
import subprocess

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

import readers
import wire
from martlet_server import BINARY, wait_for

TOPIC = "t"


@pytest.fixture
def cluster(new_cluster):
    """Brokers 1 and 2, and a controller that outlives them."""
    cluster = new_cluster(
        roles=["broker", "broker", "broker,controller"], min_insync_replicas=1,
        unclean_leader_election_interval_ms=1000)
    cluster.start()
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    wanted = NewTopic(TOPIC, num_partitions=1, replica_assignment=[[1, 2]])
    admin.create_topics([wanted])[TOPIC].result(30)
    cluster.healed()
    return cluster


def run(cluster, *arguments):
    done = subprocess.run(
        [BINARY, *arguments, "--bootstrap-server", cluster.node(3).bootstrap],
        capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def produce(cluster, *values):
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": cluster.bootstrap, "acks": "all", "log_level": 0})
    errors = []
    for value in values:
        producer.produce(TOPIC, value, on_delivery=lambda error, _: error and errors.append(error))
    assert producer.flush(60) == 0 and errors == []


def values(cluster):
    return [one.value for one in readers.with_confluent(cluster.bootstrap, TOPIC, 1, log_level=0)]


def shown(cluster):
    """(leader, replicas, in sync) as the controller's node has it."""
    return wire.metadata(cluster.node(3).port)[1][TOPIC, 0]


def recovery_states(cluster):
    """What the metadata log says of the leader's recovery, in order: 1 recovering, 0 recovered."""
    logs = sorted((cluster.node(3).folder / "data/__cluster_metadata-0").glob("*.log"))
    done = subprocess.run(
        [BINARY, "dump-log", "--cluster-metadata-decoder", "--files", ",".join(map(str, logs))],
        capture_output=True, text=True, timeout=60)
    return re.findall(r'"PARTITION_CHANGE_RECORD".*"leaderRecoveryState":(\d)', done.stdout)


def by_config(cluster):
    code, text = run(
        cluster, "configs", "--alter", "--entity-type", "topics", "--entity-name", TOPIC,
        "--add-config", "unclean.leader.election.enable=true")
    assert code == 0, text


def by_command(cluster):
    election = ["leader-election", "--election-type", "unclean", "--topic", TOPIC, "--partition", "0"]
    code, text = run(cluster, *election)
    assert code == 0 and "Successfully completed leader election (UNCLEAN)" in text, text
    code, text = run(cluster, *election)
    assert code == 0 and "Valid replica already elected" in text, text


@pytest.mark.parametrize("elect", [by_config, by_command])
def test_a_replica_that_lacks_records_leads_when_that_is_wanted(cluster, elect):
    first, second = cluster.node(1), cluster.node(2)
    produce(cluster, b"kept")
    second.kill()
    wait_for(lambda: shown(cluster)[2] == [1], "replica out of sync")
    produce(cluster, b"lost")
    first.kill()
    second.spawn_again()
    wait_for(lambda: cluster.brokers() == 2, "the replica's broker")
    wait_for(lambda: shown(cluster)[0] == -1, "partition without a leader")
    code, text = run(
        cluster, "leader-election", "--election-type", "preferred", "--topic", TOPIC,
        "--partition", "0")
    assert code != 0 and shown(cluster)[0] == -1, text

    elect(cluster)
    wait_for(lambda: shown(cluster)[0] == 2, "leader from out of sync")
    assert shown(cluster)[2] == [2]
    wait_for(lambda: recovery_states(cluster) == ["1", "0"], "leader that has recovered")
    assert values(cluster) == [b"kept"]
    produce(cluster, b"new")
    # The other one gives up what the leader does not have.
    first.spawn_again()
    cluster.healed()
    second.kill()
    wait_for(lambda: shown(cluster)[0] == 1, "the other leader")
    assert values(cluster) == [b"kept", b"new"]
    second.spawn_again()
    cluster.healed()
    cluster.stop()
