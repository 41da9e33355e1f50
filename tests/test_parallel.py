"""Threads, forked processes, interruption, and counts beyond 32 bits."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import weightgauge as wg
from samples import draw

THREADS = (1, 2, 3, 7)
GIB = 2**30
# The time limits below only turn a hang into a failure; nothing is measured by them.
LIMIT_S = 120


# -- the same numbers for any number of threads ------------------------------------------------


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("distribution", ["normal_0.02", "half_zeros", "t3"])
@pytest.mark.parametrize("spelling", ["BF16", "F16", "F8_E4M3", "F32", "F64"])
def test_array_results_do_not_depend_on_threads(spelling, distribution, exact):
    values = draw(distribution, spelling, 2_000_001)
    probs = np.linspace(0, 1, 11)
    fits = [wg.fit_weibull(values, exact=exact, threads=t).to_dict() for t in THREADS]
    ranks = [wg.quantiles(values, probs, threads=t) for t in THREADS]
    histograms = [wg.magnitude_histogram(values, threads=t) for t in THREADS]
    for fit, quantiles, histogram in zip(fits[1:], ranks[1:], histograms[1:], strict=True):
        assert fit == fits[0]
        np.testing.assert_array_equal(quantiles, ranks[0])
        assert histogram == histograms[0]
        np.testing.assert_array_equal(histogram.magnitudes, histograms[0].magnitudes)


@pytest.mark.parametrize("layout", ["transposed", "reversed", "every_other"])
@pytest.mark.parametrize("spelling", ["BF16", "F32"])
def test_strided_results_do_not_depend_on_threads(spelling, layout):
    base = draw("normal_1", spelling, 2_400_000).reshape(1200, 2000)
    view = {"transposed": base.T, "reversed": base[::-1], "every_other": base[:, ::2]}[layout]
    first = wg.fit_weibull(view, threads=1)
    for threads in THREADS[1:]:
        assert wg.fit_weibull(view, threads=threads) == first
    assert wg.fit_weibull(view) == first


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, write_checkpoint):
    """A checkpoint of large and small tensors of several formats."""
    tensors = {}
    for i, (spelling, n) in enumerate(
        [("BF16", 3_000_000), ("F32", 1_500_001), ("F16", 900_001), ("F8_E5M2", 5_000_000)]
        + [("BF16", 500 + i) for i in range(150)]
        + [("F64", 400_000), ("F32", 100_000), ("BF16", 2_000_003)]
    ):
        values = draw("normal_0.02", spelling, n, seed=i)
        tensors[f"w{i}"] = (spelling, (n,), values.tobytes())
    return write_checkpoint(tmp_path_factory.mktemp("mixed") / "model.safetensors", tensors)


@pytest.mark.parametrize("exact", [False, True])
def test_checkpoint_results_depend_neither_on_threads_nor_on_io(mixed, exact):
    first = wg.fit(mixed, exact=exact, threads=1).to_dict()
    assert len(first["slices"]) == 157
    assert all(s["k"] is not None for s in first["slices"])
    for threads in (None, *THREADS):
        for io in ("mmap", "pread"):
            assert wg.fit(mixed, exact=exact, threads=threads, io=io).to_dict() == first


def test_an_unknown_io_is_refused(mixed):
    with pytest.raises(ValueError, match=r"mmap.*pread|pread.*mmap"):
        wg.fit(mixed, io="telepathy")


def test_progress_rises_to_the_total(mixed):
    calls = []
    model = wg.fit(mixed, progress=lambda done, total: calls.append((done, total)))
    assert model.to_dict() == wg.fit(mixed).to_dict()
    assert calls
    totals = {total for _, total in calls}
    assert len(totals) == 1
    done = [d for d, _ in calls]
    assert done == sorted(done)
    assert 0 <= done[0] <= done[-1] == totals.pop()


def test_an_error_in_the_progress_function_comes_out(mixed):
    def progress(done, total):
        raise LookupError("from progress")

    with pytest.raises(LookupError, match="from progress"):
        wg.fit(mixed, progress=progress)
    assert len(wg.fit(mixed).slices) == 157


def test_many_python_threads_at_once_agree(mixed):
    arrays = {s: draw("normal_1", s, 300_000) for s in ("BF16", "F16", "F32", "F64")}
    alone = {s: wg.fit_weibull(a) for s, a in arrays.items()}
    model = wg.fit(mixed).to_dict()
    start = threading.Barrier(64)

    def work(i):
        start.wait(timeout=LIMIT_S)
        spelling = tuple(arrays)[i % 4]
        if i % 16 == 5:
            return wg.fit(mixed).to_dict() == model
        fit = wg.fit_weibull(arrays[spelling], threads=(None, 1, 2)[i % 3])
        return fit == alone[spelling]

    with ThreadPoolExecutor(64) as pool:
        assert all(pool.map(work, range(64)))


# -- fork --------------------------------------------------------------------------------------

FORK = """
import os, sys, signal
import numpy as np
import weightgauge as wg

values = np.random.default_rng(0).normal(size=2_000_000).astype(np.float16)
wide = values.astype(np.float32)
before = wg.fit_weibull(values), wg.fit_weibull(wide, exact=True), wg.fit(sys.argv[1]).to_dict()
for _ in range(5):
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # a hang ends the child with SIGALRM
        after = wg.fit_weibull(values), wg.fit_weibull(wide, exact=True)
        same = (*after, wg.fit(sys.argv[1]).to_dict()) == before
        os._exit(0 if same else 3)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status
assert wg.fit_weibull(values) == before[0]
print("done")
"""


def test_usable_in_a_forked_child(run_python, mixed):
    result = run_python(FORK, mixed, limit_s=400)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "done\n"


FORK_BESIDE = """
import os, signal, threading, time
import numpy as np
import weightgauge as wg

small = np.random.default_rng(0).normal(size=2_000_000).astype(np.float16)
# Beyond a gigabyte the caller only watches: rows of a million weights that share their memory.
large = np.broadcast_to(np.resize(small, 2**20), (520, 2**20))
before = wg.fit_weibull(small, threads=2).k, wg.fit_weibull(large, threads=2).k
stop = False

def scan():
    while not stop:
        assert wg.fit_weibull(large, threads=2).k == before[1]
        assert wg.fit_weibull(small, threads=2).k == before[0]

def child_agrees(number):
    signal.alarm(100)  # a hang ends the child with SIGALRM
    if number % 10 == 0 and wg.fit_weibull(large, threads=2).k != before[1]:
        return False
    return wg.fit_weibull(small, threads=2).k == before[0]

def fork(number):
    child = os.fork()
    if child == 0:
        os._exit(0 if child_agrees(number) else 3)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status

beside = threading.Thread(target=scan)
beside.start()
for number in range(150):  # in the middle of scans, and while their threads start and end
    fork(number)
stop = True
beside.join()
for number in range(50):  # between scans
    assert wg.fit_weibull(small, threads=2).k == before[0]
    fork(number)
print("done")
"""


def test_two_hundred_children_forked_beside_scans_and_between_them(run_python):
    result = run_python(FORK_BESIDE, limit_s=600)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "done\n"


OTHER_REGIONS = """
import torch
import numpy as np
import weightgauge as wg

values = np.random.default_rng(0).normal(size=2**20).astype(np.float16)
values = np.broadcast_to(values, (520, 2**20))  # beyond a gigabyte the caller only watches
square = torch.randn(512, 512)
ks = set()
for threads in (1, 2, None, 2):
    square = torch.tanh(square @ square)  # the region of another library, in the same process
    ks.add(wg.fit_weibull(values, threads=threads).k)
assert torch.isfinite(square).all()
print(len(ks))
"""


def test_beside_the_regions_of_another_library(run_python):
    pytest.importorskip("torch")
    result = run_python(OTHER_REGIONS)
    assert (result.returncode, result.stdout) == (0, "1\n"), result.stderr


MULTIPROCESSING = """
import multiprocessing, sys
import numpy as np
import weightgauge as wg

def k(seed):
    values = np.random.default_rng(seed).normal(size=500_000).astype(np.float16)
    return wg.fit_weibull(values, threads=2).k

if __name__ == "__main__":
    expected = [k(seed) for seed in range(6)]
    with multiprocessing.get_context("fork").Pool(3) as pool:
        got = pool.map_async(k, range(6)).get(timeout=100)
    assert got == expected
    print("done")
"""


def test_usable_in_a_pool_of_forked_workers(run_python):
    result = run_python(MULTIPROCESSING)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "done\n"


# -- interruption ------------------------------------------------------------------------------

# Programs started in the background of a shell ignore Ctrl-C, and so would what they start.
LISTEN = """
import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
"""

# A minute and more of work in rows of one million weights that share their memory.
LONG_ARRAY = """
import sys
import numpy as np
import weightgauge as wg

row = np.random.default_rng(0).normal(size=2**20).astype(sys.argv[1])
long = np.broadcast_to(row, (2**19, 2**20))
measure = {
    "fit": lambda: wg.fit_weibull(long),
    "exact": lambda: wg.fit_weibull(long, exact=True),
    "histogram": lambda: wg.magnitude_histogram(long),
    "quantiles": lambda: wg.quantiles(long, 0.5),
}[sys.argv[2]]
print("started", flush=True)
try:
    measure()
except KeyboardInterrupt:
    assert wg.fit_weibull(row).n > 0
    print("interrupted", flush=True)
else:
    print("finished", flush=True)
"""

LONG_FILE = """
import sys
import weightgauge as wg

seen = []
def progress(done, total):
    if not seen:
        print("started", flush=True)
    seen.append((done, total))
try:
    wg.fit(sys.argv[1], progress=progress, io=sys.argv[2])
except KeyboardInterrupt:
    done, total = seen[-1]
    print("interrupted" if done < total else "too late", flush=True)
else:
    print("finished", flush=True)
"""


def interrupt(script, *arguments):
    """Run a script, send SIGINT 0.3 s after it says "started", and return its last line."""
    with subprocess.Popen(
        [sys.executable, "-c", LISTEN + script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        watchdog = threading.Timer(LIMIT_S, process.kill)
        watchdog.start()
        try:
            assert process.stdout.readline() == "started\n"
            threading.Event().wait(0.3)  # so that it is in the middle of the work
            process.send_signal(signal.SIGINT)
            rest = process.stdout.read()
            return process.wait(), rest
        finally:
            watchdog.cancel()
            process.kill()


@pytest.mark.parametrize(
    ("dtype", "what"),
    [("f2", "fit"), ("f4", "fit"), ("f4", "exact"), ("f2", "histogram"), ("f4", "quantiles")],
)
def test_ctrl_c_during_a_long_array(dtype, what):
    # Finishing all of it would take beyond the limit, and print another word.
    assert interrupt(LONG_ARRAY, dtype, what) == (0, "interrupted\n")


@pytest.fixture(scope="module")
def hollow(tmp_path_factory, write_checkpoint):
    """Eight tensors of 4 GiB of zeros that occupy no disk, F8 and F32."""
    tensors = {f"w{i}": ("F8_E4M3", (4 * GIB,), None) for i in range(6)}
    tensors |= {f"v{i}": ("F32", (GIB,), None) for i in range(2)}
    path = tmp_path_factory.mktemp("hollow") / "model.safetensors"
    yield write_checkpoint(path, tensors)
    path.unlink()


@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_ctrl_c_during_a_long_file(hollow, io):
    assert interrupt(LONG_FILE, hollow, io) == (0, "interrupted\n")


# -- counts beyond 32 bits ----------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["BF16", "F8_E5M2"])
def test_more_than_2_to_the_32_equal_magnitudes(spelling):
    # 4,099 rows of 2^20 that share their memory; all but ten elements of the row are equal.
    row = np.full(2**20, 0.5, draw("normal_1", spelling, 1).dtype)
    row[1000:1010] = [0, 0.25, 0.25, 1, 1, 1, 2, -2, np.nan, np.nan]
    values = np.broadcast_to(row, (4099, row.size))
    histogram = wg.magnitude_histogram(values)
    assert histogram.magnitudes.tolist() == [0.25, 0.5, 1, 2]
    assert histogram.counts.tolist() == [c * 4099 for c in (2, 2**20 - 10, 3, 2)]
    assert histogram.counts[1] > 2**32
    assert (histogram.zeros, histogram.nan) == (4099, 2 * 4099)
    assert histogram.n == 4099 * (2**20 - 3)
    # Hardly more than the equal ones lie inside the window: no line, but ranks all the same.
    assert histogram.fit().status == "degenerate"
    assert histogram.quantiles([0, 0.5, 1]).tolist() == [0.25, 0.5, 2]
