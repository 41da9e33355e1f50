"""Strided views of files in the core: what is counted, and what is refused before reading."""

from __future__ import annotations

import os

import numpy as np
import pytest

import weightgauge as wg
from weightgauge import _core
from weightgauge.options import scan_options

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
            slices,
            io=io,
            progress=None,
            options=scan_options(threads=2),
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
    (found,) = scan((0, "F32", OFFSET + first, dims), io=io)
    alone = wg.fit_weibull(np.ascontiguousarray(values))
    assert (found.n, found.fit.k, found.fit.lam) == (values.size, alone.k, alone.lam)


def test_slices_may_share_bytes(scan):
    whole = (0, "F32", OFFSET, [(1200, 4)])
    halves = [(0, "F32", OFFSET + half * 2400, [(600, 4)]) for half in (0, 1)]
    assert [result.n for result in scan(whole, *halves, whole)] == [1200, 600, 600, 1200]


def test_nothing_may_be_asked_for(scan):
    (found,) = scan((0, "F32", 10**15, [(0, 4), (2**64 - 1, 2**62)]))
    assert found.n == 0 and found.fit.status == "empty"


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
        (0, "F32", -1, [(1, 4)]),
        (0, "F32", 2**64, [(1, 4)]),
        (0, "F32", 0, [(-1, 4)]),
        (0, "F32", 0, [(2**64, 4)]),
        (0, "F32", 0, [(1, 2**63)]),
        (0, "F32", 0, [(1, 4, 1)]),
        (0, "F32", 0, 5),
        (0, "F32", 0.5, [(1, 4)]),
    ],
)
def test_numbers_that_do_not_fit_are_refused(scan, wrong):
    with pytest.raises(TypeError):
        scan(wrong)
