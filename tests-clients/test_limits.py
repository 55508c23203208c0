"""Limits of connections and of memory: at each of them, and one past it."""

import struct
import threading
import time

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

import wire
from martlet_server import free_port, wait_for

MIB = 1 << 20


def answers(connection):
    """Whether the server answers on this connection; False once it has closed it."""
    try:
        connection.sendall(wire.request(18, 0, 7, b""))
        return len(wire.read_frame(connection)) > 0
    except ConnectionError:
        return False


def started(new_server, **settings):
    server = new_server(**settings)
    server.start()
    return server


def take(server, count):
    """So many connections that are answered; those of earlier probes may still end meanwhile."""

    def attempt():
        held = [wire.connect(server.port) for _ in range(count)]
        if all([answers(one) for one in held]):
            return held
        for one in held:
            one.close()

    return wait_for(attempt, f"{count} connections")


def test_an_address_has_its_number_of_connections(new_server):
    server = started(new_server, max_connections_per_ip=3)
    held = take(server, 3)
    assert not answers(wire.connect(server.port))
    held.pop().close()
    held += take(server, 1)
    assert not answers(wire.connect(server.port))
    server.stop()


def test_in_all_there_are_so_many_connections(new_server):
    server = started(new_server, max_connections=2)
    held = take(server, 2)
    third = wire.connect(server.port, timeout=0.5)
    third.sendall(wire.request(18, 0, 7, b""))
    with pytest.raises(TimeoutError):
        wire.read_frame(third)
    held.pop().close()
    third.settimeout(10)
    assert wire.read_frame(third)
    server.stop()


def opened(port, count):
    """So many connections one after the other, and how long it takes until all are answered."""
    begun = time.monotonic()
    held = [wire.connect(port, timeout=20) for _ in range(count)]
    assert all([answers(one) for one in held])
    return time.monotonic() - begun, held


def test_new_connections_come_at_their_rate(new_server):
    server = started(new_server, max_connection_creation_rate=10)
    # At most a second's worth at once, and the rest one by one.
    took, _ = opened(server.port, 30)
    assert took > 1.9
    server.stop()


def test_a_listener_has_its_own_limits(new_server):
    other = free_port()
    server = new_server(**{
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,OTHER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "listener.name.other.max.connections": 2})
    server.overrides["listeners"] += f",OTHER://127.0.0.1:{other}"
    server.start()
    _, held = opened(other, 1)
    _, more = opened(other, 1)
    third = wire.connect(other, timeout=0.5)
    third.sendall(wire.request(18, 0, 7, b""))
    with pytest.raises(TimeoutError):
        wire.read_frame(third)
    opened(server.port, 5)
    held.pop().close()
    third.settimeout(10)
    assert wire.read_frame(third)
    server.stop()


def set_quota(port, kind, name, key, value):
    """AlterClientQuotas of one entity."""

    def text(data):
        return struct.pack(">h", len(data)) + data

    one = struct.pack(">i", 1)
    body = one + one + text(kind) + text(name) + one + text(key) + struct.pack(">d??", value, False, False)
    with wire.connect(port) as connection:
        connection.sendall(wire.request(49, 0, 3, body))
        _, _, entries, error = struct.unpack_from(">iiih", wire.read_frame(connection))
        assert (entries, error) == (1, 0)


def test_an_address_opens_connections_at_its_rate(new_server):
    server = started(new_server)
    set_quota(server.port, b"ip", b"127.0.0.1", b"connection_creation_rate", 2)
    wait_for(lambda: not all([answers(wire.connect(server.port)) for _ in range(4)]),
             "end of connections beyond the rate")
    wait_for(lambda: answers(wire.connect(server.port)), "connection at the rate")
    server.stop()


def test_idle_connections_are_closed(new_server):
    server = started(new_server, connections_max_idle_ms=1000)
    connection = wire.connect(server.port, timeout=20)
    assert answers(connection)
    assert connection.recv(1) == b""
    server.stop()


def test_large_requests_and_answers_are_served_in_turn(server):
    """Metadata of so many unknown topics that both count as held memory."""
    names = [b"unknown-%030d" % number for number in range(5000)]
    body = struct.pack(">i", len(names)) + b"".join(struct.pack(">h", len(name)) + name for name in names) + b"\0"
    frame = wire.request(3, 4, 5, body)
    with wire.connect(server.port) as connection:
        for _ in range(3):
            connection.sendall(frame + frame)
            for _ in range(2):
                answer = wire.read_frame(connection)
                assert len(answer) > 5000 * 38 and names[-1] in answer


def produce_frame(size):
    return wire.produce("t", 0, BATCHES.setdefault(size, wire.record_batch([b"x" * size])))


BATCHES = {}


def with_topic(server):
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    admin.create_topics([NewTopic("t", 1, 1)])["t"].result(30)


def test_large_frames_of_many_share_the_memory(new_server):
    """200 MB at once where there is room for 16: all are served, in turn."""
    server = started(new_server, martlet_memory_max=16 * MIB)
    with_topic(server)
    frame = produce_frame(MIB * 15 // 16)
    connections = [wire.connect(server.port, timeout=60) for _ in range(200)]
    before = server.resident_bytes()
    failures = []

    def send(connection):
        try:
            half = len(frame) // 2
            connection.sendall(frame[:half])
            connection.sendall(frame[half:])
            if wire.produce_result(wire.read_frame(connection))[0] != 0:
                failures.append("refused")
        except OSError as error:
            failures.append(repr(error))

    threads = [threading.Thread(target=send, args=(one,)) for one in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    grown = server.peak_resident_bytes() - before
    # The limit, and what each connection may hold before it is told to wait.
    assert grown < 96 * MIB
    server.stop()


def test_those_who_hold_memory_and_stop_do_not_stop_others(new_server):
    server = started(new_server, martlet_memory_max=16 * MIB)
    with_topic(server)
    frame = produce_frame(MIB * 15 // 16)
    stalled = [wire.connect(server.port, timeout=30) for _ in range(20)]
    for one in stalled:
        one.setblocking(False)
        try:
            one.send(frame[:-1])
        except BlockingIOError:
            pass
    # A small user is served at once, a large one once a stalled one was closed.
    with wire.connect(server.port) as small:
        assert answers(small)
    with wire.connect(server.port, timeout=60) as large:
        large.sendall(frame)
        assert wire.produce_result(wire.read_frame(large))[0] == 0
    for one in stalled:
        one.close()
    server.stop()
