"""Calls of the C library that fail, a few for each kind and command; `sweep.py` tries all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.shim import COMPILER, KINDS, Fault, build
from faults.sweep import COMMANDS, Sweep

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler for the shim")

TURNS = 2
"""So many calls of each kind fail in turn, spread over those that a command makes."""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory, shim: Path) -> Iterator[Sweep]:
    running = Sweep(tmp_path_factory.mktemp("scene").resolve(), shim)
    yield running
    running.close()


@pytest.mark.parametrize("command", ["fit by pread", "scan to a link", "diagnose"])
def test_a_call_that_fails_is_told_or_does_not_matter(sweep: Sweep, command: str) -> None:
    """Only calls on files of the test count, and those that the extension makes."""
    calls = sweep.calls(command, marked=True)
    wrong = [
        line
        for kind, reasons in KINDS.items()
        for line in sweep.swept(
            command, kind, reasons[0], every=max(1, calls[kind] // TURNS), marked=True
        )
    ]
    assert wrong == []
    tried = {kind for kind, name in sweep.runs if name == command and sweep.runs[kind, name]}
    written = {"fsync", "rename"} if COMMANDS[command][0] == "scan" else set()
    assert tried >= {"open", "pread", "mmap", "stat", "write", "memory"} | written
    assert any("error" in each for each in sweep.told[command])


def test_the_sweep_sees_what_is_wrong(sweep: Sweep) -> None:
    """The counterpart: a command whose result is another one each time is noticed."""
    usual = sweep.reference("fit by pread")
    sweep.scene.reset()
    (sweep.scene.folder / "litter").touch()
    arguments = sweep.scene.arguments("fit by pread")
    ending = sweep.server.run(arguments, Fault())
    found = sweep.judged(ending, usual, sweep.scene.results())
    (sweep.scene.folder / "litter").unlink()
    assert found == "left behind: litter"
    assert sweep.judged(ending, usual, sweep.scene.results()) == ""
    other = sweep.server.run(["fit", str(sweep.scene.other), "--json"], Fault())
    assert sweep.judged(other, usual, sweep.scene.results()) == "another result"
    killed = sweep.server.run(arguments, Fault(), limit_s=0.0)
    assert sweep.judged(killed, usual, sweep.scene.results()) == "did not end"


MADE = """
import ctypes, errno, os, sys
from weightgauge import _core
from weightgauge.anatomy import components  # noqa: F401, all modules that are wanted later
import numpy as np

page = ctypes.create_string_buffer(12 * 8)
arm = ctypes.CDLL(None).fault_arm
arm.argtypes = [ctypes.c_int, ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
arm.argtypes += [ctypes.c_void_p]
memory = int(sys.argv[1])
thresholds = np.array([1.0, 2.0, 4.0])
scales = (0, "F32", 0, 4)
made = {
    "options": lambda: _core.ScanOptions(
        trim="mid_80", zeros="exclude", paper=None, exact=False, fit=True, keep_histogram=False,
        probabilities=[], threads=1, chunk_bytes=1 << 20, errors="independent",
    ),
    "scales": lambda: _core.BlockScale(
        origin=0, matrices=1, rows=2, columns=2, block_rows=1, block_columns=2, scales=scales,
        scale_of_all=scales, divided=True,
    ),
    "packed": lambda: _core.PackedCodes(
        packing="along_rows", rows=2, columns=8, groups=1, group_columns=8, scales_by_group=False,
        divided=False, added_zero=0, bits=4, added_words=(0, 0, 0), codes=(0, 0, 8), scales=scales,
        zeros=None, index=None,
    ),
    "product": lambda: _core.LowRank(
        rows=2, rank=1, columns=2, left=scales, right=scales, factor=1.0
    ),
}
for name, make in made.items():
    make()
    refused = n = 0
    while True:
        n += 1
        page[:] = bytes(12 * 8)
        arm(memory, n, errno.ENOMEM, b"", 0, ctypes.addressof(page))
        try:
            make()
        except MemoryError:
            refused += 1
        finally:
            arm(0, 0, 0, b"", 0, ctypes.addressof(page))
        if not int.from_bytes(page[88:96], "little"):
            break
    print(name, refused > 0, refused == n - 1)
"""


def test_objects_that_cannot_be_noted(
    run_python, shim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_PRELOAD", str(shim))
    result = run_python(MADE, list(KINDS).index("memory") + 1)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "options True True",
        "scales True True",
        "packed True True",
        "product True True",
    ]
