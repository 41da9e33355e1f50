"""Time and memory of whole commands on models of very many small tensors.

Each model is made in a temporary folder and taken away again. A command runs in a process of its
own, whose processor time and peak memory are those that the system reports.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing import Process
from pathlib import Path

from workloads import FORMATS, gaussian, write_tensors

SHAPE = (2, 64)
MOST_IN_FILE = 500_000
"""A header may have 100 MB, which is a million names of usual length."""


def expert_names(count: int) -> list[str]:
    """Return names of experts in a hundred blocks, in the order of text, as most are stored."""
    each = -(-count // 100)
    return sorted(
        f"model.layers.{i // each}.mlp.experts.{i % each}.up_proj.weight" for i in range(count)
    )


def unlike_names(count: int) -> list[str]:
    """Return names of which no two follow one pattern."""
    return [f"{i * 0x9E3779B97F4A7C15 % 2**96:024x}.weight" for i in range(count)]


NAMES = {"experts": expert_names, "no pattern": unlike_names}
COMMANDS = (
    ("ls",),
    ("ls", "--format", "csv"),
    ("fit", "--threads", "1"),
    ("fit", "--threads", "1", "--format", "csv"),
    ("fit", "--threads", "1", "--json"),
)


def write_model(folder: Path, kind: str, count: int) -> None:
    """Write a Gaussian matrix for each name of a kind, in as many files as it takes."""
    names = NAMES[kind](count)
    files = -(-len(names) // MOST_IN_FILE)
    for number in range(files):
        part = names[number * MOST_IN_FILE : (number + 1) * MOST_IN_FILE]
        values = gaussian(FORMATS["BF16"], 2 * SHAPE[0] * SHAPE[1] * len(part))
        rows = values.reshape(len(part), *SHAPE)
        write_tensors(
            folder / f"model-{number + 1:05d}-of-{files:05d}.safetensors",
            {name: ("BF16", SHAPE, row) for name, row in zip(part, rows, strict=True)},
        )


def measured(command: tuple[str, ...], model: Path) -> str:
    """Run a command; return its processor time, its peak memory and the size of what it wrote."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "weightgauge", *command, str(model)],
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        written = out.seek(0, os.SEEK_END)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return (
        f"{used.ru_utime:.1f} s, {used.ru_stime:.1f} s of the system | "
        f"{used.ru_maxrss / 1000:.0f} MB | {written / 1e6:.1f} MB"
    )


def rows(counts: list[int], chosen: list[str]) -> Iterator[str]:
    """Yield the lines of the table."""
    for count in counts:
        for kind in chosen:
            with tempfile.TemporaryDirectory() as folder:
                # By another process: the system takes memory of the parent for a child's at first.
                writer = Process(target=write_model, args=(Path(folder), kind, count))
                writer.start()
                writer.join()
                for command in COMMANDS:
                    told = measured(command, Path(folder))
                    yield f"| {count:,} {kind} | `{' '.join(command)}` | {told} |"


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tensors", type=int, nargs="+", default=[200_000, 1_000_000])
    parser.add_argument("--names", nargs="+", choices=NAMES, default=list(NAMES))
    asked = parser.parse_args()
    print("| model | command | processor time | peak memory | written |\n|---|---|---|---|---|")
    for row in rows(asked.tensors, asked.names):
        print(row, flush=True)


if __name__ == "__main__":
    main()
