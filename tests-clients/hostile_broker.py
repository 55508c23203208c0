"""A broker that means harm: it greets as brokers do, then answers one API as an attack says."""

import socket
import struct
import threading

from wire import read_exactly

PRODUCE, FETCH, LIST_OFFSETS, METADATA, HANDSHAKE, VERSIONS, INIT_PRODUCER, SASL = (
    0, 1, 2, 3, 17, 18, 22, 36)
# Old versions, without tags: what is sent can be read here.
SERVED = {PRODUCE: (3, 3), FETCH: (4, 4), LIST_OFFSETS: (1, 1), METADATA: (4, 4), HANDSHAKE: (1, 1),
          VERSIONS: (0, 3), INIT_PRODUCER: (0, 0), SASL: (0, 0)}


def text(value):
    return struct.pack(">h", len(value)) + value


class HostileBroker:
    """`attacks` has, by API, what makes of a request's body the pieces that are sent for an answer:
    bytes behind the correlation id, or `Raw`."""

    class Raw(bytes):
        """Sent as it is, without a length or a correlation id."""

    # In the place of a piece: nothing more is sent until the client goes away.
    NOTHING = object()

    def __init__(self, attacks, mechanisms=()):
        self.attacks = attacks
        self.mechanisms = mechanisms
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.bootstrap = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        # Wakes the thread that accepts.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                while True:
                    (size,) = struct.unpack(">i", read_exactly(connection, 4))
                    key, version, correlation, name = struct.unpack(
                        ">hhih", read_exactly(connection, 10))
                    body = read_exactly(connection, size - 10)[max(name, 0):]
                    answer = self.attacks.get(key) or self.usual(key, version)
                    for piece in answer(body):
                        if piece is self.NOTHING:
                            while connection.recv(4096):
                                pass
                            return
                        if not isinstance(piece, self.Raw):
                            piece = struct.pack(">ii", 4 + len(piece), correlation) + piece
                        connection.sendall(piece)
            except (OSError, ConnectionError):
                pass

    def usual(self, key, version):
        return {
            VERSIONS: self.too_new if version > 0 else self.versions, METADATA: self.metadata, HANDSHAKE: self.handshake,
            LIST_OFFSETS: lambda _: [one(struct.pack(">ihqq", 0, 0, -1, 0))],
            INIT_PRODUCER: lambda _: [struct.pack(">ihqh", 0, 0, 7, 0)],
            PRODUCE: lambda _: [one(struct.pack(">ihqq", 0, 0, 0, -1)) + bytes(4)],
            FETCH: lambda _: [fetched(b"")],
        }[key]

    def too_new(self, _):
        # The client asks again, in version 0.
        return [struct.pack(">hi", 35, 0)]

    def versions(self, _):
        keys = b"".join(struct.pack(">hhh", key, *range) for key, range in SERVED.items())
        return [struct.pack(">hi", 0, len(SERVED)) + keys]

    def metadata(self, _):
        host = struct.pack(">i", 1) + text(b"127.0.0.1") + struct.pack(">ih", self.port, -1)
        partition = struct.pack(">hiiiiii", 0, 0, 1, 1, 1, 1, 1)
        topic = struct.pack(">h", 0) + text(b"t") + struct.pack(">bi", 0, 1) + partition
        return [struct.pack(">ii", 0, 1) + host + struct.pack(">hii", -1, 1, 1) + topic]

    def handshake(self, _):
        return [struct.pack(">hi", 0, len(self.mechanisms)) + b"".join(map(text, self.mechanisms))]


def one(partition):
    """An array of the topic `t` with this one partition."""
    return struct.pack(">i", 1) + text(b"t") + struct.pack(">i", 1) + partition


def fetched(records):
    """The answer to Fetch with these bytes of records."""
    return bytes(4) + one(
        struct.pack(">ihqqii", 0, 0, 1 << 40, 1 << 40, 0, len(records)) + records)
