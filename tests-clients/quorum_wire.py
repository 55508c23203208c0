"""What the tests ask of a metadata quorum: who votes, and changes of it (KIP-853)."""

import struct

import wire
from wire import varint

CLUSTER_METADATA = b"__cluster_metadata"


def compact(data):
    return varint(len(data) + 1) + data


def ask(port, key, version, body, timeout=10.0):
    """The body of an answer to a flexible request."""
    with wire.connect(port, timeout) as connection:
        connection.sendall(wire.request(key, version, 9, body, flexible=True))
        return wire.read_frame(connection)[5:]


def error_of(answer):
    """The error code of an answer that begins with a throttle time."""
    return struct.unpack_from(">ih", answer)[1]


def add_voter(port, voter, directory, listener, host, listener_port):
    """AddRaftVoter to the active controller; its error code."""
    listeners = b"\2" + compact(listener) + compact(host) + struct.pack(">H", listener_port) + b"\0"
    body = (b"\0" + struct.pack(">ii", 30_000, voter) + directory + listeners + b"\0")
    return error_of(ask(port, 80, 0, body, timeout=40.0))


def remove_voter(port, voter, directory):
    """RemoveRaftVoter to the active controller; its error code."""
    body = b"\0" + struct.pack(">i", voter) + directory + b"\0"
    return error_of(ask(port, 81, 0, body, timeout=40.0))


def voters(port):
    """{voter: its log's end} as the active controller tells; empty when the node is another."""
    body = b"\2" + compact(CLUSTER_METADATA) + b"\2" + struct.pack(">i", 0) + b"\0\0\0"
    answer = ask(port, 55, 0, body)
    at = 2 + 1 + 1 + len(CLUSTER_METADATA) + 1
    if struct.unpack_from(">h", answer)[0] or len(answer) < at + 22:
        return {}
    _, error, _, _, _ = struct.unpack_from(">ihiiq", answer, at)
    if error:
        return {}
    at += 22
    found = {}
    for _ in range(answer[at] - 1):
        voter, end = struct.unpack_from(">iq", answer, at + 1)
        found[voter] = end
        at += 13
    return found
