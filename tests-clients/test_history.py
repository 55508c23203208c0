"""A run with kill -9 is recorded and checked by `martlet check-history`; planted faults are found."""

import json
import os
import random
import subprocess
import threading
import time

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from martlet_server import BINARY, wait_for
from recorder import Recorder, RecordingConsumer, RecordingProducer

ROUNDS = int(os.environ.get("ROUNDS", "3"))
PARTITIONS = 2
PATIENT = {"acks": "all", "enable.idempotence": True, "linger.ms": 1,
           "delivery.timeout.ms": 300_000, "reconnect.backoff.ms": 10,
           "reconnect.backoff.max.ms": 100, "retry.backoff.ms": 10}


def check(path, *options):
    done = subprocess.run([BINARY, "check-history", path, "--json", *options],
                          capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def plain_load(recorder, server, ending):
    producer = RecordingProducer(
        recorder, "plain", {"bootstrap.servers": server.bootstrap, **PATIENT})
    while not ending.is_set():
        producer.produce("history", random.randrange(PARTITIONS), random.randrange(300))
        producer.poll(0.001)
    assert producer.flush() == 0


def transactional_load(recorder, server, ending):
    producer = RecordingProducer(
        recorder, "txn",
        {"bootstrap.servers": server.bootstrap, "transactional.id": "history",
         "transaction.timeout.ms": 300_000, **PATIENT})
    while not ending.is_set():
        producer.begin()
        for partition in range(PARTITIONS):
            producer.produce("history", partition)
        # Ends only what the coordinator has heard of: where AddPartitionsToTxn was lost with a
        # connection, librdkafka's abort asks to end the transaction before, which a coordinator
        # refuses for good (INVALID_TXN_STATE, Kafka's too).
        assert producer.producer.flush(60) == 0
        producer.end(commits=random.random() < 0.7)


def offset_load(recorder, server, ending):
    consumer = RecordingConsumer(
        recorder, "committer", {"bootstrap.servers": server.bootstrap, "group.id": "offsets"})
    offset = 0
    while not ending.is_set():
        offset += 1
        consumer.commit("history", 0, offset)
        try:
            consumer.committed("history", 0, 5)
        except KafkaException:
            pass  # the node is down: nothing was told
    consumer.close()


@pytest.fixture
def history(new_server, tmp_path):
    """The file of a run of several loads against a node that is killed again and again."""
    server = new_server()
    server.start()
    admin = AdminClient({"bootstrap.servers": server.bootstrap, "log_level": 0})
    admin.create_topics([NewTopic("history", PARTITIONS, 1)])["history"].result(30)
    recorder, ending = Recorder(tmp_path / "history.jsonl"), threading.Event()
    failures = []

    def guarded(load):
        try:
            load(recorder, server, ending)
        except Exception as failure:  # seen by the test, not only on standard error
            failures.append(failure)

    loads = [threading.Thread(target=guarded, args=(load,))
             for load in (plain_load, transactional_load, offset_load)]
    for load in loads:
        load.start()
    for _ in range(ROUNDS):
        time.sleep(random.uniform(0.3, 1.0))  # the load's own time, not a wait for a state
        server.kill()
        server.start()
    # However slow the machine is.
    noted = recorder.noted
    wait_for(lambda: noted["acked"] > 200 and noted["committed"] + noted["aborted"] > 20,
             "load to check", 60)
    ending.set()
    for load in loads:
        load.join()
    assert failures == []
    for isolation in ("read_committed", "read_uncommitted"):
        recorder.read_all("history", PARTITIONS, server.bootstrap, isolation)
    recorder.close()
    return recorder.path


def test_a_run_with_kills_has_no_anomaly_and_planted_ones_are_found(history, tmp_path):
    code, report = check(history)
    assert (code, report["anomalies"]) == (0, [])
    assert report["acknowledged"] > 200 and report["transactions"] > 20
    assert report["unread"] == 0
    print(report)

    lines = history.read_text().splitlines()
    events = [json.loads(line) for line in lines]
    reads = [number for number, event in enumerate(events) if event["type"] == "read"]
    committed = next(event["txn"] for event in events if event["type"] == "committed")
    of = {event["value"]: event.get("txn") for event in events if event["type"] == "produce"}
    part = next(n for n in reads if of[events[n]["value"]] == committed)

    def found(kind, changed):
        path = tmp_path / f"{kind}.jsonl"
        path.write_text("\n".join(changed) + "\n")
        code, report = check(path)
        assert code == 1 and kind in report["counts"], report["counts"]

    def replaced(number, **fields):
        return lines[:number] + [json.dumps({**events[number], **fields})] + lines[number + 1:]

    plain = next(n for n in reads if not of[events[n]["value"]])
    found("lost", lines[:plain] + lines[plain + 1:])
    found("duplicated", lines[:plain] + [lines[plain]] + lines[plain:])
    found("reordered", lines + [lines[reads[0]]])
    found("diverged", replaced(plain, value=events[reads[-1]]["value"]))
    found("phantom", replaced(plain, value="ghost"))
    found("torn-transaction", lines[:part] + lines[part + 1:])
    ends = {n for n, e in enumerate(events)
            if e["type"] in ("commit", "committed") and e["txn"] == committed}
    found("aborted-read", [line for n, line in enumerate(lines) if n not in ends])
    fetched = [n for n, e in enumerate(events) if e["type"] == "offset-fetched"]
    found("lost-offset", replaced(fetched[-1], offset=0))
