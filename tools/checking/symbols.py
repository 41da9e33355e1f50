"""Symbols of the files that are compiled for one instruction set.

The linker keeps one copy of an inline function for the whole program. If a file compiled for
AVX-512 had a copy of a function that other files have too, the linker could keep that one, and the
program would crash on a processor without AVX-512.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

from checking.running import Failed, environment, output_of

KERNELS = "/cpp/core/kernels/"
SHARED = {"dispatch"}  # compiled for every processor


def check_symbols(tree: Path) -> None:
    """Fail unless each instruction set's object file exports its table of kernels and nothing else.

    The objects are checked as they are built, and once more compiled without optimisation, because
    then every inline function that is used has a symbol.
    """
    commands = json.loads((tree / "compile_commands.json").read_text())
    checked = set()
    for command in commands:
        source = Path(command["file"])
        if KERNELS not in command["file"] or source.stem in SHARED:
            continue
        check_object(Path(command["directory"]) / command["output"], source.stem)
        with tempfile.TemporaryDirectory() as folder:
            plain = Path(folder) / "plain.o"
            compile_plainly(command, plain)
            check_object(plain, source.stem)
        checked.add(source.stem)
    if "portable" not in checked:
        raise Failed("the kernels' object files are not where they were expected")
    print("symbols of", *sorted(checked), "are their own", flush=True)


def compile_plainly(command: dict[str, str], to: Path) -> None:
    """Compile a file as the build did, but without optimisation."""
    words = shlex.split(command["command"])
    words[words.index("-o") + 1] = str(to)
    done = subprocess.run(
        [*words, "-O0", "-Wno-error"],
        cwd=command["directory"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Failed(f"{command['file']} does not compile without optimisation: {done.stderr}")


def check_object(file: Path, level: str) -> None:
    """Fail if an object file exports a symbol other than its table of kernels."""
    wanted = f"weightgauge::{level}_kernels"
    # Lines are "address kind name". Kinds in small letters are local symbols, but for u, v and w.
    lines = output_of("nm", "--demangle", "--defined-only", str(file)).splitlines()
    symbols = [match.groups() for line in lines if (match := re.match(r"\S+ (\S) (.*)", line))]
    offered = {name for kind, name in symbols if kind.isupper() or kind in "uvw"}
    if offered != {wanted}:
        others = sorted(offered - {wanted}) or [f"{wanted} is missing"]
        raise Failed(f"{level}.cpp shares symbols with other files: {', '.join(others)}")
