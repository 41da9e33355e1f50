"""The published protocol's bins, as exact thresholds on float32 magnitudes.

The paper (arXiv:2605.18898) and its library bin the float32 logarithm log10 |w| into 1,024 equal
bins over [-12, 2]. A weight's bin depends on how NumPy rounds that logarithm. The logarithm rises
with the magnitude, so it is enough to know the smallest float32 that reaches each edge. These 1,025
thresholds are found once by bisection; with them no logarithm of a weight is needed.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from weightgauge import _core

LOW, HIGH, BINS = -12.0, 2.0, 1024


def log10_edges() -> NDArray[np.float64]:
    """Edges of the published bins.

    Returns
    -------
    ndarray of float64, shape (1025,)
        Values of log10 |w|, ascending.
    """
    return np.linspace(LOW, HIGH, BINS + 1)


def magnitude_thresholds() -> NDArray[np.uint32]:
    """Smallest float32 magnitude of each bin, and the smallest beyond the last bin.

    Returns
    -------
    ndarray of uint32, shape (1025,)
        Bit patterns of positive float32 numbers, ascending. Bin i holds the magnitudes from entry
        i up to, not including, entry i + 1. The last bin is closed, as in ``numpy.histogram``.
    """
    edges = log10_edges()
    # Bisect all edges at once between the patterns of 1e-14 and 1e4.
    below = np.full(edges.shape, np.float32(1e-14).view(np.uint32), np.uint32)
    reached = np.full(edges.shape, np.float32(1e4).view(np.uint32), np.uint32)
    while np.any(reached - below > 1):
        middle = below + (reached - below) // 2
        logarithm = np.log10(middle.view(np.float32)).astype(np.float64)
        inside = logarithm >= edges
        inside[-1] = logarithm[-1] > edges[-1]  # the last bin includes its upper edge
        reached = np.where(inside, middle, reached)
        below = np.where(inside, below, middle)
    return reached


@cache
def paper_bins() -> _core.PaperBins:
    """Return the bins in the form that the core takes; they are made once."""
    return _core.PaperBins(magnitude_thresholds())
