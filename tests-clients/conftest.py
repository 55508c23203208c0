import itertools
import subprocess

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from cluster import Cluster
from martlet_server import BINARY, ROOT, Server

names = itertools.count(1)


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: minutes long; run by hand with -m slow")


def pytest_sessionstart(session):
    if not BINARY.exists():
        raise pytest.UsageError(f"{BINARY} is not there: run `make build` first")


@pytest.fixture
def new_server(tmp_path):
    """Makes servers that are killed, if still alive, when the test ends."""
    servers = []

    def make(name="node", **settings):
        servers.append(Server(tmp_path / name, **settings))
        return servers[-1]

    yield make
    for server in servers:
        server.kill()


@pytest.fixture
def new_cluster(tmp_path):
    """Makes clusters whose nodes are killed, if still alive, when the test ends."""
    clusters = []

    def make(size=3, name="cluster", **settings):
        clusters.append(Cluster(tmp_path / name, size, **settings))
        return clusters[-1]

    yield make
    for cluster in clusters:
        cluster.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The server that most tests share; its orderly stop is part of the test run."""
    server = Server(tmp_path_factory.mktemp("shared"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def admin(server):
    return AdminClient({"bootstrap.servers": server.bootstrap})


@pytest.fixture
def new_topic(admin):
    """Creates a topic of a fresh name and returns the name."""

    def create(partitions=1, **configs):
        name = f"topic-{next(names)}"
        settings = {key.replace("_", "."): str(value) for key, value in configs.items()}
        wanted = NewTopic(name, partitions, 1, config=settings)
        admin.create_topics([wanted])[name].result(30)
        return name

    return create


class Java:
    """The programs of tests-clients/java, compiled once."""

    def __init__(self, classes):
        self.path = f"{classes}:{ROOT}/.build/java/*"
        sources = sorted(str(path) for path in (ROOT / "tests-clients/java").glob("*.java"))
        subprocess.run(["javac", "-cp", self.path, "-d", classes, *sources], check=True)

    def command(self, program):
        return ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", self.path, program]

    def __call__(self, program, *arguments, timeout=120):
        """Runs a program to its end: java("ReadTopic", *arguments) -> its output."""
        command = [*self.command(program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout


@pytest.fixture(scope="session")
def java(tmp_path_factory):
    return Java(tmp_path_factory.mktemp("classes"))
