"""A file of real lines: package indexes, licences and this repository's text, repeated with numbers."""

import glob
import itertools
import pathlib

SOURCES = ["/var/lib/apt/lists/*_Packages", "/var/lib/dpkg/status",
           "/usr/share/common-licenses/*", str(pathlib.Path(__file__).parent / "*.py")]


def make(path, size):
    """Writes at least `size` bytes of non-empty UTF-8 lines, each with its number in front."""
    lines = [line for pattern in SOURCES for name in sorted(glob.glob(pattern))
             for line in pathlib.Path(name).read_bytes().splitlines() if line.strip()]
    written = 0
    with open(path, "wb") as out:
        for number, line in enumerate(itertools.cycle(lines)):
            written += out.write(b"%d %s\n" % (number, line))
            if written >= size:
                return path
