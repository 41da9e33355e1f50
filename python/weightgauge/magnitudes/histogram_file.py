"""A magnitude histogram as one safetensors file.

It has the tensors ``totals`` (U64: zeros, NaNs, infinities, key of the largest magnitude, number of
low bits left out of a key), ``keys``, ``counts`` and ``residuals`` (U64, one entry for each
magnitude or bin; ``residuals`` is empty if the histogram is exact). The metadata name the format,
its version and the element format; where bins do not tell the root mean square, that as well; and
a digest of all of it.
"""

from __future__ import annotations

import math
import os

import numpy as np

from weightgauge import _core
from weightgauge.checkpoint.byte_source import MemoryBytes
from weightgauge.checkpoint.safetensors.writing import WrittenTensor
from weightgauge.dtypes import DTYPE_BITS, ITEM_BYTES
from weightgauge.errors import printable
from weightgauge.files import write_atomically
from weightgauge.magnitudes.counts_file import CountsForm, CountsReader, counts_file, open_counts

_PARTS = ("keys", "counts", "residuals")
_TOTALS = 5
_FORM = CountsForm(
    format="weightgauge.magnitudes.histogram",
    version="2",
    tensors={name: ("U64", 1) for name in ("totals", *_PARTS)},
    entries=frozenset(("dtype", "rms")),
)


def write_histogram(
    histogram: _core.Histogram, path: str | os.PathLike[str], *, force: bool
) -> None:
    """Write one histogram; see `MagnitudeHistogram.save`."""
    totals = (
        histogram.zeros,
        histogram.nans,
        histogram.infs,
        histogram.max_key,
        histogram.dropped_bits,
    )
    arrays = {"totals": np.array(totals, "<u8")}
    arrays |= {name: getattr(histogram, name).astype("<u8") for name in _PARTS}
    entries = {"dtype": histogram.dtype}
    if histogram.known_rms is not None:
        entries["rms"] = repr(histogram.known_rms)
    tensors = [
        WrittenTensor(name, "U64", array.shape, [array.tobytes()]) for name, array in arrays.items()
    ]
    content = counts_file(_FORM, tensors, **entries)
    _read(CountsReader(MemoryBytes(content, os.fsdecode(path)), _FORM))
    write_atomically(path, content, force=force)


def read_histogram(path: str | os.PathLike[str]) -> _core.Histogram:
    """Read one histogram; see `MagnitudeHistogram.load`."""
    with open_counts(path, _FORM) as reader:
        return _read(reader)


def _read(reader: CountsReader) -> _core.Histogram:
    dtype = reader.metadata.get("dtype", "")
    if dtype not in ITEM_BYTES:
        reader.fail("dtype", f"'{printable(dtype)}' is no element format that is counted")
    if reader.shape("totals") != (_TOTALS,):
        reader.fail("totals", f"are not {_TOTALS} numbers")
    totals = np.frombuffer(reader.read("totals", 8 * _TOTALS), "<u8").tolist()
    zeros, nans, infs, max_key, dropped_bits = totals
    if dropped_bits >= DTYPE_BITS[dtype]:
        reader.fail("totals", f"{dropped_bits} bits are left out of keys of {dtype}")
    (entries,), (counted,), (summed,) = (reader.shape(name) for name in _PARTS)
    if entries > 1 << DTYPE_BITS[dtype] - dropped_bits:
        reader.fail("keys", f"are {entries:,}, more than {dtype} has")
    if counted != entries or summed != (entries if dropped_bits else 0):
        reader.fail("counts", "keys, counts and residuals differ in length")
    rms = _root_mean_square(reader)
    keys = reader.words("keys", 8, entries, zeros=1)
    counts = reader.words("counts", 8, entries, zeros=0)
    residuals = reader.words("residuals", 8, summed, zeros=summed)
    try:
        histogram = _core.Histogram(
            dtype=dtype,
            dropped_bits=dropped_bits,
            keys=keys,
            counts=counts,
            residuals=residuals,
            zeros=zeros,
            nans=nans,
            infs=infs,
            max_key=max_key,
            known_rms=rms,
        )
    except ValueError as error:
        reader.fail("counts", str(error))
    reader.check_digest()
    return histogram


def _root_mean_square(reader: CountsReader) -> float | None:
    """Return the root mean square that the metadata state; None where they state none."""
    text = reader.metadata.get("rms")
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        reader.fail("rms", f"'{printable(text)}' is no number")
    return value
