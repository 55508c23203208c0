"""A real `martlet server` on a free port over a directory of the test's."""

import os
import pathlib
import random
import signal
import socket
import subprocess
import time

import wire

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("MARTLET", ROOT / ".build/release/martlet"))
TICKS = os.sysconf("SC_CLK_TCK")


# Below those that the system gives to outgoing connections, which might have one by the time that a
# server opens it. Each is given out once, and to one only of the workers that run tests side by side:
# what is free now may be that of a server which another worker starts again in a moment.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
OWN_PORTS = range(10_000 + WORKER, 32_768, WORKERS)
PORTS = iter(random.SystemRandom().sample(OWN_PORTS, len(OWN_PORTS)))


def free_port():
    for port in PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no port is free")


def wait_for(condition, what, seconds=30.0):
    """Polls until the condition holds and returns its value; fails with `what` after the time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.002)


class Server:
    """One node. `start` returns once it answers ApiVersions; its output is in `output`."""

    orderly_exit = 0

    def __init__(self, folder, port=None, **overrides):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.output = self.folder / "server.out"
        self.overrides = {
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "log.dirs": str(self.folder / "data"),
        } | {key.replace("_", "."): str(value) for key, value in overrides.items()}
        self.process = None

    @property
    def bootstrap(self):
        return f"127.0.0.1:{self.port}"

    def command(self):
        flags = [x for pair in self.overrides.items() for x in ("--override", "=".join(pair))]
        return [str(BINARY), "server", *flags]

    def spawn(self):
        with open(self.output, "ab") as output:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                cwd=self.folder)

    def start(self, seconds=30.0):
        """Starts the node; returns the seconds until it answered ApiVersions."""
        begun = time.monotonic()
        self.spawn()
        wait_for(self.answers, f"answer from {self.bootstrap}:\n{self.tail()}", seconds)
        return time.monotonic() - begun

    def answers(self):
        assert self.process.poll() is None, f"the server ended:\n{self.tail()}"
        try:
            return wire.api_versions(self.port)
        except OSError:
            return None

    def stop(self, seconds=30.0):
        """An orderly stop, which must end with the exit code of one."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"SIGTERM did not stop it within {seconds} s:\n{self.tail()}")
        assert code == self.orderly_exit, f"exit code {code}:\n{self.tail()}"

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def tail(self, lines=30):
        text = self.output.read_text(errors="replace") if self.output.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def resident_bytes(self):
        return self._status_bytes("VmRSS:")

    def peak_resident_bytes(self):
        """The most that it ever had."""
        return self._status_bytes("VmHWM:")

    def _status_bytes(self, key):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1024
        raise AssertionError("the server is gone")

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / TICKS

    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))
