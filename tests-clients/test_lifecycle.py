"""Starting, stopping, and a second node on the same directory."""

import pathlib
import signal
import subprocess

import confluent_kafka
import pytest

import readers
import wire
from martlet_server import Server, free_port, wait_for


def fill(server, topic, count):
    producer = confluent_kafka.Producer({"bootstrap.servers": server.bootstrap, "acks": "all"})
    for number in range(count):
        producer.produce(topic, b"%d" % number)
    assert producer.flush(30) == 0


def values(server, topic):
    return [int(one.value) for one in readers.with_confluent(server.bootstrap, topic, 1)]


def test_everything_is_there_after_an_orderly_restart(new_server):
    node = new_server()
    node.start()
    fill(node, "kept", 1000)
    node.stop()
    node.start()
    assert values(node, "kept") == [*range(1000)]
    fill(node, "kept", 1)
    assert len(values(node, "kept")) == 1001
    node.stop()


def test_sigterm_answers_what_was_received(new_server):
    node = new_server()
    node.start()
    fill(node, "load", 1)
    with wire.connect(node.port) as connection:
        for number in range(20):
            connection.sendall(wire.produce("load", 0, wire.record_batch([b"%d" % number])))
        acknowledged = [wire.produce_result(wire.read_frame(connection)) for _ in range(20)]
        node.stop()
        assert connection.recv(1) == b""
    assert acknowledged == [(0, 1 + number) for number in range(20)]


def test_it_stops_with_a_client_waiting(new_server):
    node = new_server()
    node.start()
    fill(node, "waited", 1)
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": node.bootstrap, "group.id": "unused", "fetch.wait.max.ms": 60_000,
        "log_level": 0})
    consumer.assign([confluent_kafka.TopicPartition("waited", 0, 1)])
    consumer.poll(1)
    node.stop(seconds=10)
    consumer.close()


def test_a_second_node_on_the_directory_is_refused(new_server, tmp_path):
    node = new_server()
    node.start()
    second = Server(tmp_path / "second", log_dirs=node.overrides["log.dirs"])
    done = subprocess.run(
        second.command(), capture_output=True, text=True, timeout=30, cwd=second.folder)
    assert done.returncode != 0
    assert str(node.overrides["log.dirs"]) in done.stderr, done.stderr
    assert node.answers()


def test_sigterm_during_the_start_is_orderly(new_server):
    node = new_server()
    node.start()
    fill(node, "kept", 100)
    node.kill()
    marker = pathlib.Path(node.overrides["log.dirs"], ".lock")
    marker.unlink()
    node.spawn()
    wait_for(lambda: marker.exists() or node.process.poll() is not None, "start")
    node.process.send_signal(signal.SIGTERM)
    assert node.process.wait(30) == 0, node.tail()
    node.start()
    assert values(node, "kept") == [*range(100)]
    node.stop()


def test_a_port_in_use_is_named(new_server, tmp_path):
    node = new_server()
    node.start()
    second = Server(tmp_path / "second", port=node.port)
    done = subprocess.run(
        second.command(), capture_output=True, text=True, timeout=30, cwd=second.folder)
    assert done.returncode != 0
    assert str(node.port) in done.stderr, done.stderr


@pytest.mark.parametrize("key, value", [
    ("log.segment.bytes", "-1"), ("num.network.threads", "many"), ("log.cleanup.policy", "burn"),
])
def test_a_bad_config_names_key_and_value(tmp_path, key, value):
    node = Server(tmp_path / "node", port=free_port())
    node.overrides[key] = value
    done = subprocess.run(
        node.command(), capture_output=True, text=True, timeout=30, cwd=node.folder)
    assert done.returncode != 0
    assert key in done.stderr and value in done.stderr, done.stderr


def test_a_config_file_of_kafka_is_taken_as_it_is(tmp_path):
    port = free_port()
    file = tmp_path / "server.properties"
    file.write_text(
        "process.roles=broker,controller\nnode.id=7\n"
        f"controller.quorum.voters=7@localhost:{free_port()}\n"
        f"listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{free_port()}\n"
        "controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n"
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n"
        f"log.dirs={tmp_path}/data\nnum.partitions=3\noffsets.topic.replication.factor=1\n")
    node = Server(tmp_path / "node", port=port)
    node.command = lambda: [Server.command(node)[0], "server", "--config", str(file)]
    try:
        node.start()
        fill(node, "three", 10)
        metadata = confluent_kafka.Consumer({
            "bootstrap.servers": node.bootstrap, "group.id": "unused"}).list_topics(timeout=30)
        assert len(metadata.topics["three"].partitions) == 3
        assert list(metadata.brokers) == [7]
        node.stop()
    finally:
        node.kill()
