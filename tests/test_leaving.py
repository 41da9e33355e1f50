"""An interpreter that ends while threads of it measure."""

from __future__ import annotations

import signal

import pytest

# A daemon thread measures without end, and the main thread leaves in the middle of it, a little
# later each time. What the arrays and files are decides who works: the calling thread alone, it
# and others, or others alone while it watches.
LEAVE = """
import sys, threading, time
import numpy as np
import weightgauge as wg

what, how, delay, path = sys.argv[1:]
row = np.random.default_rng(0).normal(size=2**20).astype(np.float16)

def feed():
    from weightgauge.scanning.feed import FedScan

    scan = FedScan(wg.open_checkpoint(path))
    for shard, begin, end in scan.wanted():
        for offset in range(begin, end, 2**24):
            scan.feed(shard, offset, zeros[: min(2**24, end - offset)])

zeros = memoryview(bytes(2**24))
work = {
    "few": lambda: wg.fit_weibull(row[:100]),
    "alone": lambda: wg.fit_weibull(np.broadcast_to(row, (64, 2**20)), threads=1),
    "together": lambda: wg.fit_weibull(np.broadcast_to(row, (400, 2**20)), threads=2),
    "watching": lambda: wg.fit_weibull(np.broadcast_to(row, (8192, 2**20)), threads=2),
    "exact": lambda: wg.fit_weibull(row.astype(np.float32), exact=True),
    "counts": lambda: counts.fit(),
    "feed": feed,
    "mmap": lambda: wg.fit(path, io="mmap"),
    "pread": lambda: wg.fit(path, io="pread", progress=lambda done, total: sum(range(2000))),
}[what]
counts = wg.magnitude_histogram(row)
wg.fit_weibull(row)
started = threading.Event()

def measure():
    while True:
        started.set()
        work()

threading.Thread(target=measure, daemon=True).start()
started.wait()
time.sleep(float(delay))
if how == "interrupt":
    raise KeyboardInterrupt
"""
WORKS = ("few", "alone", "together", "watching", "exact", "counts", "feed", "mmap", "pread")


@pytest.fixture(scope="module")
def hollow(tmp_path_factory, write_checkpoint):
    """A gibibyte and a half of zeros that occupy no disk."""
    tensors = {"w": ("BF16", (2**28,), None), "v": ("F32", (2**28,), None)}
    return write_checkpoint(tmp_path_factory.mktemp("hollow") / "model.safetensors", tensors)


@pytest.mark.parametrize("delay", ["0", "0.06", "0.13"])
@pytest.mark.parametrize("what", WORKS)
def test_the_interpreter_ends_while_a_daemon_thread_measures(run_python, hollow, what, delay):
    result = run_python(LEAVE, what, "return", delay, hollow, limit_s=60)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("what", ["few", "together", "watching"])
def test_the_main_thread_is_interrupted_while_a_daemon_thread_measures(run_python, hollow, what):
    result = run_python(LEAVE, what, "interrupt", "0.1", hollow, limit_s=60)
    assert result.returncode == -signal.SIGINT  # how Python ends for want of a handler
    assert result.stderr.splitlines()[-1] == "KeyboardInterrupt"
