"""Producer, consumer and admin client, each a process of its own, at brokers that mean harm: they
end in time and say why, and their memory stays within a bound."""

import contextlib
import random
import re
import struct
import subprocess
import tempfile
import threading
import time
import zlib
from pathlib import Path

import pytest

from hostile_broker import (
    FETCH, INIT_PRODUCER, LIST_OFFSETS, METADATA, PRODUCE, SASL, VERSIONS, HostileBroker, fetched)
from martlet_server import BINARY
from wire import crc32c, zigzag

Raw = HostileBroker.Raw
MEGABYTE = 1 << 20
# The client takes answers of up to 256 MB, and as much of what a compressed batch comes to.
LONGEST = 256 * MEGABYTE


def random_bytes(_):
    return [random.randbytes(random.randrange(2000))]


def endless(_):
    """All of the longest answer but its end, which never comes."""
    yield Raw(struct.pack(">i", LONGEST - 1))
    for _ in range(LONGEST // MEGABYTE - 1):
        yield Raw(bytes(MEGABYTE))
    # What answers another request would end this one.
    yield HostileBroker.NOTHING


def unasked(_):
    while True:
        yield Raw(struct.pack(">iii", 8, 0x7F7F7F7F, 0) * 10_000)


def silence(_):
    return []


def many_brokers(_):
    broker = struct.pack(">ihih", 1, 0, 9092, -1)
    return [struct.pack(">ii", 0, 2_000_000) + broker * 2_000_000 + struct.pack(">hii", -1, 1, 0)]


def scram(count):
    def answer(body):
        nonce = body.split(b"r=")[-1]
        first = b"r=" + nonce + b"more,s=c2FsdHNhbHQ=,i=" + count
        return [struct.pack(">hhi", 0, -1, len(first)) + first]
    return {SASL: answer}


def batch(records, count, attributes=0, length=None):
    checked = struct.pack(">hiqqqhii", attributes, count - 1, 0, 0, -1, -1, -1, count) + records
    tail = struct.pack(">ibI", -1, 2, crc32c(checked)) + checked
    return struct.pack(">qi", 0, len(tail) if length is None else length) + tail


def deflated(pieces):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([packer.compress(piece) for piece in pieces] + [packer.flush()])


def served(records):
    return {FETCH: lambda _: [fetched(records)]}


def record_of(size):
    """The smallest record that claims a value of `size` bytes."""
    body = b"\0\0\0\x01" + zigzag(size)
    return zigzag(len(body)) + body


TINY = zigzag(6) + b"\0\0\0\x01\x01\0"
ALL = {"produce", "consume", "list"}
# Of each: what the broker does, to whom, what they must be told, and megabytes that they may need.
ATTACKS = {
    "huge length": ({VERSIONS: lambda _: [Raw(b"\x7f\xff\xff\xff")]}, ALL,
                    "a frame of 2147483647 bytes, the limit is", 80),
    "negative length": ({METADATA: lambda _: [Raw(b"\xff\xff\xff\xff")]}, ALL,
                        "a frame of -1 bytes", 80),
    "endless answer": ({METADATA: endless}, ALL, "etadata", 450),
    "unasked answers": ({METADATA: unasked}, ALL, "answered what was not asked", 120),
    "silence": ({METADATA: silence}, ALL, "etadata", 80),
    "no greeting": ({VERSIONS: random_bytes}, ALL, "", 80),
    "random metadata": ({METADATA: random_bytes}, ALL, "", 80),
    "huge array": ({METADATA: lambda _: [struct.pack(">ii", 0, 0x7FFFFFFF) + bytes(1000)]}, ALL,
                   "Metadata", 80),
    "many brokers": ({METADATA: many_brokers}, ALL, "", 300),
    "few rounds of SCRAM": (scram(b"1"), ALL, "iterations", 80),
    "endless SCRAM": (scram(b"2147483647"), ALL, "iterations", 80),
    "random ids": ({INIT_PRODUCER: random_bytes}, {"produce"}, "", 80),
    "random results": ({PRODUCE: random_bytes}, {"produce"}, "Produce", 80),
    "huge results": ({PRODUCE: lambda _: [struct.pack(">i", 0x7FFFFFFF)]}, {"produce"},
                     "Produce", 80),
    "random offsets": ({LIST_OFFSETS: random_bytes}, {"consume"}, "", 80),
    "random fetches": ({FETCH: random_bytes}, {"consume"}, "Fetch", 80),
    "more records than bytes": (served(batch(TINY, 0x7FFFFFFF)), {"consume"}, "records in", 80),
    "longer than it is": (served(batch(TINY, 1, length=0x7FFFFFFF)), {"consume"}, "", 80),
    "negative batch": (served(batch(TINY, 1, length=-5)), {"consume"}, "batch's length", 80),
    "huge value": (served(batch(record_of(0x7FFFFFF), 1)), {"consume"}, "record", 80),
    "bomb": (lambda: served(batch(deflated([bytes(MEGABYTE)] * 600), 1, attributes=1)),
             {"consume"}, "268435456", 700),
    "bomb of tiny records": (
        lambda: served(batch(deflated([TINY * 1_000_000] * 30), 30_000_000, attributes=1)),
        {"consume"}, "records", 700),
}


def command(client, broker, folder, is_secure):
    settings = {"request.timeout.ms": 1500, "default.api.timeout.ms": 4000}
    if is_secure:
        settings |= {
            "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256",
            "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
                                'username="bird" password="seed";'}
    if client == "produce":
        settings |= {"max.block.ms": 4000, "delivery.timeout.ms": 4000, "linger.ms": 0}
    path = folder / f"{client}.properties"
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    start = {
        "produce": ["console-producer", "--topic", "t", "--request-timeout-ms", "1500"],
        "consume": ["console-consumer", "--topic", "t", "--partition", "0", "--offset", "earliest",
                    "--timeout-ms", "4000"],
        "list": ["topics", "--list"]}[client]
    return [BINARY, *start, "--bootstrap-server", broker.bootstrap, "--command-config", path]


class Victim(threading.Thread):
    """A client's process: what it says, and the most memory that it had."""

    def __init__(self, name, arguments):
        super().__init__()
        self.name = name
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=self.output, stderr=subprocess.STDOUT)
        with contextlib.suppress(BrokenPipeError):  # it has ended already
            with self.process.stdin as stdin:
                stdin.write(b"a record\n")
        self.begun = time.monotonic()
        self.start()

    def run(self):
        self.megabytes = 0
        while self.process.poll() is None and time.monotonic() < self.begun + 40:
            self.megabytes = max(self.megabytes, self.peak())
            time.sleep(0.02)
        self.took = time.monotonic() - self.begun
        self.process.kill()
        self.code = self.process.wait()
        self.output.seek(0)
        self.said = self.output.read().decode(errors="replace")[-2000:]
        self.output.close()

    def peak(self):
        """The most megabytes so far. What wait4 tells begins with the memory of the test itself."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(found.group(1)) / 1024 if found else 0


@pytest.fixture(scope="module")
def victims(tmp_path_factory):
    """All attacks at once on all clients: each mostly waits."""
    random.seed(6)
    brokers, victims = [], {}
    for name, (attack, clients, _, _) in ATTACKS.items():
        attack = attack() if callable(attack) else attack
        broker = HostileBroker(attack, [b"SCRAM-SHA-256"])
        brokers.append(broker)
        folder = tmp_path_factory.mktemp("hostile")
        victims[name] = [
            Victim(client, command(client, broker, folder, SASL in attack))
            for client in sorted(clients)]
    for victim in [one for some in victims.values() for one in some]:
        victim.join()
    for broker in brokers:
        broker.close()
    return victims


@pytest.mark.parametrize("name", ATTACKS)
def test_clients_end_in_time_and_say_why(victims, name):
    _, _, told, megabytes = ATTACKS[name]
    for victim in victims[name]:
        about = f"{victim.name}, {victim.took:.1f} s, {victim.megabytes:.0f} MB: {victim.said}"
        print(about)
        # Neither a trap nor the patience of the test.
        assert victim.code >= 0, about
        assert victim.took < 30, about
        assert victim.megabytes < megabytes, about
        assert "Fatal error" not in victim.said, about
        assert told in victim.said, about
