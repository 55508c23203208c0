"""Limits of connections and of memory: at each of them, and one past it."""

import struct
import threading

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

import wire
from martlet_server import wait_for

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
