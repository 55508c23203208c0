"""A TCP proxy that cuts connections: of everybody, or of one node, told by its client id."""

import selectors
import socket
import struct
import threading

CHUNK = 1 << 16


class FaultProxy:
    """Forwards 127.0.0.1:`port` to 127.0.0.1:`target` until it is told to cut."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.links = {}  # socket -> its other end
        self.senders = {}  # the client's socket -> its client id
        self.everybody, self.refused = False, set()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.wake, self.woken = socket.socketpair()
        self.selector.register(self.woken, selectors.EVENT_READ)
        self.closing = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    # What a test does.

    def cut(self, node=None):
        """Breaks and refuses the connections of everybody, or of node `node` alone."""
        with self.lock:
            if node is None:
                self.everybody = True
            else:
                self.refused.add(client_id(node))
        self.wake.send(b"x")

    def heal(self):
        with self.lock:
            self.everybody, self.refused = False, set()

    def close(self):
        self.closing = True
        self.wake.send(b"x")
        self.thread.join()
        self.listener.close()

    # The thread.

    def run(self):
        while not self.closing:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    self.accept()
                elif key.fileobj is self.woken:
                    self.woken.recv(CHUNK)
                    self.break_links()
                elif key.fileobj in self.links:
                    self.forward(key.fileobj)
        for end in list(self.links):
            self.drop(end)

    def is_cut(self, sender):
        with self.lock:
            return self.everybody or sender in self.refused

    def accept(self):
        client, _ = self.listener.accept()
        if self.is_cut(None):
            return reset(client)
        try:
            server = socket.create_connection(("127.0.0.1", self.target), timeout=1)
        except OSError:
            return reset(client)
        server.settimeout(None)
        for one, other in ((client, server), (server, client)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.links[one] = other
            self.selector.register(one, selectors.EVENT_READ)
        self.senders[client] = None

    def forward(self, end):
        try:
            data = end.recv(CHUNK)
        except OSError:
            data = b""
        if not data:
            return self.drop(end, broken=False)
        if end in self.senders and self.senders[end] is None:
            self.senders[end] = sender_of(data)
            if self.is_cut(self.senders[end]):
                return self.drop(end)
        try:
            self.links[end].sendall(data)
        except OSError:
            self.drop(end)

    def break_links(self):
        for client, sender in list(self.senders.items()):
            if self.is_cut(sender):
                self.drop(client)

    def drop(self, end, broken=True):
        other = self.links.pop(end, None)
        if other is None:
            return
        self.links.pop(other, None)
        for one in (end, other):
            self.selector.unregister(one)
            self.senders.pop(one, None)
            reset(one) if broken else one.close()


def client_id(node):
    """What a node calls itself in its requests to others."""
    return f"broker-{node}"


def sender_of(data):
    """The client id of a first request; empty when it cannot be told."""
    if len(data) < 14:
        return ""
    length = struct.unpack(">h", data[12:14])[0]
    return data[14:14 + max(length, 0)].decode(errors="replace")


def reset(connection):
    """Closes with a reset, as a machine does that has gone."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    connection.close()
