"""Results to check the benchmarks with: counts and fits by NumPy, from the definitions.

The fit takes the distinct magnitudes and how often each occurs, walks over all ranks in pieces so
that an array of any size fits into memory, and sums a plain least-squares line. The sums are
doubles: good to about 1e-12 for the spread and size of the data used here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

PIECE = 1 << 20  # ranks that are worked on at a time
WINDOW = (0.10, 0.90)  # mid_80


@dataclass(frozen=True)
class Expected:
    """Number of non-zero finite magnitudes, and the shape and scale fitted to them."""

    n: int
    k: float
    lam: float


def distinct(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Non-zero finite magnitudes in ascending order (float64) and their counts.

    Formats of 8 and 16 bits give each magnitude once; wider ones are sorted, each count 1.
    """
    if array.itemsize > 2:
        x = np.sort(np.abs(array.ravel()))
        x = x[(x > 0) & np.isfinite(x)]
        return x, np.ones(x.size, np.int64)
    codes = np.dtype(f"u{array.itemsize}")
    # The sign is the top bit. Without it, codes of finite numbers ascend as their magnitudes do.
    size = 1 << (8 * array.itemsize)
    counts = np.bincount(array.ravel().view(codes), minlength=size).reshape(2, -1).sum(axis=0)
    with np.errstate(invalid="ignore"):  # some codes are signalling NaNs
        values = np.arange(size // 2).astype(codes).view(array.dtype).astype(np.float64)
    kept = np.isfinite(values) & (values > 0) & (counts > 0)
    return values[kept], counts[kept]


def expected_fit(array: np.ndarray) -> Expected:
    """Fit ln(-ln(1 - p)) to ln x by least squares, with Hazen's positions p = (i - 1/2)/n."""
    values, counts = distinct(array)
    ends = np.cumsum(counts)
    n = int(ends[-1])
    first, last = _window(n)
    # A reference point close to the data, so that sums of squares lose no digits.
    centre = math.log(float(values[np.searchsorted(ends, n // 2)]))
    sums = np.zeros(5)
    for begin in range(first, last, PIECE):
        end = min(begin + PIECE, last)
        low = int(np.searchsorted(ends, begin, side="right"))
        high = int(np.searchsorted(ends, end - 1, side="right")) + 1
        repeats = np.diff(np.clip(ends[low:high], begin, end), prepend=begin)
        x = np.repeat(np.log(values[low:high].astype(np.float64)) - centre, repeats)
        y = np.log(-np.log1p(-(np.arange(begin, end) + 0.5) / n))
        sums += x.sum(), y.sum(), x @ x, x @ y, end - begin
    x_mean, y_mean = sums[:2] / sums[4]
    k = (sums[3] / sums[4] - x_mean * y_mean) / (sums[2] / sums[4] - x_mean**2)
    return Expected(n, float(k), math.exp(centre + x_mean - y_mean / k))


def _window(n: int) -> tuple[int, int]:
    """Return the first rank (from 0) inside the window, and the one after the last."""
    guess = np.arange(max(0, int(WINDOW[0] * n) - 2), int(WINDOW[0] * n) + 3)
    first = int(guess[(guess + 0.5) / n >= WINDOW[0]][0])
    guess = np.arange(int(WINDOW[1] * n) - 3, min(n, int(WINDOW[1] * n) + 3))
    last = int(guess[(guess + 0.5) / n <= WINDOW[1]][-1])
    return first, last + 1


def sorted_regression(magnitudes):
    """Fit shape and scale in the plain way: sort, take plotting positions, fit a line."""
    x = np.sort(magnitudes)
    x = x[np.searchsorted(x, 0.0, side="right") :]
    p = (np.arange(x.size) + 0.5) / x.size
    inside = (p >= 0.1) & (p <= 0.9)
    log_x = np.log(x[inside].astype(np.float64))
    y = np.log(-np.log1p(-p[inside]))
    x_mean, y_mean = log_x.mean(), y.mean()
    log_x -= x_mean
    # With @, the threads of BLAS would go on spinning on processors on which others are measured.
    k = float((log_x * (y - y_mean)).sum() / (log_x * log_x).sum())
    return k, math.exp(x_mean - y_mean / k)
