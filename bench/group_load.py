"""Groups and offset commits for bench.py, spoken on bare sockets: what is measured is the server."""

import struct

import wire


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


def commit_request(group, topic, partition, offset):
    """A framed OffsetCommit of a client outside of any group, version 2."""
    body = text(group) + struct.pack(">i", -1) + text("") + struct.pack(">qi", -1, 1)
    body += text(topic) + struct.pack(">iiq", 1, partition, offset) + text("")
    return wire.request(8, 2, 0, body)


def heartbeat_request(group, member, generation=1):
    """A framed Heartbeat, version 0: the error is all that its answer has."""
    return wire.request(12, 0, 0, text(group) + struct.pack(">i", generation) + text(member))


def join_request(group):
    """A framed JoinGroup of a new member, version 2: it needs no second round."""
    metadata = struct.pack(">hi", 0, 0) + struct.pack(">i", -1)
    body = text(group) + struct.pack(">ii", 60_000, 60_000) + text("") + text("consumer")
    body += struct.pack(">i", 1) + text("range") + struct.pack(">i", len(metadata)) + metadata
    return wire.request(11, 2, 0, body)


def joined(answer):
    """(generation, leader, member) of a JoinGroup answer, version 2."""
    _, _, error, generation = struct.unpack_from(">iihi", answer)
    assert error == 0, error
    at = 14
    names = []
    for _ in range(3):
        (length,) = struct.unpack_from(">h", answer, at)
        names.append(answer[at + 2:at + 2 + length].decode())
        at += 2 + length
    _, leader, member = names
    return generation, leader, member


def sync_request(group, generation, member, assigned=()):
    """A framed SyncGroup, version 0; a leader assigns nothing to each of `assigned`."""
    body = text(group) + struct.pack(">i", generation) + text(member)
    body += struct.pack(">i", len(assigned))
    for one in assigned:
        body += text(one) + struct.pack(">i", 0)
    return wire.request(14, 0, 0, body)


def found_coordinator(port, group):
    """Waits until the node coordinates the group."""
    with wire.connect(port, 60) as connection:
        while True:
            connection.sendall(wire.request(10, 0, 0, text(group)))
            (error,) = struct.unpack_from(">h", wire.read_frame(connection), 4)
            connection.sendall(heartbeat_request(group, "nobody"))
            (beat,) = struct.unpack_from(">h", wire.read_frame(connection), 4)
            # A shard that loads answers heartbeats without an error, one that serves knows nobody.
            if error == 0 and beat == 25:
                return


def form_groups(port, count, size, batch=100):
    """Makes stable groups of so many members each; a framed Heartbeat for each member.

    Groups are made a batch at a time, so that all members of a group join within the delay of its
    first generation.
    """
    for number in range(min(count, 200)):
        found_coordinator(port, f"group-{number}")
    connections = [wire.connect(port, 60) for _ in range(size)]
    frames = []
    for first in range(0, count, batch):
        groups = [f"group-{number}" for number in range(first, min(first + batch, count))]
        joins = b"".join(join_request(group) for group in groups)
        for connection in connections:
            connection.sendall(joins)
        answers = [[joined(wire.read_frame(one)) for _ in groups] for one in connections]
        for index, group in enumerate(groups):
            generation, leader, _ = answers[0][index]
            members = [answer[index][2] for answer in answers]
            for connection, member in zip(connections, members):
                assigned = members if member == leader else ()
                connection.sendall(sync_request(group, generation, member, assigned))
            frames += [heartbeat_request(group, member, generation) for member in members]
        for connection in connections:
            for _ in groups:
                (error,) = struct.unpack_from(">h", wire.read_frame(connection), 4)
                assert error == 0, error
    for connection in connections:
        connection.close()
    return frames
