"""The extension as a file: what it offers to others, and how it is guarded."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from weightgauge import _core

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="files of another kind"),
    pytest.mark.skipif(shutil.which("readelf") is None, reason="binutils are not installed"),
]
# The instructions with which functions begin that are guarded: endbr64; bti c and paciasp.
FIRST = {
    "x86_64": {bytes.fromhex("f30f1efa")},
    "aarch64": {bytes.fromhex("5f2403d5"), bytes.fromhex("3f2303d5")},
}


def read(*options: str) -> str:
    return subprocess.run(
        ["readelf", "--wide", *options, _core.__file__], capture_output=True, text=True, check=True
    ).stdout


def test_it_offers_one_symbol():
    # Num: Value Size Type Bind Vis Ndx Name, of which undefined ones have no section.
    lines = [line.split() for line in read("--dyn-syms").splitlines()]
    rows = [line for line in lines if len(line) >= 8 and line[0][:-1].isdigit()]
    assert any(line[6] == "UND" for line in rows)
    assert [line[7] for line in rows if line[6] != "UND"] == ["PyInit__core"]


def test_what_code_is_found_through_cannot_be_written():
    assert "GNU_RELRO" in read("--program-headers")
    assert "BIND_NOW" in read("--dynamic")


def test_nothing_can_be_written_and_run():
    segments = [line.split() for line in read("--program-headers").splitlines()]
    # Type Offset VirtAddr PhysAddr FileSiz MemSiz Flg Align; the flags may stand apart: "R E"
    flags = {line[0]: "".join(line[6:-1]) for line in segments if len(line) >= 8}
    assert {"LOAD", "GNU_STACK"} <= flags.keys()
    loads = ["".join(line[6:-1]) for line in segments if line[:1] == ["LOAD"]]
    assert not any("W" in each and "E" in each for each in [*loads, flags["GNU_STACK"]])


def test_stacks_are_guarded():
    assert "__stack_chk_fail" in read("--dyn-syms")


def test_calls_of_the_c_library_are_checked():
    assert re.search(r"\b__mem\w+_chk@GLIBC", read("--dyn-syms"))


@pytest.mark.skipif(platform.machine() not in FIRST, reason="no such guard is known")
def test_functions_begin_with_a_mark_where_jumps_may_lead():
    rows = [line.split() for line in read("--dyn-syms").splitlines()]
    address = next(int(row[1], 16) for row in rows if row[-1:] == ["PyInit__core"])
    # [Nr] Name Type Address Off Size ...
    line = next(line for line in read("--sections").splitlines() if " .text " in line)
    start, offset = (int(word, 16) for word in line.partition("PROGBITS")[2].split()[:2])
    first = Path(_core.__file__).read_bytes()[address - start + offset :][:4]
    assert first in FIRST[platform.machine()]


def test_where_it_was_built_is_not_in_it():
    assert str(Path(__file__).parents[1]).encode() not in Path(_core.__file__).read_bytes()
