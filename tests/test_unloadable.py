"""Packages that cannot be loaded are told as what they are, and are no bug of this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from weightgauge.cli import failures

# What NumPy says where the loader of the system has no memory for one of its files.
NO_MEMORY = (
    "\n\nIMPORTANT: PLEASE READ THIS FOR ADVICE ON HOW TO SOLVE THIS ISSUE!\n\n"
    "Original error was: libx.so: failed to map segment from shared object\n"
)


def told(capsys, error):
    def fail():
        raise error

    code = failures.exit_code(fail)
    return code, capsys.readouterr().err.splitlines()


def test_no_memory_to_load_a_package(capsys):
    code, lines = told(capsys, ImportError(NO_MEMORY, name="numpy._core"))
    assert code == 1
    assert lines[0] == "error: out of memory: there is not enough to load numpy"


@pytest.mark.parametrize("words", ["_core.so: cannot allocate memory", "std::bad_alloc"])
def test_no_memory_to_load_the_extension(capsys, words):
    error = ImportError(words, name="weightgauge._core")
    code, lines = told(capsys, error)
    assert (code, lines[0]) == (1, "error: out of memory: there is not enough to load weightgauge")


def test_a_broken_package(capsys):
    code, lines = told(capsys, ImportError("cannot import name 'x' from 'numpy'", name="numpy"))
    assert code == 1
    assert lines[0] == "error: numpy cannot be loaded: cannot import name 'x' from 'numpy'"


def test_a_fault_of_our_own_is_still_a_bug(capsys):
    code, lines = told(capsys, ImportError("cannot import name 'y'", name="weightgauge.fits"))
    assert code == 70
    assert "bug" in lines[0]


INTERRUPTED = """
import os, signal, sys
from weightgauge.cli import failures

# What a shell starts in the background ignores the one, and what nohup starts the other.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

class ToldToEnd:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            os.kill(os.getpid(), int(sys.argv[1]))

def load():
    import weightgauge._core  # which loads NumPy while it sets itself up

sys.meta_path.insert(0, ToldToEnd())
assert "numpy" not in sys.modules
sys.exit(failures.exit_code(load))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals that end a process there are others")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_who_is_told_to_end_while_the_extension_is_loaded_says_so(name):
    number = int(signal.Signals[name])
    program = [sys.executable, "-c", INTERRUPTED, str(number)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60)
    assert done.returncode == 128 + number, done.stderr
    assert done.stderr.strip() == ("interrupted" if name == "SIGINT" else "")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("error return without exception set", 1),
        ("<function _find_and_load at 0x7f> returned NULL without setting an exception", 1),
        ("<built-in method f> returned NULL without setting an exception", 70),
    ],
)
def test_an_error_that_the_interpreter_has_lost(capsys, words, code):
    """An import that runs out of memory may end so. A function that says nothing has a bug."""
    found, lines = told(capsys, SystemError(words))
    assert found == code
    assert ("memory" in lines[0]) is (code == 1)
    assert words in lines[0]


@pytest.mark.parametrize("megabytes", [60, 70, 100])
def test_a_limit_of_memory_is_no_bug(tmp_path, write_checkpoint, megabytes):
    path = write_checkpoint(tmp_path / "model.safetensors", {"w": ("F32", (30_000,), None)})
    shell = f"ulimit -v {megabytes * 1024}; exec {sys.executable} -m weightgauge fit {path}"
    # OpenBLAS of an older NumPy interrupts a process in which it cannot start its threads.
    alone = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-c", shell], env=alone, capture_output=True, text=True, timeout=60
    )
    # An older NumPy does with less.
    assert done.returncode in ((1,) if megabytes < 100 else (0, 1)), done.stderr
    assert "bug" not in done.stderr
