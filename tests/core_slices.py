"""Slices as the core takes them, made by hand."""

from __future__ import annotations

import numpy as np

from weightgauge import _core


def file_slices(*slices):
    """Columns of slices that are given as file, dtype, offset, dimensions and decoding."""
    files, dtypes, offsets, dims, decodings = zip(*slices, strict=True)
    return _core.FileSlices(
        dtypes=dtypes,
        files=np.array(files, np.uint32),
        formats=np.arange(len(slices), dtype=np.uint8),
        offsets=np.array(offsets, np.uint64),
        items=np.zeros(len(slices), np.uint64),
        noted=np.ones(len(slices), np.uint8),
        pieces=[],
        columns=np.zeros(len(slices), np.uint64),
        clusters=[],
        of_tokens=[],
        shaped=list(zip(range(len(slices)), dims, decodings, strict=True)),
    )
