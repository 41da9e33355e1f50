"""A histogram in as few bytes as its numbers need, without losing any."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge import _core

    Unsigned = NDArray[np.unsignedinteger[np.typing.NBitBase]]

_WIDTHS = (np.uint8, np.uint16, np.uint32, np.uint64)


class PackedHistogram(NamedTuple):
    """Counts of one slice, each array in the narrowest unsigned format that holds it.

    Attributes
    ----------
    dtype : str
        Element format, in the spelling of safetensors.
    dropped_bits : int
        Low bits that the keys of magnitudes lack: 0 where the histogram is exact.
    steps : ndarray of unsigned int
        Differences of successive keys, the first key in front.
    counts : ndarray of unsigned int
        Elements per key.
    residuals : ndarray of unsigned int
        Sums of the low bits; empty where the histogram is exact.
    zeros, nans, infs, max_key : int
        What is not among the counts, and the key of the largest magnitude.
    known_rms : float or None
        Root mean square where the bins do not tell it.
    """

    dtype: str
    dropped_bits: int
    steps: Unsigned
    counts: Unsigned
    residuals: Unsigned
    zeros: int
    nans: int
    infs: int
    max_key: int
    known_rms: float | None

    @property
    def nbytes(self) -> int:
        """Bytes of the three arrays."""
        return int(self.steps.nbytes + self.counts.nbytes + self.residuals.nbytes)


def pack(histogram: _core.Histogram) -> PackedHistogram:
    """Pack a histogram of the core."""
    return PackedHistogram(
        dtype=histogram.dtype,
        dropped_bits=histogram.dropped_bits,
        steps=_narrowed(np.diff(histogram.keys, prepend=np.uint64(0))),
        counts=_narrowed(histogram.counts),
        residuals=_narrowed(histogram.residuals),
        zeros=histogram.zeros,
        nans=histogram.nans,
        infs=histogram.infs,
        max_key=histogram.max_key,
        known_rms=histogram.known_rms,
    )


def unpack(packed: PackedHistogram) -> _core.Histogram:
    """Return the histogram that was packed.

    Raises
    ------
    ValueError
        The numbers are no histogram: keys out of order, a count of zero, sums that do not fit.
    """
    from weightgauge import _core

    keys = np.cumsum(packed.steps, dtype=np.uint64)
    if keys.size and (np.any(packed.steps[1:] == 0) or np.any(keys[1:] < keys[:-1])):
        raise ValueError("keys are not in ascending order")
    return _core.Histogram(
        dtype=packed.dtype,
        dropped_bits=packed.dropped_bits,
        keys=keys,
        counts=packed.counts.astype(np.uint64),
        residuals=packed.residuals.astype(np.uint64),
        zeros=packed.zeros,
        nans=packed.nans,
        infs=packed.infs,
        max_key=packed.max_key,
        known_rms=packed.known_rms,
    )


def _narrowed(values: NDArray[np.uint64]) -> Unsigned:
    largest = int(values.max()) if values.size else 0
    width = next(width for width in _WIDTHS if largest <= np.iinfo(width).max)
    return values.astype(width)
