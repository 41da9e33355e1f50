"""The counting loops: every instruction set, thread count and chunk size gives the same bits."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

import weightgauge as wg
from samples import FORMATS, NARROW, WIDE
from weightgauge import _core
from weightgauge.magnitudes.arrays import array_view

LEVELS = str(_core.build_info()["kernels_available"]).split(", ")
# Two stretches of pairs of bytes and then some; odd, so that every loop has a tail.
N = 150_001
PATTERNS = (
    "uniform",
    "normal",
    "half_zeros",
    "blocks_of_zeros",
    "one",
    "rows_of_one",
    "sixteen",
    "sorted",
    "alternating",
)


@pytest.fixture(autouse=True)
def _usual_kernels_afterwards():
    yield
    _core.use_kernels("auto")


def drawn(spelling: str, pattern: str) -> np.ndarray:
    """Return N codes of a format, as raw unsigned integers."""
    rng = np.random.default_rng(5)
    dtype = FORMATS[spelling]
    raw = np.dtype(f"u{dtype.itemsize}")
    if pattern == "uniform":  # every code there is, NaN and infinities among them
        return np.frombuffer(rng.bytes(N * raw.itemsize), raw)
    normal = rng.normal(0, 0.5, N).astype(dtype).view(raw)
    if pattern == "half_zeros":
        return np.where(rng.random(N) < 0.5, raw.type(0), normal)
    if pattern == "blocks_of_zeros":
        return np.where(np.arange(N) // 128 % 2 == 0, raw.type(0), normal)
    if pattern == "rows_of_one":  # as padding is; rows begin inside blocks as well
        return np.where(np.arange(N) // 2500 % 3 == 0, normal[0], normal)
    if pattern == "one":
        return np.full(N, normal[0])
    if pattern == "sixteen":
        return rng.choice(normal[:16], N)
    if pattern == "sorted":
        return np.sort(normal)
    if pattern == "alternating":
        return np.where(np.arange(N) % 2 == 0, normal[0], normal[1])
    return normal


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("spelling", NARROW)
def test_counts_are_those_of_numpy(spelling, pattern, level):
    _core.use_kernels(level)
    raw = drawn(spelling, pattern)
    histogram = wg.magnitude_histogram(raw.view(FORMATS[spelling]))
    with np.errstate(invalid="ignore"):
        if spelling == "F4":  # one code in the low half of a byte; the rest does not count
            values = np.abs((raw & 0x0F).view(FORMATS[spelling]).astype(np.float64))
        else:
            values = np.abs(raw.view(FORMATS[spelling]).astype(np.float64))
    finite = values[np.isfinite(values)]
    magnitudes, counts = np.unique(finite[finite != 0], return_counts=True)
    np.testing.assert_array_equal(histogram.magnitudes, magnitudes)
    np.testing.assert_array_equal(histogram.counts, counts)
    assert histogram.zeros == np.count_nonzero(values == 0)
    assert histogram.nan == np.count_nonzero(np.isnan(values))
    assert histogram.inf == np.count_nonzero(np.isinf(values))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("spelling", WIDE)
def test_bins_hold_every_element(spelling, pattern, level):
    _core.use_kernels(level)
    values = drawn(spelling, pattern).view(WIDE[spelling])
    histogram = wg.magnitude_histogram(values)
    finite = np.abs(values[np.isfinite(values)].astype(np.float64))
    assert histogram.n == np.count_nonzero(finite)
    assert histogram.zeros == np.count_nonzero(finite == 0)
    assert histogram.nan == np.count_nonzero(np.isnan(values))
    assert histogram.inf == np.count_nonzero(np.isinf(values))
    assert histogram.max == finite.max()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("wide", WIDE.values(), ids=WIDE)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize(
    "narrow",
    [ml_dtypes.bfloat16, np.float16, ml_dtypes.float8_e5m2],
    ids=["BF16", "F16", "F8_E5M2"],
)
def test_what_was_narrow_once_is_counted_exactly(level, wide, narrow, sparse):
    _core.use_kernels(level)
    values = drawn("F32", "normal").view(np.float32).astype(narrow)
    if sparse:
        values[np.arange(values.size) % 5 < 3] = 0
    values[:5] = [0, np.nan, np.inf, 2.0, -0.0]
    upcast = wg.magnitude_histogram(values.astype(wide))
    stored = wg.magnitude_histogram(values)
    assert upcast.exact
    assert wg.fit_weibull(values.astype(wide)).exact
    np.testing.assert_array_equal(upcast.magnitudes, stored.magnitudes)
    np.testing.assert_array_equal(upcast.counts, stored.counts)


@pytest.mark.parametrize("level", LEVELS)
def test_f64_with_the_bits_of_bf16_beyond_the_bins_is_counted_exactly(level):
    _core.use_kernels(level)
    values = np.random.default_rng(9).choice([0, 1.5, 2.0, -(2.0**300), 2.0**-300, np.inf], N)
    histogram = wg.magnitude_histogram(values)
    magnitudes, counts = np.unique(
        np.abs(values[(values != 0) & np.isfinite(values)]), return_counts=True
    )
    np.testing.assert_array_equal(histogram.magnitudes, magnitudes)
    np.testing.assert_array_equal(histogram.counts, counts)
    assert histogram.zeros == np.count_nonzero(values == 0)
    assert histogram.inf == np.count_nonzero(np.isinf(values))


def test_a_block_of_bf16_inside_f32_is_not_lost():
    values = drawn("F32", "normal").view(np.float32).copy()
    values[:5000] = values[:5000].astype(ml_dtypes.bfloat16).astype(np.float32)
    tiny = np.float32(1e-44)  # subnormal: shares its bin with zero
    values[5000:5003] = [0, tiny, -tiny]
    histogram = wg.magnitude_histogram(values)
    assert (histogram.n, histogram.zeros, histogram.exact) == (N - 1, 1, False)
    assert histogram.magnitudes[0] == pytest.approx(float(tiny), rel=1e-6)  # mean of the bin


def digest(values: np.ndarray, *, threads: int, chunk_bytes: int) -> str:
    options = _core.ScanOptions(
        trim="mid_80",
        zeros="exclude",
        paper=None,
        exact=False,
        fit=True,
        keep_histogram=True,
        probabilities=[],
        threads=threads,
        chunk_bytes=chunk_bytes,
        errors="independent",
    )
    found = _core.scan_array(array_view(values), progress=None, options=options)
    numbers = [np.ascontiguousarray(found.numbers()[name]) for name in found.numbers().dtype.names]
    histogram = found.take_histogram(0)
    counts = [histogram.keys, histogram.counts, histogram.residuals]
    apart = np.array([histogram.nans, histogram.infs])
    data = b"".join(part.tobytes() for part in (*numbers, *counts, apart))
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("spelling", FORMATS)
def test_neither_instruction_set_nor_threads_nor_chunks_change_a_bit(spelling):
    values = drawn(spelling, "half_zeros").view(FORMATS[spelling])
    found = set()
    for level in LEVELS:
        _core.use_kernels(level)
        for threads in (1, 2, 3, 7):
            for chunk_bytes in (4096, 100_001, 1 << 20):
                found.add(digest(values, threads=threads, chunk_bytes=chunk_bytes))
    assert len(found) == 1


def test_the_environment_names_a_level():
    script = "from weightgauge import _core; print(_core.build_info()['kernels'])"
    for wish, expected in [("portable", "portable"), ("auto", LEVELS[-1]), ("", LEVELS[-1])]:
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "WEIGHTGAUGE_KERNELS": wish},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == expected


def test_an_unknown_level_is_refused_by_name():
    with pytest.raises(ValueError, match=r"WEIGHTGAUGE_KERNELS='sse9'.*auto, portable"):
        _core.use_kernels("sse9")
