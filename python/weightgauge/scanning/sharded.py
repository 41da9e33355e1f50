"""Slices of tensors that are sharded over processes: what this process has of them, counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from weightgauge.dtypes import ITEM_BYTES
from weightgauge.magnitudes.weibull import numbers_of_histogram
from weightgauge.scanning.live.shards import cuts_within
from weightgauge.scanning.placing import blank_numbers
from weightgauge.scanning.run import ScannedSlices, scan_slices

if TYPE_CHECKING:
    from weightgauge import _core
    from weightgauge.anatomy.layouts import Slice
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning.live.shard import LiveCheckpoint

_MADE = "it is made of several tensors, and tensors here are sharded over processes"
_ODD = "it does not follow the dimensions along which its tensor is sharded"


def scan_local(
    checkpoint: LiveCheckpoint,
    slices: Sequence[Slice],
    options: FitOptions,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> ScannedSlices:
    """Count what this process has of slices, and fit it.

    Parameters
    ----------
    checkpoint : LiveCheckpoint
        Of which some tensors are sharded.
    slices : sequence of Slice
        Of the whole tensors.
    options, progress
        As for `scan_slices`.

    Returns
    -------
    ScannedSlices
        One row per slice, with its counts.
    """
    told: dict[int, tuple[str, str]] = {}
    pieces: list[Slice] = []
    places: list[range] = []
    for row, item in enumerate(slices):
        found = _pieces(checkpoint, item)
        if isinstance(found, str):
            told[row] = ("unsupported_dtype", found)
            found = []
        places.append(range(len(pieces), len(pieces) + len(found)))
        pieces += found
    scanned = scan_slices(checkpoint, pieces, options, keep_histograms=True, progress=progress)
    told |= {
        row: scanned.told[place[0]]
        for row, place in enumerate(places)
        if place and place[0] in scanned.told
    }
    counts: dict[int, _core.Histogram] = {}
    for row, (item, place) in enumerate(zip(slices, places, strict=True)):
        if row not in told and item.tensor.dtype in ITEM_BYTES:
            counts[row] = _added(item.tensor.dtype, [scanned.take_counts(each) for each in place])
    numbers = blank_numbers(len(slices))
    for row, histogram in counts.items():
        numbers[row], words = numbers_of_histogram(histogram, options)
        numbers["negatives"][row] = scanned.numbers["negatives"][list(places[row])].sum()
        if words is not None:
            told[row] = words
    return ScannedSlices(numbers, told, {}, options, counts.get)


def _pieces(checkpoint: LiveCheckpoint, item: Slice) -> list[Slice] | str:
    """Return what is here of a slice, or why that cannot be told."""
    if item.stored is not None:
        return _MADE
    array = checkpoint.live_shard(item.tensor.shard).array
    sharding = array.sharding
    if sharding is None:
        return [item]
    if sharding.left_out:
        return []
    tensor = item.tensor._replace(shape=array.shape, nbytes=array.nbytes)
    if item.cut is None:
        return [item._replace(tensor=tensor, shape=array.shape)]
    cuts = cuts_within(item.cut, sharding)
    return _ODD if cuts is None else [item._replace(tensor=tensor, cut=cut) for cut in cuts]


def _added(dtype: str, parts: Sequence[_core.Histogram | None]) -> _core.Histogram:
    """Add the counts of pieces."""
    total = empty_histogram(dtype)
    for part in parts:
        if part is not None:
            total = total.merge(part)
    return total


def empty_histogram(dtype: str, dropped_bits: int = 0) -> _core.Histogram:
    """Return a histogram of nothing."""
    import numpy as np

    from weightgauge import _core

    none = np.empty(0, np.uint64)
    return _core.Histogram(
        dtype=dtype,
        dropped_bits=dropped_bits,
        keys=none,
        counts=none,
        residuals=none,
        zeros=0,
        nans=0,
        infs=0,
        max_key=0,
        known_rms=None,
    )
