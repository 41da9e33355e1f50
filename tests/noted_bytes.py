"""What the core notes of bytes in memory, in a file, or fed to it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from weightgauge import _core

TENSOR, DIGEST = 2, 3


def options(*, threads: int = 1, chunk_bytes: int = 1 << 20) -> _core.ScanOptions:
    return _core.ScanOptions(
        trim="mid_80",
        zeros="exclude",
        paper=None,
        exact=False,
        fit=False,
        keep_histogram=False,
        probabilities=[],
        threads=threads,
        chunk_bytes=chunk_bytes,
        errors="independent",
    )


def slices(dtype: str, items: int, *, offset: int = 0, noted: int = TENSOR) -> _core.FileSlices:
    """One slice whose items lie side by side."""
    return _core.FileSlices(
        dtypes=[dtype],
        files=np.zeros(1, np.uint32),
        formats=np.zeros(1, np.uint8),
        offsets=np.array([offset], np.uint64),
        items=np.array([items], np.uint64),
        noted=np.array([noted], np.uint8),
        shaped=[],
        pieces=[],
        columns=np.zeros(1, np.uint64),
        clusters=[],
        of_tokens=[],
    )


def file_source(path: Any) -> _core.SourceSpec:
    about = os.stat(path)
    times = (about.st_mtime_ns, about.st_ctime_ns)
    return os.fsencode(path), (about.st_dev, about.st_ino, about.st_size, *times)


def noted(source: Any, what: _core.FileSlices, *, io: str = "mmap", **given: int) -> np.void:
    """Numbers of one slice."""
    given_options = options(**given)
    found = _core.scan_files([source], what, io=io, progress=None, options=given_options)
    return found.numbers()[0]


def digest_of_memory(data: np.ndarray) -> str:
    """Digest of an array of bytes."""
    view = _core.ArrayView.from_numpy(data, "F8_E8M0")
    return f"{noted(view, slices('F8_E8M0', data.size, noted=DIGEST))['digest']:016x}"
