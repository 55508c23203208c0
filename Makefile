# Martlet: `make start` runs a node, `make test` tests it, `make verify` is what CI runs.
# Every target installs what it lacks on Debian 12 (with sudo when not root) and does nothing when it is there.

SHELL := /bin/bash
export PATH := $(PATH):/opt/swift/usr/bin:/opt/swift/bin

PREFIX ?= /usr/local
BINARY := .build/release/martlet
VENV := .build/venv
# One set of flags for all debug builds of `test` and `verify`, so that nothing is built twice.
STRICT := -Xswiftc -warnings-as-errors --explicit-target-dependency-import-check error
# With Swift's libraries inside: the binary runs where there is no Swift, starts in half the time and needs less memory.
RELEASE := -c release --static-swift-stdlib
SWIFT_SOURCES = $(shell git ls-files 'Package.swift' 'Sources/*.swift' 'Tests/*.swift' \
    'Examples/*.swift' | grep -v /Generated/)
MINUTES ?= 3
JOBS ?= $(shell nproc)
# Two at a time: they mostly wait, for timeouts that clients and brokers have.
CLIENT_TESTS ?= -m "not slow" -n 2 --dist worksteal

.DEFAULT_GOAL := build
.PHONY: build start cluster test test-swift test-clients verify format lint generate \
    check-generated check-docs bench chaos coverage docs simulate simulate-seeds planted marks \
    power-cuts fuzz fuzz-smoke install clean libraries clients

## build: the release binary at .build/release/martlet
build: libraries
	@test -x $(BINARY) || echo "Building Martlet for release. A first build also builds its" \
	    "libraries: about ten minutes on two cores. Later ones take seconds."
	swift build $(RELEASE) --product martlet

## start: a node on localhost:9092 with its data under ./data
start: build
	exec $(BINARY) server

## cluster: three nodes on localhost:9092, :9192 and :9292 until Ctrl-C (docs/OPERATIONS.md)
cluster: build
	exec scripts/cluster

## test: unit tests, then real clients against a release server
test: test-swift test-clients

test-swift: libraries
	@test -d .build/debug || echo "Building the tests. A first build takes several minutes."
	swift build --build-tests $(STRICT)
	swift test --skip-build $(STRICT)

test-clients: build clients
	for example in exactly-once-copy record-pipe; do \
	    swift build $(RELEASE) --product $$example || exit 1; done
	$(VENV)/bin/python -m pytest tests-clients $(CLIENT_TESTS)

## verify: everything that must hold before a change lands
verify: lint test-swift check-generated check-docs simulate-seeds fuzz-smoke test-clients

## format: rewrite the sources as `swift format` wants them
format:
	swift format --in-place --parallel $(SWIFT_SOURCES)

## lint: fail on any source that `swift format` would complain about
lint:
	swift format lint --strict --parallel $(SWIFT_SOURCES)

## generate: write the Swift of every message in Schemas/
generate: libraries
	swift run $(STRICT) protocolgen

check-generated: test-swift
	.build/debug/protocolgen --check

# Seconds, since the modules are built: links of the client's reference and articles lead somewhere.
check-docs: test-swift
	scripts/docs

## bench: measure and print a Markdown table (docs/PERFORMANCE.md)
bench: build clients
	swift build $(RELEASE) --product client-load
	scripts/install-packages gcc libc6-dev librdkafka-dev
	swift build $(RELEASE) --product imagescale
	$(VENV)/bin/python bench/bench.py

## simulate: clusters under faults by seed, for so many minutes
simulate: libraries
	swift build $(RELEASE) --product simulate
	.build/release/simulate --jobs $(JOBS) --minutes $(MINUTES)

## planted: which planted bugs the simulator finds, and after how many seeds (docs/TESTING.md)
planted: libraries
	swift build $(RELEASE) --product simulate -Xswiftc -DPLANTED_BUGS \
	    --scratch-path .build/planted
	.build/planted/release/simulate --planted all --seeds 1...1000 --times 3 --minutes 5

## marks: which rare paths the simulator takes; fails when one is not taken (docs/TESTING.md)
marks: libraries
	swift build $(RELEASE) --product simulate -Xswiftc -DPLANTED_BUGS \
	    --scratch-path .build/planted
	.build/planted/release/simulate --marks --operators --jobs $(JOBS) \
	    --seeds 1...$(or $(SEEDS),2000)

## coverage: which lines of the cores unit tests and simulation reach; fails under 90 % of a core
coverage: libraries
	scripts/coverage

## power-cuts: every power cut at every call to the file system of scripted logs (docs/TESTING.md)
power-cuts: libraries
	swift build --build-tests $(STRICT)
	POWER_CUTS=$(or $(CUTS),256) swift test --skip-build $(STRICT) --filter Crash

# The same seeds each time, so that a change is judged by itself; `make simulate` draws new ones.
simulate-seeds: libraries
	swift build $(RELEASE) --product simulate
	.build/release/simulate --short --jobs $(JOBS) --seeds 1...800
	.build/release/simulate --operators --short --jobs $(JOBS) --seeds 1...200
	.build/release/simulate --operators --jobs $(JOBS) --seeds 1...60
	.build/release/simulate --operators --alone --jobs $(JOBS) --seeds 1...100
	.build/release/simulate --swift-clients --short --jobs $(JOBS) --seeds 1...100
	.build/release/simulate --jobs $(JOBS) --seeds 1...150
	.build/release/simulate --alone --jobs $(JOBS) --seeds 1...300

## fuzz: all that is parsed, with libFuzzer and the address sanitizer, for so many minutes in all
fuzz: libraries
	scripts/fuzz --minutes $(MINUTES)

# A little of it on every change, the same inputs each time: a minute or two, besides the build.
fuzz-smoke: libraries
	scripts/fuzz --runs 20000

## chaos: a cluster of real nodes under faults and load; SEED=, ROUNDS=, NODES=, LONGEST_PAUSE=
chaos: build clients
	swift build $(RELEASE) --product record-pipe
	ROUNDS=$(or $(ROUNDS),200) $(VENV)/bin/python -m pytest -s -m slow tests-clients/test_chaos.py

## docs: the client's reference and articles at .build/docs, by DocC
docs: libraries
	swift build --target MartletClient $(STRICT)
	scripts/docs

## install: the binary and its kafka-* links under PREFIX
install: build
	scripts/install-links $(BINARY) "$(DESTDIR)$(PREFIX)"

## clean: remove all that was built; ./data stays
clean:
	rm -rf .build

libraries:
	@scripts/install-packages libsnappy-dev liblz4-dev libzstd-dev zlib1g-dev openssl

clients:
	@scripts/install-clients
