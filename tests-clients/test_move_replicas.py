"""Replicas that are moved between log directories under the load of idempotent producers."""

import json
import os
import random
import subprocess

from confluent_kafka.admin import AdminClient, NewTopic

from martlet_server import BINARY, wait_for
from numbered_load import Load, check

ROUNDS = int(os.environ.get("ROUNDS", "4"))


def start_with_load(new_server, **settings):
    server = new_server(**settings)
    folders = [str(server.folder / name) for name in ("one", "two")]
    server.overrides["log.dirs"] = ",".join(folders)
    server.start()
    admin = AdminClient({"bootstrap.servers": server.bootstrap, "log_level": 0})
    wanted = NewTopic("load", 1, 1, config={
        "segment.bytes": "1048576", "file.delete.delay.ms": "0"})
    admin.create_topics([wanted])["load"].result(30)
    load = Load(server, "load", 0)
    load.start()
    wait_for(lambda: len(load.acknowledged) > 2000, "load")
    return server, folders, load


def replicas(server):
    """Where the replica is, and where it is on its way to: (path, isFuture) each."""
    output = subprocess.run(
        [BINARY, "log-dirs", "--describe", "--bootstrap-server", server.bootstrap,
         "--topic-list", "load", "--json"], capture_output=True, text=True, check=True).stdout
    found = json.loads(output.strip().splitlines()[-1])
    return [(folder["logDir"], one["isFuture"]) for broker in found["brokers"]
            for folder in broker["logDirs"] for one in folder["partitions"]
            if one["partition"] == "load-0"]


def move(server, target):
    """Asks for the move as a user does; the answer of the tool."""
    plan = server.folder / "plan.json"
    plan.write_text(json.dumps({"version": 1, "partitions": [
        {"topic": "load", "partition": 0, "replicas": [1], "log_dirs": [target]}]}))
    return subprocess.run(
        [BINARY, "reassign-partitions", "--bootstrap-server", server.bootstrap, "--execute",
         "--reassignment-json-file", plan, "--additional"],
        capture_output=True, text=True, check=True).stdout


def elsewhere(server, folders):
    here = next(path for path, is_future in replicas(server) if not is_future)
    return next(path for path in folders if path != here)


def finish(server, load):
    load.ending.set()
    load.join()
    assert load.failed == []
    check(server, [load])


def names(folders):
    return [name for path in folders for name in os.listdir(path) if name.startswith("load-0")]


def test_java_moves_a_replica_under_load(new_server, java):
    server, folders, load = start_with_load(new_server)
    for _ in range(2):
        target = elsewhere(server, folders)
        assert java("MoveReplica", server.bootstrap, "load", 1, target).strip() == target
        assert replicas(server) == [(target, False)]
    finish(server, load)
    wait_for(lambda: names(folders) == ["load-0"], "removal of the old directories")
    server.stop()
    server.start()
    check(server, [load])


def test_a_move_survives_kill_9(new_server):
    chance = random.Random(os.environ.get("SEED", "move"))
    server, folders, load = start_with_load(
        new_server, replica_alter_log_dirs_io_max_bytes_per_second=30_000_000)
    for _ in range(ROUNDS):
        target = elsewhere(server, folders)
        assert "Successfully started" in move(server, target)
        for _ in range(chance.randrange(1, 4)):
            load.take_longest_pause()
            count = len(load.acknowledged) + chance.randrange(1, 3000)
            wait_for(lambda: len(load.acknowledged) > count, "more load")
            server.kill()
            server.start()
        wait_for(lambda: replicas(server) == [(target, False)], "end of the move", 60)
    finish(server, load)
    server.kill()
    server.start()
    check(server, [load])
    wait_for(lambda: names(folders) == ["load-0"], "removal of the old directories")
    print(f"{ROUNDS} moves, {load.count} records")
