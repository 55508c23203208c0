"""The little of Kafka's wire format that the tests speak by themselves."""

import socket
import struct
import time


def frame(payload):
    return struct.pack(">i", len(payload)) + payload


def request(key, version, correlation, body, client=b"tests", flexible=False):
    """A framed request with a header of version 1, or 2 when the request is flexible."""
    header = struct.pack(">hhih", key, version, correlation, len(client)) + client
    return frame(header + (b"\0" if flexible else b"") + body)


def read_exactly(connection, count):
    data = bytearray()
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError("closed by the server")
        data += part
    return bytes(data)


def read_frame(connection):
    (size,) = struct.unpack(">i", read_exactly(connection, 4))
    return read_exactly(connection, size)


def connect(port, timeout=10.0):
    connection = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def api_versions(port, timeout=2.0):
    """The advertised ranges, {key: (lowest, highest)}; OSError while nobody answers."""
    with connect(port, timeout) as connection:
        connection.sendall(request(18, 0, 7, b""))
        answer = read_frame(connection)
    correlation, error, count = struct.unpack_from(">ihi", answer)
    assert (correlation, error) == (7, 0), (correlation, error)
    entries = struct.iter_unpack(">hhh", answer[10:10 + 6 * count])
    return {key: (lowest, highest) for key, lowest, highest in entries}


def varint(value):
    """An unsigned varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def zigzag(value):
    return varint((value << 1) ^ (value >> 63))


def crc32c(data, table=[]):
    if not table:
        for byte in range(256):
            for _ in range(8):
                byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
            table.append(byte)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def record_batch(values, timestamp=None, attributes=0, producer=-1, epoch=-1, sequence=-1):
    """An uncompressed batch of format 2 with these values and null keys."""
    now = int(time.time() * 1000) if timestamp is None else timestamp
    records = b""
    for index, value in enumerate(values):
        body = b"\0" + zigzag(0) + zigzag(index) + zigzag(-1) + zigzag(len(value)) + value + b"\0"
        records += zigzag(len(body)) + body
    count = len(values)
    checked = struct.pack(
        ">hiqqqhii", attributes, count - 1, now, now, producer, epoch, sequence, count) + records
    tail = struct.pack(">ibI", -1, 2, crc32c(checked)) + checked
    return struct.pack(">qi", 0, len(tail)) + tail


def produce(topic, partition, batch, acks=-1, timeout=30_000, correlation=1):
    """A framed Produce request, version 7."""
    name = topic.encode()
    body = struct.pack(">hhiih", -1, acks, timeout, 1, len(name)) + name
    body += struct.pack(">iii", 1, partition, len(batch)) + batch
    return request(0, 7, correlation, body)


def produce_result(answer):
    """(error code, base offset) of a Produce response for one partition, version 7."""
    (name,) = struct.unpack_from(">h", answer, 8)
    return struct.unpack_from(">hq", answer, 10 + name + 4 + 4)


def fetch(topic, partition, offset, max_wait=500, max_bytes=1 << 20, correlation=1):
    """A framed Fetch request of one partition, without a session, version 4."""
    name = topic.encode()
    body = struct.pack(">iiiib", -1, max_wait, 1, max_bytes, 0)
    body += struct.pack(">ih", 1, len(name)) + name
    body += struct.pack(">iiqi", 1, partition, offset, max_bytes)
    return request(1, 4, correlation, body)


def fetch_high_watermark(answer):
    """The high watermark in a Fetch response for one partition, version 4."""
    (name,) = struct.unpack_from(">h", answer, 12)
    partition, error, high_watermark = struct.unpack_from(">ihq", answer, 14 + name + 4)
    assert error == 0, error
    return high_watermark


class Cursor:
    """Reads the old, fixed-width notation of answers."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        value = struct.unpack_from(">" + form, self.data, self.at)[0]
        self.at += struct.calcsize(">" + form)
        return value

    def text(self):
        length = self.take("h")
        if length < 0:
            return None
        self.at += length
        return self.data[self.at - length:self.at].decode()

    def array(self, item):
        return [item() for _ in range(max(0, self.take("i")))]

    def numbers(self):
        return self.array(lambda: self.take("i"))


def metadata(port, timeout=5.0):
    """The node's Metadata answer (version 5) about all topics: (brokers, partitions)."""
    with connect(port, timeout) as connection:
        connection.sendall(request(3, 5, 9, struct.pack(">ib", -1, 0)))
        cursor = Cursor(read_frame(connection))
    cursor.take("i"), cursor.take("i")
    brokers = cursor.array(lambda: (cursor.take("i"), cursor.text(), cursor.take("i"), cursor.text()))
    cursor.text(), cursor.take("i")
    partitions = {}

    def partition(topic):
        cursor.take("h")
        index, leader = cursor.take("i"), cursor.take("i")
        replicas, isr, _ = cursor.numbers(), cursor.numbers(), cursor.numbers()
        partitions[topic, index] = (leader, replicas, isr)

    def topic():
        cursor.take("h")
        name, _ = cursor.text(), cursor.take("b")
        cursor.array(lambda: partition(name))

    cursor.array(topic)
    return brokers, partitions


def brokers(port):
    """The ids of the brokers that serve."""
    return [broker[0] for broker in metadata(port)[0]]


def lagging_partitions(port):
    """(topic, partition) of those without a leader or with a replica that is not in sync."""
    return {name for name, (leader, replicas, isr) in metadata(port)[1].items()
            if leader < 0 or set(replicas) != set(isr)}


def controller(port, timeout=5.0):
    """The leader of the metadata quorum by DescribeQuorum (version 0), -1 without one."""
    name = b"__cluster_metadata"
    body = b"\2" + varint(len(name) + 1) + name + b"\2" + struct.pack(">i", 0) + b"\0\0\0"
    with connect(port, timeout) as connection:
        connection.sendall(request(55, 0, 9, body, flexible=True))
        answer = read_frame(connection)
    # Correlation and tags, error, one topic of that name, one partition: index, error, leader.
    at = 5 + 2 + 1 + 1 + len(name) + 1
    if struct.unpack_from(">h", answer, 5)[0] or len(answer) < at + 10:
        return -1
    _, error, leader = struct.unpack_from(">ihi", answer, at)
    return leader if error == 0 else -1
