"""`martlet producer-perf-test` and `consumer-perf-test` beside what librdkafka reads."""

import re
import subprocess

from martlet_server import BINARY
from readers import with_confluent

TOTAL = re.compile(
    r"(\d+)( steady state)? records sent, [\d.]+ records/sec \([\d.]+ MB/sec\), [\d.]+ ms avg latency, "
    r"[\d.]+ ms max latency, \d+ ms 50th, \d+ ms 95th, \d+ ms 99th, \d+ ms 99\.9th\.")


def run(*arguments, code=0):
    done = subprocess.run(
        [BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout + (done.stderr if code else "")


def produce(server, topic, count, *more, code=0):
    return run("producer-perf-test", "--bootstrap-server", server.bootstrap, "--topic", topic,
               "--num-records", count, "--throughput", -1, *more, code=code)


def test_keys_come_in_turn_or_at_random(server):
    produce(server, "perf-keys", 60, "--payload-monotonic", "--key-distribution", "range",
            "--record-key-range", 7)
    found = with_confluent(server.bootstrap, "perf-keys", 1)
    assert [one.value for one in found] == [b"%d" % number for number in range(60)]
    assert [one.key for one in found] == [b"%d" % (number % 7) for number in range(60)]
    produce(server, "perf-random", 200, "--record-size", 5, "--key-distribution", "random",
            "--record-key-range", 3)
    assert {one.key for one in with_confluent(server.bootstrap, "perf-random", 1)} == {b"0", b"1", b"2"}
    told = produce(server, "perf-keys", 1, "--record-size", 1, "--record-key-range", 3, code=1)
    assert "--key-distribution" in told


def test_transactions_are_committed_in_time(server):
    told = produce(server, "perf-txn", 400, "--record-size", 10, "--transaction-duration-ms", 20,
                   "--command-property", "linger.ms=0")
    assert TOTAL.search(told).group(1) == "400"
    found = with_confluent(server.bootstrap, "perf-txn", 1)
    assert len(found) == 400
    # Markers take offsets of their own.
    assert found[-1].offset - found[0].offset >= 399
    listed = run("transactions", "--bootstrap-server", server.bootstrap, "list")
    assert "performance-producer-" in listed and "Ongoing" not in listed


def test_warm_up_and_metrics(server):
    told = produce(server, "perf-warm", 3000, "--record-size", 100, "--warmup-records", 1000,
                   "--print-metrics")
    assert "Warmup first 1000 records." in told
    totals = [line for line in told.splitlines() if TOTAL.fullmatch(line)]
    assert [TOTAL.match(line).groups() for line in totals] == [
        ("3000", None), ("2000", " steady state")]
    metrics = dict(
        (line.rsplit(" : ", 1)[0].strip(), float(line.rsplit(" : ", 1)[1]))
        for line in told.splitlines() if " : " in line)
    own = "{client-id=perf-producer-client}"
    assert metrics[f"producer-metrics:record-send-total:{own}"] == 3000
    assert metrics[f"producer-metrics:batch-size-avg:{own}"] > 100
    assert any(name.startswith("producer-node-metrics:request-latency-avg:") for name in metrics)
    told = run("consumer-perf-test", "--bootstrap-server", server.bootstrap, "--topic", "perf-warm",
               "--num-records", 3000, "--print-metrics")
    read = [line for line in told.splitlines()
            if line.startswith("consumer-fetch-manager-metrics:records-consumed-total:")]
    # The last batch counts once the next has been asked for.
    assert 2000 < float(read[0].rsplit(" : ", 1)[1]) <= 3000
