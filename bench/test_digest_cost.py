"""Digests, signs and blocks of zeros: their cost beside counting alone; files in the page cache."""

from __future__ import annotations

import os
from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest

from interleaving import Beside
from weightgauge import _core
from weightgauge.magnitudes.options import FitOptions
from workloads import ARRAY_BYTES, FORMATS, gaussian

GROUP = "digests, signs and blocks of zeros, page-cached files"
# Values of the core's `noted`: nothing, or all that is noted of a whole tensor.
NOTHING, TENSOR = 0, 2
SLICE = 4096


def scan(
    path: str, spelling: str, items: int, slices: int, threads: int
) -> Callable[[int], np.ndarray]:
    """Return a function that counts and fits slices of a file and returns their numbers."""
    about = os.stat(path)
    times = (about.st_mtime_ns, about.st_ctime_ns)
    source = (os.fsencode(path), (about.st_dev, about.st_ino, about.st_size, *times))
    step = items * FORMATS[spelling].itemsize
    options = FitOptions(threads=threads).to_core()

    def run(noted: int) -> np.ndarray:
        columns = _core.FileSlices(
            dtypes=[spelling],
            files=np.zeros(slices, np.uint32),
            formats=np.zeros(slices, np.uint8),
            offsets=np.arange(slices, dtype=np.uint64) * np.uint64(step),
            items=np.full(slices, items, np.uint64),
            noted=np.full(slices, noted, np.uint8),
            shaped=[],
            pieces=[],
            columns=np.zeros(slices, np.uint64),
            clusters=[],
            of_tokens=[],
        )
        found = _core.scan_files([source], columns, io="mmap", progress=None, options=options)
        return found.numbers()

    return run


def check(numbers: np.ndarray, alone: np.ndarray, negatives: int) -> None:
    assert numbers["negatives"].sum() == negatives
    assert numbers["digested"].all() and np.unique(numbers["digest"]).size == numbers.size
    for name in ("n", "k", "lam", "r2"):
        np.testing.assert_array_equal(numbers[name], alone[name])


@pytest.mark.parametrize("spelling", FORMATS)
def test_whole_tensors(measure, spelling, threads, tmp_path):
    array = gaussian(FORMATS[spelling], 2 * ARRAY_BYTES)
    path = str(tmp_path / "weights")
    array.tofile(path)
    run = scan(path, spelling, array.size, 1, threads)
    numbers = measure(
        lambda: run(TENSOR),
        {"of the speed without them": Beside(lambda: run(NOTHING))},
        group=GROUP,
        what=spelling,
        threads=threads,
        nbytes=array.nbytes,
        elements=array.size,
    )
    negatives = np.count_nonzero(array.astype(np.float32) < 0)
    os.unlink(path)
    check(numbers, run_of(array, spelling), negatives)


def run_of(array: np.ndarray, spelling: str) -> np.ndarray:
    """Numbers of an array in memory, of which nothing is noted."""
    view = _core.ArrayView.from_numpy(array, spelling)
    return _core.scan_array(view, progress=None, options=FitOptions().to_core()).numbers()


def test_small_slices(measure, threads, tmp_path):
    slices = min(20_000, ARRAY_BYTES // 2 // SLICE)
    dtype = np.dtype(ml_dtypes.bfloat16)
    array = gaussian(dtype, slices * SLICE * dtype.itemsize)
    path = str(tmp_path / "weights")
    array.tofile(path)
    run = scan(path, "BF16", SLICE, slices, threads)
    numbers = measure(
        lambda: run(TENSOR),
        {"of the speed without them": Beside(lambda: run(NOTHING))},
        group=GROUP,
        what=f"BF16 in slices of {SLICE:,}",
        threads=threads,
        nbytes=array.nbytes,
        elements=array.size,
        slices=slices,
    )
    check(numbers, run(NOTHING), np.count_nonzero(array.astype(np.float32) < 0))
