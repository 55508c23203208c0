"""Runs members of a consumer group as processes and checks what they tell.

What must hold: no partition has two owners at a time; every record is read; a member begins where
the last acknowledged commit says, or where one in flight says that was sent after it.
"""

import collections
import json
import os
import signal
import subprocess
import sys
import threading
import time

import confluent_kafka

from martlet_server import BINARY, ROOT, wait_for


class Member:
    """A process that is a member of a group; see group_member.py."""

    def __init__(self, folder, name, command, joins_blindly=False):
        self.name, self.joins_blindly = name, joins_blindly
        self.path = folder / f"{name}.events"
        self.errors = folder / f"{name}.errors"
        with open(self.path, "wb") as events, open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=events, stderr=errors)
        self.ended = None

    def events(self):
        lines = self.path.read_bytes().split(b"\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith(b"{")]

    def owned(self):
        """What it owns by what it has told, an empty set before its first assignment."""
        owned = set()
        for event in self.events():
            if event["do"] == "assigned":
                owned |= set(event["partitions"])
            elif event["do"] in ("revoked", "lost"):
                owned -= set(event["partitions"])
        return owned

    def crash(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.ended = self.ended or time.monotonic()

    def leave(self, seconds=60):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(seconds) in (0, 143), self.errors.read_text()[-2000:]
        self.ended = self.ended or time.monotonic()


class Feed:
    """Produces numbered records to all partitions of a topic until it is stopped."""

    def __init__(self, bootstrap, topic, partitions, rate=400):
        self.ends = {partition: 0 for partition in range(partitions)}
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5,
            "reconnect.backoff.max.ms": 500})
        self.topic, self.rate, self.stopping = topic, rate, False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        number = 0
        while not self.stopping:
            for _ in range(max(1, self.rate // 50)):
                partition = number % len(self.ends)
                self.producer.produce(
                    self.topic, b"%d" % number, partition=partition, on_delivery=self.delivered)
                number += 1
            self.producer.poll(0.02)

    def delivered(self, error, message):
        assert error is None, error
        self.ends[message.partition()] = max(
            self.ends[message.partition()], message.offset() + 1)

    def stop(self):
        self.stopping = True
        self.thread.join()
        assert self.producer.flush(60) == 0
        return self.ends


class Group:
    """A group over one topic, whose members come and go."""

    def __init__(self, bootstrap, group, topic, partitions, folder, java=None):
        self.bootstrap, self.group, self.topic = bootstrap, group, topic
        self.partitions, self.folder, self.java = partitions, folder, java
        self.members = []

    def start(self, client, **settings):
        dotted = client in ("confluent", "java", "swift")
        pairs = [f"{key.replace('_', '.') if dotted else key}={value}"
                 for key, value in settings.items()]
        arguments = [self.bootstrap, self.group, self.topic, *pairs]
        if client == "java":
            command = [*self.java.command("GroupMember"), *arguments]
        elif client == "swift":
            command = [BINARY.parent / "record-pipe", "member", *arguments]
        else:
            program = ROOT / "tests-clients/group_member.py"
            command = [sys.executable, str(program), client, *arguments]
        name = f"{self.group}-{len(self.members)}-{client}"
        joins_blindly = client == "confluent" and settings.get("group_protocol") == "consumer"
        self.members.append(Member(self.folder, name, command, joins_blindly))
        return self.members[-1]

    @property
    def alive(self):
        return [one for one in self.members if one.ended is None]

    def settle(self, seconds=60):
        """Waits until the living members together own every partition, each of them once."""

        def is_settled():
            owned = [one.owned() for one in self.alive]
            together = set().union(*owned)
            return (len(together) == self.partitions
                    and sum(map(len, owned)) == self.partitions
                    and (len(owned) > self.partitions or all(owned)))

        def state():
            return {one.name: sorted(one.owned()) for one in self.alive}

        deadline = time.monotonic() + seconds
        while not is_settled():
            for one in self.alive:
                assert one.process.poll() is None, one.errors.read_text()[-2000:]
            assert time.monotonic() < deadline, f"not settled within {seconds} s: {state()}"
            time.sleep(0.02)

    def wait_until_read(self, ends, seconds=60):
        """Waits until every record below `ends` (by partition) has been read."""
        wait_for(lambda: not self.unread(ends), f"records {self.unread(ends)}", seconds)

    def unread(self, ends):
        """Records that nobody has read: how many by partition."""
        seen = collections.defaultdict(set)
        for one in self.members:
            for event in one.events():
                for partition, first, last in event.get("ranges", []):
                    seen[partition].update(range(first, last + 1))
        missing = {p: len(set(range(end)) - seen[p]) for p, end in ends.items()}
        return {p: count for p, count in missing.items() if count}

    def longest_pause(self, began, ended):
        """The longest time between `began` and `ended` in which nobody read anything."""
        times = sorted(event["t"] for one in self.members for event in one.events()
                       if event["do"] == "read" and began <= event["t"] <= ended)
        return max(b - a for a, b in zip([began, *times], [*times, ended]))

    def stop(self):
        """Ends all members at once, whatever state they are in."""
        for one in self.members:
            one.crash()

    # What must hold

    def check(self):
        self.check_owners()
        self.check_commits()

    def check_owners(self):
        """No partition has two owners at a time.

        But for what librdkafka (2.16) takes when it joins by the consumer protocol: its next
        heartbeat says that it has nothing yet, and it takes what it was given all the same. Where
        the group's target has changed by then, the coordinator, Kafka's too, believes the heartbeat
        and gives the partition on.
        """
        spans = collections.defaultdict(list)
        excused = set()
        for one in self.members:
            since = {}
            joins_blindly = one.joins_blindly
            for event in one.events():
                if event["do"] == "assigned":
                    since |= {p: event["t"] for p in event["partitions"]}
                    if joins_blindly:
                        excused |= {(one.name, p, event["t"]) for p in event["partitions"]}
                    joins_blindly = False
                elif event["do"] in ("revoked", "lost"):
                    for p in event["partitions"]:
                        if p in since:
                            spans[p].append((since.pop(p), event["t"], one.name))
            for p, start in since.items():
                spans[p].append((start, one.ended or float("inf"), one.name))
        for p, owners in spans.items():
            owners.sort()
            for before, after in zip(owners, owners[1:]):
                start, end, name = before
                assert end <= after[0] or (name, p, start) in excused, (
                    f"partition {p} has two owners: {before} {after}")

    def check_commits(self):
        """Who takes over a partition begins at its committed offset."""
        events = sorted(
            ((event["t"], index, event) for index, one in enumerate(self.members)
             for event in one.events()), key=lambda one: one[:2])
        acknowledged = collections.defaultdict(int)
        sent = collections.defaultdict(int)
        fresh = {}
        for _, index, event in events:
            if event["do"] == "assigned":
                fresh |= {(index, p): True for p in event["partitions"]}
            elif event["do"] == "committing":
                for p, end in event["ends"].items():
                    sent[int(p)] = max(sent[int(p)], end)
            elif event["do"] == "committed":
                for p, end in event["ends"].items():
                    assert end >= acknowledged[int(p)], (p, event)
                    acknowledged[int(p)] = end
            for p, first, last in event.get("ranges", []):
                if fresh.pop((index, p), False):
                    assert acknowledged[p] <= first <= sent[p], (
                        f"{self.members[index].name} begins with {first} of partition {p}: "
                        f"{acknowledged[p]} is committed, {sent[p]} was sent")
        return acknowledged
