"""Strided views of files in the core: which items are counted, and which views are refused."""

from __future__ import annotations

import os

import numpy as np
import pytest

import weightgauge as wg
from core_slices import file_slices
from weightgauge import _core
from weightgauge.magnitudes.options import FitOptions

VALUES = np.random.default_rng(0).normal(0, 0.02, (40, 30)).astype(np.float32)
OFFSET = 5  # not aligned
SIZE = OFFSET + VALUES.nbytes
HUGE = 2**63


@pytest.fixture
def scan(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(bytes(OFFSET) + VALUES.tobytes())
    status = os.stat(path)
    identity = (
        *(status.st_dev, status.st_ino, status.st_size),
        *(status.st_mtime_ns, status.st_ctime_ns),
    )

    def scan(*slices, io="mmap"):
        return _core.scan_files(
            [(os.fsencode(path), identity)],
            file_slices(*((*view, None) for view in slices)),
            io=io,
            progress=None,
            options=FitOptions(threads=2).to_core(),
        )

    return scan


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize(
    ("first", "dims", "values"),
    [
        (0, [(1200, 4)], VALUES),
        (0, [(40, 120), (30, 4)], VALUES),
        (0, [(30, 4), (40, 120)], VALUES),
        (120 * 7, [(9, 4 * 120), (30, 4)], VALUES[7::4]),
        (4 * 3, [(40, 120), (9, 12)], VALUES[:, 3::3]),
        (4, [(20, 240), (2, 40), (5, 8)], VALUES[::2, [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]]),
        (0, [(1, 0), (1200, 4), (1, 8)], VALUES),
    ],
)
def test_counts_what_the_strides_say(scan, io, first, dims, values):
    (found,) = scan((0, "F32", OFFSET + first, dims), io=io).numbers()
    alone = wg.fit_weibull(np.ascontiguousarray(values))
    assert (found["n"], found["k"], found["lam"]) == (values.size, alone.k, alone.lam)


def test_slices_may_share_bytes(scan):
    whole = (0, "F32", OFFSET, [(1200, 4)])
    halves = [(0, "F32", OFFSET + half * 2400, [(600, 4)]) for half in (0, 1)]
    found = scan(whole, *halves, whole).numbers()
    assert found["n"].tolist() == [1200, 600, 600, 1200]


def test_nothing_may_be_asked_for(scan):
    (found,) = scan((0, "F32", 10**15, [(0, 4), (2**64 - 1, 2**62)])).numbers()
    assert found["n"] == 0 and _core.fit_statuses()[found["status"]] == "empty"


@pytest.mark.parametrize(
    ("offset", "dims"),
    [
        (OFFSET, [(1201, 4)]),
        (OFFSET + 1, [(1200, 4)]),
        (OFFSET, [(40, 120), (31, 4)]),
        (OFFSET, [(2, SIZE)]),
        (SIZE - 3, []),
        (SIZE + 1, []),
        (2**64 - 1, [(2, 4)]),
        (OFFSET, [(2**64 - 1, 4)]),
        (OFFSET, [(HUGE, 4), (HUGE, HUGE - 1)]),
        (OFFSET, [(2**62 + 1, 4)]),  # times 4 it is 4 again in 64 bits
        (OFFSET, [(2, HUGE - 1), (2, HUGE - 1)]),
    ],
)
def test_views_beyond_the_file_are_refused(scan, offset, dims):
    with pytest.raises(ValueError, match=r"beyond the end|counts a byte twice"):
        scan((0, "F32", offset, dims))


@pytest.mark.parametrize(
    "dims", [[(4, 0)], [(5, 3)], [(3, 8), (4, 4)], [(2, 4), (2, 4)], [(2**63, 0)]]
)
def test_no_byte_is_counted_twice(scan, dims):
    with pytest.raises(ValueError, match="counts a byte twice"):
        scan((0, "F32", OFFSET, dims))


def test_negative_strides_are_refused(scan):
    with pytest.raises(ValueError, match="negative stride"):
        scan((0, "F32", OFFSET + 40, [(4, -4)]))


@pytest.mark.parametrize(
    "wrong",
    [
        (1, "F32", 0, [(1, 4)]),
        (0, "F33", 0, [(1, 4)]),
    ],
)
def test_unknown_files_and_formats_are_refused(scan, wrong):
    with pytest.raises((ValueError, IndexError)):
        scan(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        (0, "F32", 0, [(-1, 4)]),
        (0, "F32", 0, [(2**64, 4)]),
        (0, "F32", 0, [(1, 2**63)]),
        (0, "F32", 0, [(1, 4, 1)]),
        (0, "F32", 0, 5),
    ],
)
def test_numbers_that_do_not_fit_are_refused(scan, wrong):
    with pytest.raises(TypeError):
        scan(wrong)


def test_results_are_a_table_and_histograms_outlive_it(scan):
    results = scan((0, "F32", OFFSET, [(1200, 4)]), (0, "F32", OFFSET, [(600, 4)]))
    numbers = results.numbers()
    assert len(results) == 2
    assert numbers.dtype == _core.numbers_dtype()
    assert numbers["n"].tolist() == [1200, 600]
    for beyond in (results.quantiles, results.take_histogram):
        with pytest.raises(IndexError):
            beyond(2)
    counts = results.take_histogram(1).counts
    del results
    assert counts.size == 0  # none was asked for
    assert numbers["n"].tolist() == [1200, 600]


def test_columns_of_slices_fit_together(scan):
    def slices(**changed):
        columns = {
            "files": np.zeros(2, np.uint32),
            "formats": np.zeros(2, np.uint8),
            "offsets": np.array([OFFSET, OFFSET + 4], np.uint64),
            "items": np.array([5, 7], np.uint64),
            "noted": np.array([1, 2], np.uint8),
            "columns": np.zeros(2, np.uint64),
        }
        lists = {"shaped": [], "pieces": [], "clusters": [], "of_tokens": []}
        return _core.FileSlices(**{"dtypes": ["F32"], **columns, **lists, **changed})

    assert len(slices()) == 2
    for wrong in (
        {"dtypes": []},
        {"dtypes": ["U8"]},
        {"formats": np.ones(2, np.uint8)},
        {"formats": np.zeros(1, np.uint8)},
        {"items": np.zeros(3, np.uint64)},
        {"noted": np.ones(1, np.uint8)},
        {"noted": np.array([1, 4], np.uint8)},
        {"columns": np.zeros(1, np.uint64)},
        {"clusters": [(2, 1, 1)]},
        {"clusters": [(0, 0, 1)]},
        {"of_tokens": [2]},
        {"pieces": [(2, 0)]},
        {"shaped": [(2, [(1, 4)], None)]},
    ):
        with pytest.raises(ValueError):
            slices(**wrong)
    for wrong in (
        {"offsets": np.zeros(2)},
        {"shaped": [(0, [(1, 4)])]},
        {"shaped": [(0, 5, None)]},
    ):
        with pytest.raises(TypeError):
            slices(**wrong)


def test_decodings_that_leave_the_file_are_refused(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(bytes(64))
    status = os.stat(path)
    identity = (
        *(status.st_dev, status.st_ino, status.st_size),
        *(status.st_mtime_ns, status.st_ctime_ns),
    )

    def scan(dtype, offset, dims, decoding):
        return _core.scan_files(
            [(os.fsencode(path), identity)],
            file_slices((0, dtype, offset, dims, decoding)),
            io="mmap",
            progress=None,
            options=FitOptions(threads=1).to_core(),
        )

    def scaled(**changed):
        block = {"origin": 0, "matrices": 1, "rows": 4, "columns": 8, "block_rows": 4}
        block |= {"block_columns": 4, "scale_of_all": None, "divided": False}
        return _core.BlockScale(**{**block, "scales": (0, "F32", 32, 2), **changed})

    def product(**changed):
        factors = {"rows": 2, "rank": 3, "columns": 4, "left": (0, "F32", 0, 6)}
        return _core.LowRank(**{**factors, "right": (0, "BF16", 24, 12), "factor": 1.0, **changed})

    good = ("F8_E4M3", 0, [(32, 1)], scaled())
    assert scan(*good).numbers()["zeros"] == [32]
    assert scan("F32", 0, [(8, 1)], product()).numbers()["zeros"] == [8]
    bad = [
        ("F8_E4M3", 0, [(33, 1)], scaled()),
        ("F8_E4M3", 0, [(32, 1)], scaled(origin=8)),
        ("F8_E4M3", 0, [(32, 1)], scaled(scales=(0, "F32", 60, 2))),
        ("F8_E4M3", 0, [(32, 1)], scaled(scales=(0, "F32", HUGE, 2))),
        ("F8_E4M3", 0, [(32, 1)], scaled(scale_of_all=(0, "F32", 32, 2))),
        ("F8_E4M3", 0, [(32, 1)], scaled(scale_of_all=(0, "F32", HUGE, 1))),
        ("F8_E4M3", 0, [(32, 1)], scaled(scales=(0, "F64", 32, 2))),
        ("F8_E4M3", 0, [(32, 1)], scaled(rows=HUGE, columns=HUGE)),
        ("F8_E4M3", 0, [(32, 1)], scaled(block_rows=0)),
        ("BF16", 0, [(16, 2)], scaled()),
        ("F32", 0, [(9, 1)], product()),
        ("F32", 0, [(8, 1)], product(rank=HUGE)),
        ("F32", 0, [(8, 1)], product(right=(0, "BF16", 44, 12))),
    ]
    for arguments in bad:
        with pytest.raises(ValueError):
            scan(*arguments)
