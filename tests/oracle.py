"""The reference the package is tested against: NumPy and SciPy, straight from the definitions.

Nothing here imports the package, and nothing here is fast: data are sorted, logarithms are
taken of every element, and lines are fitted by ordinary least squares. Two order-protocol
fits are given. `linregress_fit` is the definition in so many words, in double precision.
`order_fit` is the same arithmetic in extended precision with centred sums, because a double
loses digits on data that spread narrowly far from 1 (ln x near 70, varying by 1e-4), where the
definition itself would then be the less exact side of a comparison at 1e-12.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats

WINDOWS = {"mid_80": (0.10, 0.90), "mid_90": (0.05, 0.95), "full": (0.0, 1.0)}

PAPER_BINS = 1024
PAPER_RANGE = (-12.0, 2.0)


@dataclass(frozen=True)
class Fit:
    """Shape k, scale lambda and squared correlation of one fit."""

    k: float
    lam: float
    r2: float


def magnitudes(values: np.ndarray) -> np.ndarray:
    """Sorted non-zero finite |w| as float64 (float32, float16 and narrower fit without loss)."""
    flat = np.abs(np.asarray(values).astype(np.float64).ravel())
    return np.sort(flat[np.isfinite(flat) & (flat > 0)])


def window(n: int, trim: str) -> slice:
    """Ranks i (from 0) whose Hazen position (i + 1/2)/n lies in the closed window of `trim`."""
    low, high = WINDOWS[trim]
    positions = (np.arange(n) + 0.5) / n
    inside = np.flatnonzero((positions >= low) & (positions <= high))
    return slice(int(inside[0]), int(inside[-1]) + 1)


def linregress_fit(x: np.ndarray, trim: str = "mid_80") -> Fit:
    """Sort, Hazen positions, window, `scipy.stats.linregress`: the definition, in doubles."""
    n = x.size
    keep = window(n, trim)
    p = (np.arange(n)[keep] + 0.5) / n
    line = stats.linregress(np.log(x[keep]), np.log(-np.log1p(-p)))
    k = float(line.slope)
    return Fit(k, math.exp(-float(line.intercept) / k), float(line.rvalue) ** 2)


@lru_cache(maxsize=8)
def _ordinates(n: int, trim: str) -> tuple[slice, np.ndarray, np.longdouble, np.longdouble]:
    """Window, centred y = ln(-ln(1 - p)), its mean and its centred sum of squares."""
    keep = window(n, trim)
    p = (np.arange(keep.start, keep.stop, dtype=np.longdouble) + np.longdouble(0.5)) / n
    y = np.log(-np.log1p(-p))
    mean = y.mean()
    y = y - mean
    return keep, y, mean, (y * y).sum()


def order_fit(x: np.ndarray, trim: str = "mid_80") -> Fit | None:
    """The fit of sorted magnitudes `x` in extended precision.

    None where a line means nothing: two or fewer magnitudes, or only one inside the window.
    """
    if np.count_nonzero(np.diff(x)) < 2:
        return None
    keep, y, y_mean, syy = _ordinates(x.size, trim)
    inner = x[keep]
    if inner[0] == inner[-1]:
        return None
    starts = np.concatenate(([0], np.flatnonzero(np.diff(inner)) + 1))
    counts = np.diff(np.concatenate((starts, [inner.size])))
    centre = np.longdouble(inner[inner.size // 2])
    log_x = np.repeat(log_ratio(inner[starts].astype(np.longdouble), centre), counts)
    x_mean = log_x.mean()
    log_x = log_x - x_mean
    sxx, sxy = (log_x * log_x).sum(), (log_x * y).sum()
    k = sxy / sxx
    # intercept = y_mean - k x_mean, so -intercept/k = x_mean - y_mean/k.
    lam = np.exp(np.log(centre) + x_mean - y_mean / k)
    return Fit(float(k), float(lam), float(sxy * sxy / (sxx * syy)))


def log_ratio(x: np.ndarray, centre: np.longdouble) -> np.ndarray:
    """ln(x / centre), without cancellation where x is close to the centre."""
    excess = (x - centre) / centre
    near = np.abs(excess) < 0.5
    return np.where(near, np.log1p(np.where(near, excess, 0)), np.log(x) - np.log(centre))


def ks_distance(x: np.ndarray, k: float, lam: float) -> float:
    """sup |F_n - F| over sorted magnitudes `x`, both sides of every jump, in extended precision."""
    last = np.append(np.flatnonzero(np.diff(x)), x.size - 1)
    distinct = x[last].astype(np.longdouble)
    z = np.exp(np.longdouble(k) * log_ratio(distinct, np.longdouble(lam)))
    cdf = -np.expm1(-z)
    upper = (last + 1).astype(np.longdouble) / x.size
    lower = np.concatenate(([np.longdouble(0)], upper[:-1]))
    return float(max(np.abs(upper - cdf).max(), np.abs(cdf - lower).max()))


def root_mean_square(values: np.ndarray) -> float:
    """Root mean square of the finite elements, zeros included, in extended precision.

    Squares are those of elements beside the largest one: neither that of the largest double nor
    that of the smallest subnormal one leaves the range.
    """
    flat = np.abs(np.asarray(values).astype(np.float64).ravel()).astype(np.longdouble)
    flat = flat[np.isfinite(flat)]
    largest = flat.max()
    if largest == 0:
        return 0.0
    return float(largest * np.sqrt(np.mean((flat / largest) ** 2)))


def standard_errors(x: np.ndarray, trim: str = "mid_80") -> tuple[float, float]:
    """SE of k and of ln lambda for iid magnitudes, from the influence of each distinct one.

    With w the share of each distinct magnitude in the window, m their sum and y the mean
    ordinate of its tie group, J is the derivative of the estimate with respect to ln x; summing
    J times the gaps from above gives the influence G, constant below and zero above the window.
    """
    keep, y, y_mean, _ = _ordinates(x.size, trim)
    y = (y + y_mean).astype(np.float64)
    distinct, first, counts = np.unique(x[keep], return_index=True, return_counts=True)
    fit = order_fit(x, trim)
    assert fit is not None
    w = counts / x.size
    m = w.sum()
    log_x = log_ratio(distinct.astype(np.longdouble), np.longdouble(fit.lam))
    log_x = log_x.astype(np.float64)
    group_y = np.add.reduceat(y, first) / counts
    xbar, ybar = (w * log_x).sum() / m, (w * group_y).sum() / m
    sxx = (w * (log_x - xbar) ** 2).sum() / m
    for_k = ((group_y - ybar) - 2 * fit.k * (log_x - xbar)) / (m * sxx)
    for_ln_lambda = 1 / m + (ybar / fit.k**2) * for_k
    gaps = np.append(np.diff(log_x), 0.0)
    errors = []
    for derivative in (for_k, for_ln_lambda):
        influence = np.cumsum((derivative * gaps)[::-1])[::-1]
        ordered = np.zeros(x.size)
        ordered[: keep.start] = influence[0]
        ordered[keep] = np.repeat(influence, counts)
        errors.append(float(np.sqrt(ordered.var() / x.size)))
    return errors[0], errors[1]


def censored_fit(x: np.ndarray, zeros: int, trim: str = "mid_80") -> Fit | None:
    """The fit of sorted magnitudes `x` above `zeros` zeros that are left-censored.

    All N = zeros + x.size elements have ranks, the zeros the lowest; a line is fitted to the
    points of those magnitudes that lie in the window. Extended precision, as `order_fit`. None
    where fewer than ten are left of a window that zeros reach into, or where a line means nothing.
    """
    total = zeros + x.size
    ranks = np.arange(1, total + 1, dtype=np.longdouble)
    p = (ranks - np.longdouble(0.5)) / total
    low, high = WINDOWS[trim]
    # In integers, as the limits are no doubles: 20 (2 i - 1) against 40 N low and 40 N high.
    odd = 20 * (2 * np.arange(1, total + 1) - 1)
    inside = (odd >= round(40 * low) * total) & (odd <= round(40 * high) * total)
    used = inside & (np.arange(total) >= zeros)
    if (inside[:zeros].any() and used.sum() < 10) or np.count_nonzero(np.diff(x)) < 2:
        return None
    inner = x[used[zeros:]].astype(np.longdouble)
    if inner.size == 0 or inner[0] == inner[-1]:
        return None
    y = np.log(-np.log1p(-p[used]))
    centre = inner[inner.size // 2]
    log_x = log_ratio(inner, centre)
    x_mean, y_mean = log_x.mean(), y.mean()
    log_x, y = log_x - x_mean, y - y_mean
    sxx, sxy, syy = (log_x * log_x).sum(), (log_x * y).sum(), (y * y).sum()
    k = sxy / sxx
    lam = np.exp(np.log(centre) + x_mean - y_mean / k)
    return Fit(float(k), float(lam), float(sxy * sxy / (sxx * syy)))


def censored_ks(x: np.ndarray, zeros: int, k: float, lam: float) -> float:
    """sup |F_N - F| from the lowest magnitude on, F_N counting `zeros` below it."""
    last = np.append(np.flatnonzero(np.diff(x)), x.size - 1)
    z = np.exp(np.longdouble(k) * log_ratio(x[last].astype(np.longdouble), np.longdouble(lam)))
    cdf = -np.expm1(-z)
    upper = (zeros + last + 1).astype(np.longdouble) / (zeros + x.size)
    lower = np.concatenate(([np.longdouble(zeros) / (zeros + x.size)], upper[:-1]))
    return float(max(np.abs(upper - cdf).max(), np.abs(cdf - lower).max()))


def inverted_cdf(x: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Quantiles of magnitudes `x` by NumPy's own left-continuous inverse of the ECDF."""
    probs = np.asarray(probs, dtype=np.float64)
    flat = np.quantile(x, probs.ravel(), method="inverted_cdf")
    return flat.reshape(probs.shape)


def paper_fit(values: np.ndarray, trim: str = "mid_80") -> Fit:
    """The paper protocol: 1,024 equal bins of log10 |w|, weighted least squares on bin centres."""
    w = np.abs(np.asarray(values).astype(np.float32).ravel())
    log_w = np.log10(w[np.isfinite(w) & (w > 0)])
    edges = np.linspace(*PAPER_RANGE, PAPER_BINS + 1)
    h, _ = np.histogram(log_w, bins=edges)
    position = (np.cumsum(h) - h / 2) / h.sum()
    low, high = WINDOWS[trim]
    mask = (position >= low) & (position <= high) & (h > 0)
    x = ((edges[:-1] + edges[1:]) / 2 * math.log(10.0))[mask]
    y = np.log(-np.log(1 - position[mask] + 1e-12))
    share = h[mask] / h[mask].sum()
    x_mean, y_mean = (share * x).sum(), (share * y).sum()
    sxx = (share * (x - x_mean) ** 2).sum()
    sxy = (share * (x - x_mean) * (y - y_mean)).sum()
    syy = (share * (y - y_mean) ** 2).sum()
    k = float(sxy / sxx)
    return Fit(k, math.exp(float(x_mean - y_mean / k)), float(sxy**2 / (sxx * syy)))
