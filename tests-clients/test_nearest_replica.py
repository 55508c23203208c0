"""A consumer that says where it is reads from the replica there (KIP-392)."""

import os
import re
import subprocess

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from martlet_server import BINARY, wait_for


def reached(process, nodes):
    """Numbers of the nodes that the process has connections to."""
    sockets = set()
    for entry in os.listdir(f"/proc/{process.pid}/fd"):
        try:
            target = os.readlink(f"/proc/{process.pid}/fd/{entry}")
        except OSError:
            continue
        sockets.update(re.findall(r"socket:\[(\d+)\]", target))
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    ports = {int(row[2].split(":")[1], 16) for row in rows if row[9] in sockets and row[3] == "01"}
    return {node.number for node in nodes if node.port in ports}


def test_a_consumer_reads_from_the_replica_in_its_rack(new_cluster):
    cluster = new_cluster(
        replica_selector_class="org.apache.kafka.common.replica.RackAwareReplicaSelector",
        offsets_topic_num_partitions=1)
    for node in cluster.nodes:
        node.write_config({"broker.rack": f"rack-{node.number}"})
    cluster.start()
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    admin.create_topics([NewTopic("near", 1, 3)])["near"].result(30)
    cluster.healed()
    leader = admin.list_topics("near").topics["near"].partitions[0].leader
    follower = next(node for node in cluster.nodes if node.number != leader)
    bootstrap = f"127.0.0.1:{cluster.nodes[leader - 1].port}"
    producer = Producer({"bootstrap.servers": cluster.bootstrap})

    def write(value):
        producer.produce("near", value)
        assert producer.flush(30) == 0

    def consumer(*properties):
        return subprocess.Popen(
            [BINARY, "console-consumer", "--bootstrap-server", bootstrap, "--topic", "near",
             "--partition", "0", "--offset", "earliest", "--command-property",
             "fetch.max.wait.ms=100", *properties], stdout=subprocess.PIPE)

    near = consumer("--command-property", f"client.rack=rack-{follower.number}")
    anywhere = consumer()
    try:
        # The first answer names the replica, and each later record comes from there.
        for value in (b"one", b"two", b"three"):
            write(value)
            for reader in (near, anywhere):
                assert reader.stdout.readline() == value + b"\n"
        wait_for(lambda: follower.number in reached(near, cluster.nodes), "fetches from near by")
        assert reached(anywhere, cluster.nodes) == {leader}

        # The replica goes, and the leader gives the rest.
        follower.kill()
        write(b"four")
        assert near.stdout.readline() == b"four\n"
    finally:
        for reader in (near, anywhere):
            reader.kill()
            reader.wait()
            reader.stdout.close()
