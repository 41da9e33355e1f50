"""Measure what the first pass over a mapped file costs, and what else could be done.

A file is made in each folder and read by threads in several ways, each way with a new mapping: by
plain faults; with all threads giving the pages back at the end (MADV_DONTNEED), which is what the
core does; with the next chunks asked for (MADV_WILLNEED); populated piece by piece before it is
read (MADV_POPULATE_READ); with huge pages asked for (MADV_HUGEPAGE); and by pread() into a small
buffer. The ways take turns, and what each takes is set beside the second pass over a mapping in the
same round: time of the first pass, and processor time of the first pass and of unmapping.

    python bench/first_touch.py                           # /dev/shm and this folder
    python bench/first_touch.py FOLDER --cold             # from the disk
    python bench/first_touch.py --threads 1 8 --megabytes 4096
"""

from __future__ import annotations

import argparse
import ctypes
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from machine import compiled

KB, MB = 1 << 10, 1 << 20
FAULTS, POPULATE, HUGE, PREAD, GIVE_BACK, AHEAD = range(6)
WAYS = {
    "faults": (FAULTS, MB),
    "threads unmap": (GIVE_BACK, MB),
    "read ahead": (AHEAD, MB),
    "populate 64 KB": (POPULATE, 64 * KB),
    "populate 1 MB": (POPULATE, MB),
    "populate 8 MB": (POPULATE, 8 * MB),
    "huge pages": (HUGE, MB),
    "pread 64 KB": (PREAD, 64 * KB),
    "pread 256 KB": (PREAD, 256 * KB),
    "pread 1 MB": (PREAD, MB),
}


class _Took(ctypes.Structure):
    _fields_ = (("wall", ctypes.c_double), ("processor", ctypes.c_double))


_Rounds = list[tuple[float, float]]  # seconds of the clock, and of all processors


@dataclass
class Measured:
    """What the passes of one way took, round by round."""

    first: _Rounds = field(default_factory=list)
    second: _Rounds = field(default_factory=list)
    unmapping: _Rounds = field(default_factory=list)


def touch(path: Path, way: tuple[int, int], threads: int, cold: bool) -> list[_Took]:
    """Read a file twice; raise OSError where the way is refused."""
    took = (_Took * 3)()
    total = ctypes.c_uint64()
    kind, piece = way
    error = compiled("first_touch.c").touch_file(
        os.fsencode(path),
        kind,
        ctypes.c_uint64(piece),
        threads,
        int(cold),
        took,
        ctypes.byref(total),
    )
    if error:
        raise OSError(error, os.strerror(error))
    if total.value != EXPECTED.setdefault(path, total.value):
        raise AssertionError(f"{path}: what was read differs from pass to pass")
    return list(took)


EXPECTED: dict[Path, int] = {}  # the sum of each file


def measure(path: Path, threads: int, rounds: int, cold: bool) -> dict[str, Measured | OSError]:
    """Measure all ways in turn."""
    found: dict[str, Measured | OSError] = {name: Measured() for name in WAYS}
    for _ in range(rounds):
        for name, way in WAYS.items():
            measured = found[name]
            if isinstance(measured, OSError):
                continue
            try:
                first, second, unmapping = touch(path, way, threads, cold)
            except OSError as refused:
                found[name] = refused
                continue
            measured.first.append((first.wall, first.processor))
            measured.second.append((second.wall, second.processor))
            measured.unmapping.append((unmapping.wall, unmapping.processor))
    return found


@contextmanager
def made_file(folder: Path, megabytes: int) -> Iterator[Path]:
    """Make a file of random bytes that goes when the block ends."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix="first-touch-") as file:
        block = os.urandom(MB)
        for _ in range(megabytes):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
        yield Path(file.name)


def spread(numbers: list[float], digits: int) -> str:
    """Tell the median, the least and the most."""
    return f"{median(numbers):.{digits}f} ({min(numbers):.{digits}f} to {max(numbers):.{digits}f})"


def lines(found: dict[str, Measured | OSError], gigabytes: float) -> Iterator[str]:
    """Tell what each way took, beside the second pass over a mapping of the same round."""
    settled = found["faults"]
    assert isinstance(settled, Measured)
    headings = ("GB/s", "time, second pass = 1", "processor and unmapping", "unmapping, ms/GB")
    yield " " * 16 + "".join(f"{heading:>26}" for heading in headings)
    yield _line("second pass", settled.second, settled.second, settled.second, gigabytes)
    for name, measured in found.items():
        if isinstance(measured, OSError):
            yield f"{name:16}  refused: {measured.strerror}"
            continue
        whole = [
            (first[0], first[1] + last[1])
            for first, last in zip(measured.first, measured.unmapping, strict=True)
        ]
        unmapping = [1e3 * wall / gigabytes for wall, _ in measured.unmapping]
        line = _line(name, measured.first, whole, settled.second, gigabytes)
        yield line + f"{spread(unmapping, 1):>26}"


def _line(name: str, took: _Rounds, whole: _Rounds, settled: _Rounds, gigabytes: float) -> str:
    columns = (
        spread([gigabytes / wall for wall, _ in took], 1),
        spread([a[0] / b[0] for a, b in zip(took, settled, strict=True)], 2),
        spread([a[1] / b[1] for a, b in zip(whole, settled, strict=True)], 2),
    )
    return f"{name:16}" + "".join(f"{column:>26}" for column in columns)


def main() -> None:
    """Print a table for each folder and number of threads."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folders", metavar="FOLDER", nargs="*", type=Path)
    parser.add_argument("--megabytes", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="+")
    parser.add_argument(
        "--cold", action="store_true", help="drop the file's pages before each pass"
    )
    options = parser.parse_args()
    threads = options.threads or sorted({1, len(os.sched_getaffinity(0))})
    for folder in options.folders or (Path("/dev/shm"), Path()):
        with made_file(folder, options.megabytes) as path:
            for number in threads:
                print(
                    f"\n{folder.resolve()}, {options.megabytes} MB, {number} threads"
                    + ", cold" * options.cold
                )
                found = measure(path, number, options.rounds, options.cold)
                for line in lines(found, options.megabytes * MB / 1e9):
                    print(line, flush=True)


if __name__ == "__main__":
    main()
