"""Requests that no client sends, built from the shape of every request in every version.

The shapes come from the Java client (java/Schemas.java), so that what is sent does not depend on
how the server describes the protocol. A malformed frame is a valid request in which one to three
things are wrong, or whose bytes were damaged afterwards. A wild one is valid, names what there is,
and has numbers in it of any size.
"""

import re
import struct

from wire import frame, record_batch, varint

FIXED = {"BOOLEAN": 1, "INT8": 1, "INT16": 2, "UINT16": 2, "INT32": 4, "UINT32": 4, "INT64": 8,
         "FLOAT64": 8, "UUID": 16}
COUNTS = [-1, -2, 0, 1, 5, 1000, 0x7FFFFFFF, 0x7FFFFFFE, -0x80000000]
TEXTS = [b"", b"fuzz", b"\xff\xfe\x80", b"a" * 300, b"\0", "é鳥".encode(), b"../../etc", b"\xc0\xaf"]


class Shape:
    """A parsed line of Schemas: ("struct", (name, shape)...), ("array", compact, element, may be
    null) or a type."""

    def __init__(self, line):
        key, version, header, text = line.split(" ", 3)
        self.key, self.version, self.header = int(key), int(version), int(header)
        self.tokens = re.findall(r"[{}\[\]]|[a-z0-9_]+=|[A-Z0-9_]+\??", text)
        self.root = self.parse()

    def parse(self):
        token = self.tokens.pop(0)
        if token == "{":
            fields = []
            while self.tokens[0] != "}":
                fields.append((self.tokens.pop(0).rstrip("="), self.parse()))
            self.tokens.pop(0)
            return ("struct", tuple(fields))
        if self.tokens and self.tokens[0] == "[" and token.rstrip("?") in ("PLAIN", "COMPACT"):
            self.tokens.pop(0)
            element = self.parse()
            assert self.tokens.pop(0) == "]"
            return ("array", token.startswith("COMPACT"), element, token.endswith("?"))
        return token


class Builder:
    """Writes one request; each value it writes is wrong with probability `wrong`."""

    def __init__(self, chance, wrong):
        self.chance, self.wrong = chance, wrong

    def build(self, kind):
        if isinstance(kind, tuple) and kind[0] == "struct":
            return b"".join([self.build(field) for _, field in kind[1]])
        if isinstance(kind, tuple):
            return self.array(kind[1], kind[2])
        if kind in FIXED:
            return self.fixed(kind)
        if kind == "TAGS":
            return self.tags()
        if kind == "VARINT" or kind == "VARLONG":
            return varint(self.chance.getrandbits(20))
        return self.blob(kind)

    def is_wrong(self):
        return self.chance.random() < self.wrong

    def fixed(self, kind):
        size = FIXED[kind]
        if self.is_wrong():
            return self.chance.choice([b"\xff" * size, b"\x7f" + b"\xff" * (size - 1),
                                       b"\x80" + b"\0" * (size - 1), self.chance.randbytes(size)])
        if kind == "UUID":
            return b"\0" * 15 + bytes([self.chance.randrange(4)])
        return bytes(size - 1) + bytes([self.chance.randrange(3)])

    def length(self, compact, count, short=False):
        if self.is_wrong():
            count = self.chance.choice(COUNTS)
        if not compact:
            return struct.pack(">h", max(-0x8000, min(count, 0x7FFF))) if short else (
                struct.pack(">i", count))
        if self.is_wrong():  # longer than it need be, or than a varint may be
            return self.chance.choice([b"\x80\x80\x80\x80\x00", b"\xff" * 9 + b"\x01", b"\xff" * 5])
        return varint((count + 1) & 0xFFFFFFFF)

    def array(self, compact, element):
        count = self.chance.randrange(3)
        if self.is_wrong() and element in FIXED:
            count = 2000
        items = [self.build(element) for _ in range(count)]
        return self.length(compact, count) + b"".join(items)

    def blob(self, kind):
        text = self.chance.choice(TEXTS) if self.is_wrong() else b"fuzz"
        if "BYTES" in kind or "RECORDS" in kind:
            text = self.chance.randbytes(self.chance.randrange(90))
        short = "STRING" in kind
        return self.length(kind.startswith("COMPACT"), len(text), short) + text

    def tags(self):
        if not self.is_wrong():
            return b"\0"
        one = b"\0" + varint(3) + b"abc"
        return self.chance.choice([
            varint(2) + one + one, varint(2) + b"\x05\0" + b"\x01\0", b"\xff\xff\xff\xff\x0f",
            b"\x01\x7f\xff\xff\xff\xff\x07", varint(300) + b"".join(
                varint(number) + b"\0" for number in range(300))])


def malformed(shapes, chance):
    """The bytes of one malformed request, frame length included."""
    shape = chance.choice(shapes)
    builder = Builder(chance, wrong=chance.choice([0.02, 0.1, 0.3]))
    key, version, header = shape.key, shape.version, shape.header
    twist = chance.randrange(14)
    if twist == 0:
        version = chance.choice([-1, version + 20, 32767, -32768])
    elif twist == 1:
        key = chance.choice([-1, 4, 5, 95, 200, 32767])
    elif twist == 2:
        header = chance.randrange(3)
    payload = struct.pack(">hhi", key, version, chance.getrandbits(31))
    if header:
        payload += chance.choice([b"\0\4fuzz", b"\0\4fuzz", b"\xff\xff", b"\xff\xfe", b"\x7f\xff"])
    if header == 2:
        payload += builder.tags()
    payload += builder.build(shape.root)
    return damaged(payload, twist, chance)


def damaged(payload, twist, chance):
    if twist == 3:
        payload = payload[:chance.randrange(len(payload) + 1)]
    elif twist == 4:
        payload += chance.randbytes(chance.randrange(1, 40))
    elif twist == 5:
        at = chance.randrange(len(payload))
        payload = payload[:at] + bytes([payload[at] ^ 1 << chance.randrange(8)]) + payload[at + 1:]
    elif twist == 6:
        at = chance.randrange(len(payload))
        payload = payload[:at] + chance.randbytes(4) + payload[at + 4:]
    elif twist == 7:
        return struct.pack(">i", chance.choice([-1, -0x80000000, 0x7FFFFFFF, 0, 1, 3])) + payload
    elif twist == 8:
        return struct.pack(">i", len(payload) + chance.choice([-1, 1, -7, 100])) + payload
    return frame(payload)


# What fields may hold: the first entry whose name is part of the field's.
NAMES = {
    "group": ["group-0", "group-1"], "transactional": ["transaction-0", "transaction-1"],
    "member_id": ["", "member-0", "member-1"], "instance": ["instance-0", "instance-1"],
    "protocol_type": ["consumer"], "protocol_name": ["range"], "assignor": ["uniform", "range"],
    "config": ["retention.ms", "file.delete.delay.ms", "segment.ms", "flush.ms", "cleanup.policy",
               "min.compaction.lag.ms", "max.compaction.lag.ms", "delete.retention.ms",
               "consumer.session.timeout.ms", "message.timestamp.after.max.ms"],
    "value": ["0", "1", "-1", "9223372036854775807", "compact", "delete"],
    "regex": ["wild.*", ""], "": ["wild-0", "wild-1", "range", "consumer", "retention.ms"],
}
NUMBERS = {
    "resource_type": [2, 32], "config_operation": [0, 1], "version": [0, 1], "acks": [-1, 0, 1],
    "epoch": [-2, -1, 0, 1, 2], "generation": [-1, 0, 1, 2], "partition": [0, 1], "index": [0, 1],
    "session_timeout": [6000, 10_000], "timeout": [0, 1, 100], "wait": [0, 10],
    "bytes": [0, 1, 1000, 1 << 20], "timestamp": [-6, -5, -4, -3, -2, -1, 0, 1_700_000_000_000],
    "offset": [-2, -1, 0, 1, 5], "producer_id": [-1, 0, 1, 2, 3], "id": [-1, 0, 1],
    "replication_factor": [-1, 1], "": [0, 1, 2],
}


# The same for what nodes tell each other, at a controller's listener.
PEER_NAMES = {"": ["__cluster_metadata", "CONTROLLER", "PLAINTEXT", "127.0.0.1", "metadata.version"]}
PEER_NUMBERS = {"id": [-1, 1, 2, 3], "partition": [0], "index": [0]} | NUMBERS


def pick(chance, table, name):
    """One of the values of the entry whose name is part of `name`."""
    return chance.choice(next(values for part, values in table.items() if part in name))


class WildBuilder:
    """Writes one valid request; a number is of any size with probability `wild`."""

    def __init__(self, chance, wild, uuids, names, numbers, tame):
        self.chance, self.wild, self.uuids = chance, wild, uuids
        self.names, self.numbers, self.tame = names, numbers, tame

    def build(self, kind, name=""):
        if isinstance(kind, tuple) and kind[0] == "struct":
            return b"".join([self.build(field, name) for name, field in kind[1]])
        if isinstance(kind, tuple):
            _, compact, element, may_be_null = kind
            if may_be_null and self.chance.random() < 0.1:
                return self.length(compact, -1)
            items = [self.build(element, name) for _ in range(self.chance.randrange(3))]
            return self.length(compact, len(items)) + b"".join(items)
        if kind in FIXED:
            return self.fixed(kind, name)
        if kind == "TAGS":
            return b"\0"
        return self.blob(kind, name)

    def length(self, compact, count, short=False):
        return varint(count + 1) if compact else struct.pack(">h" if short else ">i", count)

    def fixed(self, kind, name):
        if kind == "UUID":
            return self.chance.choice([bytes(16), *self.uuids])
        if kind == "BOOLEAN":
            return bytes([self.chance.randrange(2)])
        if kind == "FLOAT64":
            return struct.pack(">d", self.chance.choice([0, 1.5, -1e300, float("nan")]))
        bits = 8 * FIXED[kind]
        if self.chance.random() < self.wild and not any(part in name for part in self.tame):
            least = -1 << bits - 1
            value = self.chance.choice([least, least + 1, -2, ~least, ~least - 1, ~least >> 1])
        else:
            value = pick(self.chance, self.numbers, name)
        return (value & (1 << bits) - 1).to_bytes(bits // 8, "big")

    def blob(self, kind, name):
        compact, short = kind.startswith("COMPACT"), "STRING" in kind
        if (kind.endswith("?") or "NULLABLE" in kind) and self.chance.random() < 0.3:
            return self.length(compact, -1, short)
        if "RECORDS" in kind:
            content = self.records()
        elif "BYTES" in kind:  # a subscription to a topic, as members of classic groups send it
            content = b"\0\1\0\0\0\1\0\6wild-0\0\0\0\0\0\0\0\0"
        else:
            content = pick(self.chance, self.names, name).encode()
        return self.length(compact, len(content), short) + content

    def records(self):
        def number(bits, *usual):
            least = -1 << bits - 1
            wild = self.chance.random() < self.wild
            return self.chance.choice([least, least + 1, ~least, ~least - 1] if wild else usual)

        return record_batch(
            [b"wild"] * self.chance.randrange(1, 3), timestamp=number(64, None, -1, 0),
            attributes=number(16, 0, 0, 0x10), producer=number(64, -1, 0, 1, 2, 3),
            epoch=number(16, -1, 0, 1), sequence=number(32, -1, 0, 1))


def wild(shapes, chance, uuids, names=NAMES, numbers=NUMBERS, tame=()):
    """The bytes of one wild request, frame length included; fields with a name in `tame` hold
    numbers that are usual."""
    shape = chance.choice(shapes)
    builder = WildBuilder(chance, chance.choice([0.02, 0.1, 0.3]), uuids, names, numbers, tame)
    payload = struct.pack(">hhi", shape.key, shape.version, chance.getrandbits(31))
    if shape.header:
        payload += b"\0\4wild"
    if shape.header == 2:
        payload += b"\0"
    return frame(payload + builder.build(shape.root))
