"""Calls that progress functions and signal handlers make, and small ones beside large ones."""

from __future__ import annotations

import pytest

# A progress function measures on its own, in the middle of the scan that it is told of.
MEASURING = """
import signal, sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import weightgauge as wg

what, path = sys.argv[1:]
row = np.random.default_rng(0).normal(size=2**20).astype(np.float16)
large = np.broadcast_to(row, (1100, 2**20))  # beyond a gigabyte the caller only watches
elsewhere = ThreadPoolExecutor(1)
measure = {
    "few": lambda: wg.fit_weibull(row[:100]).k,
    "some": lambda: wg.fit_weibull(large[:8]).k,
    "large": lambda: wg.fit_weibull(large).k,
    "file": lambda: wg.fit(path).to_dict(),
    "exact": lambda: wg.fit_weibull(row.astype(np.float32), exact=True).k,
    "elsewhere": lambda: elsewhere.submit(wg.fit_weibull, large[:8]).result().k,
}[what]
expected = measure()
whole = wg.fit(path).to_dict()
calls = []

def progress(done, total):
    if len(calls) < 2:
        calls.append(measure() == expected)

signal.alarm(100)  # a hang ends in SIGALRM
for threads in (None, 1):
    calls.clear()
    assert wg.fit(path, threads=threads, progress=progress).to_dict() == whole
    assert calls and all(calls), calls
print("done")
"""
WHAT = ("few", "some", "large", "file", "exact", "elsewhere")


@pytest.fixture(scope="module")
def hollow(tmp_path_factory, write_checkpoint):
    """Less than a gigabyte, so that the caller works, and more: zeros that occupy no disk."""
    folder = tmp_path_factory.mktemp("hollow")
    return {
        size: write_checkpoint(folder / f"{size}.safetensors", {"w": ("F32", (n,), None)})
        for size, n in (("works", 2**27), ("watches", 2**29))
    }


@pytest.mark.parametrize("caller", ["works", "watches"])
@pytest.mark.parametrize("what", WHAT)
def test_a_progress_function_may_measure(run_python, hollow, caller, what):
    result = run_python(MEASURING, what, hollow[caller])
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr


HANDLING = """
import os, signal, sys, threading
import numpy as np
import weightgauge as wg

row = np.random.default_rng(0).normal(size=2**20).astype(np.float16)
large = np.broadcast_to(row, (int(sys.argv[1]), 2**20))
expected = wg.fit_weibull(large[:8], threads=2).k
calls = []

def handle(number, frame):
    calls.append(wg.fit_weibull(large[:8], threads=2).k == expected)

signal.signal(signal.SIGUSR1, handle)
signal.alarm(100)
while not calls:
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    wg.fit_weibull(large)
    timer.join()
assert all(calls)
print("done")
"""


@pytest.mark.parametrize("rows", [500, 4000])
def test_a_signal_handler_may_measure(run_python, rows):
    result = run_python(HANDLING, rows)
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr


BESIDE = """
import threading, time
import numpy as np
import weightgauge as wg

row = np.random.default_rng(0).normal(size=2**20).astype(np.float16)
few = row[:100]
counts = wg.magnitude_histogram(row)
expected = wg.fit_weibull(few), counts.fit()
stopped = threading.Event()

def scan():
    wg.fit_weibull(np.broadcast_to(row, (2**15, 2**20)))
    stopped.set()

beside = threading.Thread(target=scan, daemon=True)
beside.start()
time.sleep(0.2)
for _ in range(20):
    assert (wg.fit_weibull(few), counts.fit()) == expected
print("waited" if stopped.is_set() else "done")
"""


def test_a_small_fit_does_not_wait_for_a_scan_of_another_thread(run_python):
    # The scan takes seconds, of which the small fits must not see the end.
    result = run_python(BESIDE)
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr
