"""A cluster under load while its nodes are killed, paused, cut off, wiped and moved about.

SEED=7 ROUNDS=200 NODES=5 make chaos draws two hundred faults by that seed.
"""

import json
import os
import random
import subprocess
import time

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from martlet_server import BINARY, wait_for
from numbered_load import Follower, JavaProgram, Load, ProgramLoad, SwiftProgram, check

SEED = os.environ.get("SEED", "chaos")
ROUNDS = int(os.environ.get("ROUNDS", "6"))
NODES = int(os.environ.get("NODES", "3"))
LONGEST_PAUSE = float(os.environ.get("LONGEST_PAUSE", "5"))
PARTITIONS = 6
UP_SECONDS = 60


class Faults:
    """Each method is one fault and its end; healing is waited for by the caller."""

    def __init__(self, cluster, chance):
        self.cluster, self.chance = cluster, chance

    def all(self):
        return [self.kill, self.kill_the_controller, self.pause, self.cut_off, self.wipe,
                self.rolling_restart, self.move_leaders, self.reassign]

    def any_node(self):
        return self.chance.choice(self.cluster.nodes)

    def rest(self, longest=2.0):
        time.sleep(self.chance.uniform(0.1, longest))  # the fault's own time, not a wait for a state

    def kill(self, node=None):
        node = node or self.any_node()
        node.kill()
        self.rest()
        node.spawn_again()

    def kill_the_controller(self):
        number = wait_for(self.cluster.controller, "controller")
        self.kill(self.cluster.node(number))

    def pause(self):
        node = self.any_node()
        node.pause()
        self.rest(LONGEST_PAUSE)
        node.resume()

    def cut_off(self):
        node = self.any_node()
        node.cut_off()
        self.rest(LONGEST_PAUSE)
        node.heal()

    def wipe(self):
        node = self.any_node()
        node.kill()
        node.wipe()
        node.spawn_again()

    def rolling_restart(self):
        for node in self.cluster.nodes:
            node.stop()
            node.spawn_again()
            self.cluster.healed()

    def move_leaders(self):
        admin = AdminClient({"bootstrap.servers": self.cluster.bootstrap, "log_level": 0})
        wanted = [confluent_kafka.TopicPartition("load", p) for p in range(PARTITIONS)]
        admin.elect_leaders(confluent_kafka.ElectionType.PREFERRED, wanted).result(30)

    def reassign(self):
        """Each partition to three nodes drawn anew, in a new order."""
        numbers = [node.number for node in self.cluster.nodes]
        plan = {"version": 1, "partitions": [
            {"topic": "load", "partition": p, "replicas": self.chance.sample(numbers, 3)}
            for p in range(PARTITIONS)]}
        path = self.cluster.folder / "plan.json"
        path.write_text(json.dumps(plan))
        command = [BINARY, "reassign-partitions", "--bootstrap-server", self.cluster.bootstrap,
                   "--reassignment-json-file", path]
        subprocess.run([*command, "--execute"], check=True, capture_output=True, timeout=60)

        def is_done():
            done = subprocess.run(
                [*command, "--verify"], check=True, capture_output=True, text=True, timeout=60)
            return "still in progress" not in done.stdout

        wait_for(is_done, "end of the reassignment", 60)


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_doubled_or_reordered(new_cluster, java, request):
    chance = random.Random(SEED)
    cluster = new_cluster(NODES, proxied=True)
    cluster.start()
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
    topics = {"load": PARTITIONS, "java": 1, "swift": 1}
    for name, partitions in topics.items():
        wanted = NewTopic(name, partitions, 3, config={"segment.bytes": "1048576"})
        admin.create_topics([wanted])[name].result(30)
    cluster.healed()
    loads = [Load(cluster, "load", partition, pause=0.2, burst=25) for partition in range(PARTITIONS)]
    follower = Follower(cluster, "load", PARTITIONS)
    for thread in (*loads, follower):
        thread.start()
    writers = [
        ProgramLoad(
            JavaProgram(java, "NumberedLoad", cluster.bootstrap, "java", 0), "java", 0),
        ProgramLoad(SwiftProgram("load", cluster.bootstrap, "swift", 0), "swift", 0)]
    followers = [
        (topic, program) for topic, partitions in topics.items() for program in (
            JavaProgram(java, "FollowTopic", cluster.bootstrap, topic, partitions),
            SwiftProgram("follow", cluster.bootstrap, topic, partitions))]
    for program in (*(load.program for load in writers), *(program for _, program in followers)):
        request.addfinalizer(program.close)
    faults = Faults(cluster, chance)
    for number in range(ROUNDS):
        fault = chance.choice(faults.all())
        begun = time.monotonic()
        print(f"{number + 1}: {fault.__name__}", end="", flush=True)
        fault()
        cluster.healed(UP_SECONDS)
        print(f", healed after {time.monotonic() - begun:.1f} s, "
              f"longest pause {max(load.take_longest_pause() for load in loads):.2f} s", flush=True)
    for load in loads:
        load.ending.set()
    for load in (*loads, *writers):
        load.join()
    follower.ending.set()
    follower.join()
    assert [*follower.failed, *(failure for load in loads for failure in load.failed)] == []
    followed = {topic: [] for topic in topics}
    for topic, program in followers:
        followed[topic].append([tuple(map(int, line)) for line in program.lines()])
    check(cluster, loads, [follower.lines, *followed["load"]])
    for load in writers:
        check(cluster, [load], followed[load.topic])
    print(f"{ROUNDS} rounds, {sum(load.count for load in (*loads, *writers))} records")
    cluster.stop()
