"""Checks of the installed Python package."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from checking.running import PROCESSORS, ROOT, run


def tests() -> None:
    """Python tests and the examples of the docstrings pass on the installed package."""
    run([sys.executable, "-m", "pytest", "-n", str(PROCESSORS)])


def free_threading() -> None:
    """Threads share the package where Python has no global lock (needs python3.14t)."""
    interpreter = shutil.which("python3.14t")
    if interpreter is None:
        print("python3.14t is not installed: nothing is built for it, nothing run", flush=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        run([interpreter, "-m", "venv", folder])
        python = Path(folder) / "bin" / "python"
        run([python, "-m", "pip", "install", "-q", ROOT, "pytest", "hypothesis"])
        run([python, "-m", "pytest", "-q", "tests/test_free_threading.py"])
