"""A magnitude histogram as one safetensors file.

It has the tensors ``keys``, ``counts`` and ``residuals`` (U64, one entry for each magnitude or bin;
``residuals`` is empty if the histogram is exact) and ``totals`` (U64: zeros, NaNs, infinities, key
of the largest magnitude, number of low bits left out of a key). The metadata names the format, its
version and the element format, and where bins do not tell the root mean square, that as well.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from weightgauge import _core
from weightgauge.errors import HistogramFileError, printable
from weightgauge.files import write_atomically

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FORMAT = "weightgauge.magnitudes.histogram"
_VERSION = "1"
_TENSORS = ("keys", "counts", "residuals", "totals")


def write_histogram(
    histogram: _core.Histogram, path: str | os.PathLike[str], *, force: bool
) -> None:
    """Write one histogram; see `MagnitudeHistogram.save`."""
    from safetensors.numpy import save

    totals = (
        histogram.zeros,
        histogram.nans,
        histogram.infs,
        histogram.max_key,
        histogram.dropped_bits,
    )
    tensors = {
        "keys": histogram.keys,
        "counts": histogram.counts,
        "residuals": histogram.residuals,
        "totals": np.array(totals, np.uint64),
    }
    metadata = {"format": _FORMAT, "version": _VERSION, "dtype": histogram.dtype}
    if histogram.known_rms is not None:
        metadata["rms"] = repr(histogram.known_rms)
    write_atomically(path, save(tensors, metadata), force=force)


def read_histogram(path: str | os.PathLike[str]) -> _core.Histogram:
    """Read one histogram; see `MagnitudeHistogram.load`."""
    from safetensors import SafetensorError, safe_open

    name = printable(os.fsdecode(path))
    try:
        if not os.path.isfile(path):  # reading a FIFO or a device could wait for ever
            raise FileNotFoundError(f"{name} is no file")
        with safe_open(os.fsdecode(path), framework="np") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                raise HistogramFileError(f"{name}: not a histogram written by weightgauge")
            if metadata.get("version") != _VERSION:
                found = printable(str(metadata.get("version")))
                raise HistogramFileError(f"{name}: unknown version {found} of the file format")
            if set(file.keys()) != set(_TENSORS):
                raise HistogramFileError(f"{name}: tensors are missing, or there are others")
            keys, counts, residuals, totals = (file.get_tensor(part) for part in _TENSORS)
    except (OSError, SafetensorError, AttributeError, TypeError, ValueError) as error:
        # The library raises errors of many kinds for element formats that NumPy lacks.
        if isinstance(error, HistogramFileError):
            raise
        raise HistogramFileError(f"{name}: cannot be read: {printable(str(error))}") from error
    return _checked(name, metadata, keys, counts, residuals, totals)


def _checked(
    name: str,
    metadata: Mapping[str, str],
    keys: NDArray[np.uint64],
    counts: NDArray[np.uint64],
    residuals: NDArray[np.uint64],
    totals: NDArray[np.uint64],
) -> _core.Histogram:
    for tensor in (keys, counts, residuals, totals):
        if tensor.dtype != np.uint64 or tensor.ndim != 1:
            raise HistogramFileError(f"{name}: a tensor is not a vector of 64-bit counts")
    if totals.size != 5 or int(totals[4]) > 64:
        raise HistogramFileError(f"{name}: the totals are damaged")
    zeros, nans, infs, max_key, dropped_bits = (int(total) for total in totals)
    rms = metadata.get("rms")
    try:
        return _core.Histogram(
            dtype=metadata.get("dtype", ""),
            dropped_bits=dropped_bits,
            keys=keys,
            counts=counts,
            residuals=residuals,
            zeros=zeros,
            nans=nans,
            infs=infs,
            max_key=max_key,
            known_rms=None if rms is None else float(rms),
        )
    except ValueError as error:
        raise HistogramFileError(f"{name}: {printable(str(error))}") from error
