"""What this processor does at best, by a small library that is compiled when it is first used."""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path


@cache
def _library() -> ctypes.CDLL:
    """Compile machine.c; ctypes gives up the interpreter's lock while its functions run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "machine.so"
        source = Path(__file__).with_name("machine.c")
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-O3", "-fPIC", "-shared", source, "-o", path], check=True)
        library = ctypes.CDLL(str(path))
    library.measure_clock.restype = ctypes.c_double
    library.increment_cells.argtypes = [ctypes.c_uint64]
    return library


def measure_clock() -> float:
    """Clock of this processor in Hz, as measured now."""
    return float(_library().measure_clock())


def increment_cells(n: int) -> None:
    """Do n increments of cells in the first-level cache, and nothing else."""
    _library().increment_cells(n)
