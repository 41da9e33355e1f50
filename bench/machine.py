"""How fast this processor can be at best, measured by a library that is compiled at first use."""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path


@cache
def _library() -> ctypes.CDLL:
    """Compile and load machine.c; ctypes releases the interpreter's lock during its calls."""
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
    """Measure the clock of this processor in Hz."""
    return float(_library().measure_clock())


def increment_cells(n: int) -> None:
    """Increment cells in the first-level cache n times, and do nothing else."""
    _library().increment_cells(n)
