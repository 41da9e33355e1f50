"""How fast this processor can be at best, measured by a library that is compiled at first use."""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path


@cache
def compiled(*sources: str) -> ctypes.CDLL:
    """Compile and load sources beside this file.

    ctypes releases the interpreter's lock during calls of what is returned.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "compiled.so"
        command = [os.environ.get("CC", "cc"), "-O3", "-fPIC", "-shared", "-pthread"]
        paths = [Path(__file__).with_name(name) for name in sources]
        subprocess.run([*command, *paths, "-o", path], check=True)
        return ctypes.CDLL(str(path))


@cache
def _library() -> ctypes.CDLL:
    library = compiled("machine.c", "thread_starts.c")
    library.measure_clock.restype = ctypes.c_double
    library.increment_cells.argtypes = [ctypes.c_uint64]
    library.start_threads.restype = ctypes.c_double
    return library


def measure_clock() -> float:
    """Measure the clock of this processor in Hz."""
    return float(_library().measure_clock())


def increment_cells(n: int) -> None:
    """Increment cells in the first-level cache n times, and do nothing else."""
    _library().increment_cells(n)


def start_threads(n: int) -> float:
    """Start n threads as the core does, trial included; return seconds for each of them.

    Of processor time, and of the thread that starts the others.
    """
    return float(_library().start_threads(n))
