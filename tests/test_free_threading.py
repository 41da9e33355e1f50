"""Threads that use the package at once get what one thread gets; without the global lock too.

On an interpreter with the lock these tests still switch threads inside every call that releases it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import numpy as np
import pytest

import weightgauge as wg
from weightgauge import files as writing

THREADS = 6
ROUNDS = 4
DEMO = str(files("weightgauge") / "demo" / "step-last")


def at_once(*calls):
    """For each thread, all of which begin at the same moment, the results of each call."""
    start = threading.Barrier(THREADS)

    def work(number):
        found = [[] for _ in calls]
        start.wait()
        for step in range(ROUNDS * len(calls)):
            which = (number + step) % len(calls)
            found[which].append(calls[which]())
        return found

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, range(THREADS)))


def check(*calls):
    """Every thread's results are those of a single call."""
    expected = [call() for call in calls]
    for found in at_once(*calls):
        for wanted, results in zip(expected, found, strict=True):
            assert all(result == wanted for result in results)


@pytest.fixture(scope="module")
def large():
    """Values so many that they are counted in bins."""
    return np.random.default_rng(5).normal(0, 0.02, 150_000).astype(np.float32)


def test_an_interpreter_without_the_lock_stays_without_it():
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("this interpreter has the global lock")
    code = "import sys, weightgauge._core; sys.exit(sys._is_gil_enabled())"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_fits_of_one_array(large):
    small = large[:5000].astype(np.float64)
    check(
        lambda: wg.fit_weibull(large, threads=2),
        lambda: wg.fit_weibull(small),
        lambda: wg.fit_weibull(large.reshape(300, 500).T, exact=True, threads=1),
        lambda: wg.fit_weibull(small, protocol="paper", trim="full"),
    )


def test_counts_and_quantiles_of_one_array(large):
    half = large.astype(np.float16)
    check(
        lambda: wg.magnitude_histogram(large, threads=2),
        lambda: wg.magnitude_histogram(half),
        lambda: wg.quantiles(large, [0.1, 0.5, 0.999]).tolist(),
    )


def test_questions_to_one_histogram(large):
    histogram = wg.magnitude_histogram(large)
    check(
        lambda: histogram.fit(),
        lambda: histogram.fit(protocol="paper"),
        lambda: histogram.quantiles([0.25, 0.75]).tolist(),
        lambda: histogram.merge(histogram),
        lambda: (histogram.rms, histogram.max, int(histogram.counts.sum())),
    )


def test_fits_and_scans_of_one_file():
    scanned = wg.scan(DEMO)
    check(
        lambda: wg.fit(DEMO, threads=2).slices,
        lambda: wg.fit(DEMO, io="pread", threads=1).slices,
        lambda: wg.fit(scanned).slices,
        lambda: repr(wg.diagnose(scanned)),
    )


def test_the_first_use_of_public_names():
    code = f"""
import threading, weightgauge
start = threading.Barrier({THREADS})
found = []
def use():
    start.wait()
    found.append([getattr(weightgauge, name) for name in weightgauge.__all__])
threads = [threading.Thread(target=use) for _ in range({THREADS})]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert len(found) == {THREADS} and all(names == found[0] for names in found)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_files_written_at_once_leave_the_mask_of_new_files_alone(tmp_path):
    before = os.umask(0o027)
    try:
        targets = [tmp_path / str(i) for i in range(4 * THREADS)]
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda target: writing.write_atomically(target, b"x"), targets))
        assert [target.stat().st_mode & 0o777 for target in targets] == [0o640] * len(targets)
    finally:
        assert os.umask(before) == 0o027
