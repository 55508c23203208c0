"""Martlet's own tools against a server, the installed links, and the README's first minute as written."""

import pathlib
import re
import subprocess

import confluent_kafka

from martlet_server import BINARY, ROOT, wait_for


def martlet(*arguments, program=BINARY, **options):
    done = subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


def test_tools_under_their_kafka_names(server, tmp_path):
    subprocess.run([ROOT / "scripts/install-links", BINARY, tmp_path], check=True)
    topics = tmp_path / "bin/kafka-topics.sh"
    at = ["--bootstrap-server", server.bootstrap]
    martlet("--create", "--topic", "tools", "--partitions", 2, *at, program=topics)
    described = martlet("--describe", "--topic", "tools", *at, program=topics)
    assert "PartitionCount: 2" in described and "ReplicationFactor: 1" in described
    assert "tools" in martlet("--list", *at, program=topics).splitlines()
    martlet("console-producer", "--topic", "tools", *at, input="one\ntwo\nthree\n")
    totals = [line.rsplit(":", 1) for line in martlet(
        "get-offsets", "--topic", "tools", *at).splitlines()]
    assert sum(int(offset) for _, offset in totals) == 3


def test_configs_of_clients_and_users(server):
    configs = ["configs", "--bootstrap-server", server.bootstrap]
    client = ["--entity-type", "clients", "--entity-name", "bird"]
    martlet(*configs, "--alter", *client, "--add-config", "producer_byte_rate=1024")
    wait_for(
        lambda: "producer_byte_rate=1024.0" in martlet(*configs, "--describe", *client), "the quota")
    martlet(*configs, "--alter", *client, "--delete-config", "producer_byte_rate")
    wait_for(
        lambda: "producer_byte_rate" not in martlet(*configs, "--describe", *client), "its end")
    assert martlet(*configs, "--describe", "--entity-type", "users") == ""


def test_a_written_directory_passes_the_deep_check(new_server):
    node = new_server(log_segment_bytes=1 << 20, log_index_interval_bytes=1000)
    node.start()
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
        producer = confluent_kafka.Producer({
            "bootstrap.servers": node.bootstrap, "compression.type": codec,
            "enable.idempotence": True})
        for number in range(2000):
            producer.produce("deep", b"%d " % number * 300, key=b"k%d" % (number % 7))
        assert producer.flush(60) == 0
    node.kill()
    node.start()
    node.stop()
    files = sorted(pathlib.Path(node.overrides["log.dirs"]).glob("deep-*/*"))
    logs = [file for file in files if file.suffix == ".log"]
    assert len(logs) > 2
    for file in files:
        if file.suffix in (".log", ".index", ".timeindex", ".snapshot"):
            deep = ["--deep-iteration"] if file.suffix == ".log" else ["--index-sanity-check"]
            report = martlet("dump-log", *deep, "--files", file)
            assert "isvalid: false" not in report.lower() and "mismatch" not in report.lower(), report
    values = [line for file in logs for line in martlet(
        "dump-log", "--print-data-log", "--files", file).splitlines() if "payload:" in line]
    assert len(values) == 10_000


def test_the_first_minute_of_the_readme(server):
    text = (ROOT / "README.md").read_text()
    section = text.split("## A first minute")[1].split("\n## ")[0]
    script = "shopt -s expand_aliases\n" + "\n".join(re.findall(r"```sh\n(.*?)```", section, re.S))
    script = script.replace("localhost:9092", server.bootstrap)
    script = script.replace(".build/release/martlet", str(BINARY))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("hello, bird") == 2
    assert "PartitionCount: 3" in done.stdout
