"""A file through `kcat -P` and back through `kcat -C`, byte for byte, in every codec."""

import filecmp
import subprocess

import pytest

import sample_input

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def round_trip(server, topic, codec, file, back):
    kcat = ["kcat", "-b", server.bootstrap, "-t", topic, "-p", "0"]
    subprocess.run(
        [*kcat, "-P", "-z", codec, "-X", "enable.idempotence=true", "-l", file], check=True)
    with open(back, "wb") as out:
        subprocess.run(
            [*kcat, "-C", "-o", "beginning", "-e", "-q", "-X", "check.crcs=true"],
            stdout=out, check=True)
    assert filecmp.cmp(file, back, shallow=False), f"{back} differs from {file}"


@pytest.mark.parametrize("codec", CODECS)
def test_file_comes_back_unchanged(server, new_topic, tmp_path, codec):
    file = sample_input.make(tmp_path / "lines", 5_000_000)
    round_trip(server, new_topic(), codec, file, tmp_path / "back")


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_large_file_comes_back_unchanged(server, new_topic, tmp_path, codec):
    file = sample_input.make(tmp_path / "lines", 100_000_000)
    round_trip(server, new_topic(), codec, file, tmp_path / "back")


def test_topic_is_created_by_producing(server, tmp_path):
    file = sample_input.make(tmp_path / "lines", 10_000)
    round_trip(server, "made-by-kcat", "none", file, tmp_path / "back")


def test_metadata_listing_names_the_node(server, new_topic):
    topic = new_topic(partitions=3)
    listing = subprocess.run(
        ["kcat", "-b", server.bootstrap, "-L"], check=True, capture_output=True, text=True).stdout
    assert f"at {server.bootstrap} (controller)" in listing
    assert f'topic "{topic}" with 3 partitions' in listing
