"""A mapped file that shrinks, whatever the process does with its signals."""

from __future__ import annotations

import signal

import pytest

SHRINKING = """
import faulthandler, os, signal, sys
import weightgauge as wg
from weightgauge.errors import FileChangedError

when, path = sys.argv[1:]
size = os.path.getsize(path)
if when == "blocked":
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.valid_signals()))
if when == "before":
    faulthandler.enable()

def progress(done, total):
    if when == "during":
        faulthandler.enable()
    os.truncate(path, 4096)

for _ in range(3):
    try:
        wg.fit(path, progress=progress)
    except FileChangedError:
        print("changed", flush=True)  # a signal ends the process in one case
    os.truncate(path, size)
    if when == "between":
        faulthandler.enable()
if when == "ended":
    faulthandler.enable()
    faulthandler.disable()
    os.kill(os.getpid(), signal.SIGBUS)
"""


@pytest.fixture(params=[2**27, 2**29], ids=["works", "watches"])
def hollow(request, tmp_path, write_checkpoint):
    """Less than a gigabyte, so that the caller works, and more: zeros that occupy no disk."""
    return write_checkpoint(tmp_path / "model.safetensors", {"w": ("F32", (request.param,), None)})


@pytest.mark.parametrize("when", ["never", "blocked", "before", "during", "between", "ended"])
def test_a_file_that_shrinks_is_an_error(run_python, hollow, when):
    result = run_python(SHRINKING, when, hollow)
    assert result.stdout == "changed\n" * 3, result.stderr
    assert result.returncode == (-signal.SIGBUS if when == "ended" else 0)
    if when != "during":  # where faulthandler may be the first to hear of it
        assert result.stderr == ""
