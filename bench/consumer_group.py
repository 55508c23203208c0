"""A group of the consumer protocol (KIP-848) whose members are plain requests: how long it takes to
share out its partitions anew when half of the members are gone."""

import heapq
import struct
import time

import wire

HEARTBEAT_MS, SESSION_MS = 1000, 6000
SETTINGS = {
    "group_consumer_heartbeat_interval_ms": HEARTBEAT_MS,
    "group_consumer_min_heartbeat_interval_ms": HEARTBEAT_MS,
    "group_consumer_session_timeout_ms": SESSION_MS,
    "group_consumer_min_session_timeout_ms": SESSION_MS,
}


class Reader:
    """Reads the compact forms of the protocol."""

    def __init__(self, data):
        self.data, self.place = data, 0

    def take(self, form):
        values = struct.unpack_from(form, self.data, self.place)
        self.place += struct.calcsize(form)
        return values[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(">B")
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def text(self):
        size = self.varint() - 1
        if size < 0:
            return None
        self.place += size
        return self.data[self.place - size:self.place].decode()


def text(value):
    return wire.varint(len(value) + 1) + value.encode()


class Member:
    """A member: gives up at once what it must, and says so with the next request."""

    def __init__(self, connection, group, name, topic):
        self.connection, self.group, self.name, self.topic = connection, group, name, topic
        self.epoch = 0
        self.owned = {}
        self.is_told = True

    def beat(self):
        """Sends a heartbeat; whether the next one is due at once."""
        body = text(self.group) + text(self.name) + struct.pack(">i", self.epoch) + b"\0\0"
        if self.epoch == 0:
            body += struct.pack(">i", 60_000) + wire.varint(2) + text(self.topic) + b"\0\0" + b"\1"
        else:
            body += struct.pack(">i", -1) + b"\0\0\0" + (b"\0" if self.is_told else self.partitions())
        self.connection.sendall(wire.request(68, 1, 1, body + b"\0", flexible=True))
        answer = Reader(wire.read_frame(self.connection))
        answer.take(">ibi")  # correlation id, no tagged fields, throttle time
        error, message = answer.take(">h"), answer.text()
        if error in (14, 15, 16):  # the coordinator is still coming up
            return False
        assert error == 0, (error, message)
        answer.text()
        self.epoch = answer.take(">i")
        answer.take(">i")
        self.is_told = True
        if answer.take(">b") < 0:
            return False
        owned = self.owned
        self.owned = {}
        for _ in range(answer.varint() - 1):
            topic = answer.data[answer.place:answer.place + 16]
            answer.place += 16
            self.owned[topic] = [answer.take(">i") for _ in range(answer.varint() - 1)]
            answer.varint()
        self.is_told = self.owned == owned
        return not self.is_told

    def partitions(self):
        body = wire.varint(len(self.owned) + 1)
        for topic, numbers in self.owned.items():
            body += topic + wire.varint(len(numbers) + 1)
            body += b"".join(struct.pack(">i", number) for number in numbers) + b"\0"
        return body

    @property
    def count(self):
        return sum(len(numbers) for numbers in self.owned.values())


class Group:
    """Members that each send a heartbeat when it is due."""

    def __init__(self, port, topic, members):
        self.connection = wire.connect(port, 30)
        # Whoever asks for the coordinator makes its topic.
        self.connection.sendall(wire.request(10, 0, 1, struct.pack(">h", 5) + b"bench"))
        wire.read_frame(self.connection)
        self.members = [Member(self.connection, "bench", f"member-{number:03}", topic)
                        for number in range(members)]
        now = time.monotonic()
        self.due = [(now + HEARTBEAT_MS / 1000 * number / members, number)
                    for number in range(members)]

    def run(self, until, seconds):
        """Runs until the condition holds; the instant at which it did."""
        end = time.monotonic() + seconds
        while not until():
            instant, number = heapq.heappop(self.due)
            assert instant < end, f"not settled within {seconds} s"
            time.sleep(max(0, instant - time.monotonic()))
            again = 0 if self.members[number].beat() else HEARTBEAT_MS / 1000
            heapq.heappush(self.due, (time.monotonic() + again, number))
        return time.monotonic()

    def kill(self, numbers):
        self.due = [entry for entry in self.due if entry[1] not in numbers]
        heapq.heapify(self.due)
        for number in numbers:
            self.members[number].owned = {}

    @property
    def owned(self):
        return sum(member.count for member in self.members)


def settle_after_losing_half(port, topic, partitions, members):
    """Seconds from the end of the last lost member's session until every partition is owned."""
    group = Group(port, topic, members)
    group.run(lambda: group.owned == partitions and all(one.count for one in group.members), 60)
    lost = set(range(0, members, 2))
    group.run(lambda quiet=time.monotonic() + 2: time.monotonic() > quiet, 60)
    group.kill(lost)
    over = time.monotonic() + SESSION_MS / 1000
    return max(0.0, group.run(lambda: group.owned == partitions, 60) - over)
