"""The oracle itself, against closed forms, quadrature and decimal arithmetic."""

from __future__ import annotations

import decimal
import math

import numpy as np
import pytest
from scipy import integrate, special, stats

from closeness import relative
from oracle import (
    inverted_cdf,
    ks_distance,
    linregress_fit,
    magnitudes,
    order_fit,
    paper_fit,
    window,
)

HALF_NORMAL = stats.halfnorm()
MIXTURE_WIDTHS = (1.0, 0.1)


def mixture_quantile(p):
    """Quantile of |w| for w ~ 0.5 N(0, 1) + 0.5 N(0, 0.1^2), by Newton's method on ln x."""
    p = np.asarray(p, dtype=np.float64)
    u = np.log(stats.halfnorm.ppf(p) * 0.4)
    for _ in range(60):
        z = [np.exp(u) / s for s in MIXTURE_WIDTHS]
        excess = sum(special.erf(v / math.sqrt(2)) for v in z) / 2 - p
        density = sum(v * np.exp(-v * v / 2) for v in z) * math.sqrt(2 / math.pi) / 2
        u = u - np.clip(excess / density, -0.5, 0.5)
    return np.exp(u)


def truncated(bound: float):
    """Quantile function of |w| for a standard normal cut at `bound`."""
    inside = stats.halfnorm.cdf(bound)
    return lambda p: stats.halfnorm.ppf(np.asarray(p) * inside)


def student(freedom: int):
    """Quantiles of |t|. Older SciPy's are off by 1e-9; one step of Newton's method mends them."""

    def quantile(p):
        upper = (1 + p) / 2
        x = stats.t.ppf(upper, freedom)
        return x - (stats.t.cdf(x, freedom) - upper) / stats.t.pdf(x, freedom)

    return quantile


# name: quantile function of |w|, k, lambda, R2 and the decimals R2 is published to.
POPULATIONS = {
    "half_normal": (HALF_NORMAL.ppf, 1.205434319017451, 0.8874870398322663, 0.9977403672, 10),
    "uniform": (lambda p: p, 1.375118805363, 0.607365596647, 0.98306, 5),
    "cut_at_2": (truncated(2.0), 1.227173711174, 0.830310252088, 0.99634, 5),
    "cut_at_3": (truncated(3.0), 1.206839139398, 0.883947104062, 0.99766, 5),
    "t3": (student(3), 1.105730581332, 1.068074052605, 0.99983, 5),
    "t5": (student(5), 1.148275432161, 0.988085045530, 0.99957, 5),
    "laplace": (lambda p: -np.log1p(-p), 1.0, 1.0, 1.0, 10),
    "mixture": (mixture_quantile, 0.686762580980, 0.354130749557, 0.9667, 4),
}


def population_fit(quantile, low: float, high: float) -> tuple[float, float, float]:
    """k, lambda and R2 of infinitely many draws: least squares as integrals over p."""

    def mean(f) -> float:
        value, _ = integrate.quad(f, low, high, epsabs=1e-13, epsrel=1e-12, limit=400)
        return value / (high - low)

    def x(p: float) -> float:
        return float(np.log(quantile(p)))

    def y(p: float) -> float:
        return math.log(-math.log1p(-p))

    x_mean, y_mean = mean(x), mean(y)
    sxx = mean(lambda p: (x(p) - x_mean) ** 2)
    sxy = mean(lambda p: (x(p) - x_mean) * (y(p) - y_mean))
    syy = mean(lambda p: (y(p) - y_mean) ** 2)
    k = sxy / sxx
    return k, math.exp(x_mean - y_mean / k), sxy**2 / (sxx * syy)


def midpoints(n: int) -> np.ndarray:
    return (np.arange(n) + 0.5) / n


@pytest.mark.parametrize("name", POPULATIONS)
def test_population_anchors_by_quadrature(name: str) -> None:
    quantile, k, lam, r2, r2_decimals = POPULATIONS[name]
    measured = population_fit(quantile, 0.10, 0.90)
    # The anchors carry 12 decimals; quadrature of smooth functions is good to about 1e-12.
    assert measured[:2] == relative((k, lam), rel=2e-11)
    assert measured[2] == pytest.approx(r2, abs=0.51 * 10.0**-r2_decimals)


def test_half_normal_other_windows_by_quadrature() -> None:
    k, lam, _ = population_fit(HALF_NORMAL.ppf, 0.05, 0.95)
    assert (k, lam) == relative((1.190922610384, 0.880887883490), rel=2e-11)
    # Both ends of the full range are logarithmically singular: quad loses a few digits.
    k, lam, _ = population_fit(HALF_NORMAL.ppf, 0.0, 1.0)
    assert (k, lam) == relative((1.15106659072, 0.874835116855), rel=1e-8)


@pytest.mark.parametrize("name", POPULATIONS)
def test_fit_of_a_quantile_grid_is_the_population_fit(name: str) -> None:
    quantile, k, lam, _, _ = POPULATIONS[name]
    n = 20_000
    fit = order_fit(np.asarray(quantile(midpoints(n)), dtype=np.float64))
    assert fit is not None
    # A grid at the midpoints makes every sum a midpoint rule: an error of order 1/n^2 = 2.5e-9.
    assert (fit.k, fit.lam) == relative((k, lam), rel=2e-8)


@pytest.mark.parametrize("trim", ["mid_80", "mid_90", "full"])
@pytest.mark.parametrize(("k", "lam"), [(1.2, 0.02), (0.4, 1e-30), (7.5, 3e5)])
def test_an_exact_weibull_is_returned(k: float, lam: float, trim: str) -> None:
    # At the plotting positions themselves the points lie on a line. ln of the rounded x is the
    # only error: half an ulp of x, 1.1e-16 in ln x, against a spread of ln x of at least 0.1.
    x = lam * (-np.log1p(-midpoints(5000))) ** (1 / k)
    fit = order_fit(x, trim)
    assert fit is not None
    assert (fit.k, fit.lam, fit.r2) == relative((k, lam, 1.0), rel=1e-14)


@pytest.mark.parametrize("trim", ["mid_80", "mid_90", "full"])
@pytest.mark.parametrize("n", [10, 100, 50_001])
def test_extended_precision_agrees_with_linregress(n: int, trim: str) -> None:
    x = magnitudes(np.random.default_rng(n).normal(0, 0.02, n))
    fit, plain = order_fit(x, trim), linregress_fit(x, trim)
    assert fit is not None
    # linregress sums n terms of order 1 in doubles: some tens of eps.
    assert (fit.k, fit.lam, fit.r2) == relative((plain.k, plain.lam, plain.r2), rel=2e-14)


def decimal_fit(x: list[float], first: int, last: int) -> tuple[decimal.Decimal, ...]:
    """The definition in 60-digit decimal arithmetic over the ranks first..last (from 1)."""
    with decimal.localcontext() as context:
        context.prec = 60
        n = decimal.Decimal(len(x))
        ranks = range(first, last + 1)
        xs = [decimal.Decimal(x[i - 1]).ln() for i in ranks]
        ys = [(-(1 - (i - decimal.Decimal("0.5")) / n).ln()).ln() for i in ranks]
        x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
        sxx = sum((a - x_mean) ** 2 for a in xs)
        syy = sum((b - y_mean) ** 2 for b in ys)
        sxy = sum((a - x_mean) * (b - y_mean) for a, b in zip(xs, ys, strict=True))
        k = sxy / sxx
        return k, (x_mean - y_mean / k).exp(), sxy**2 / (sxx * syy)


@pytest.mark.parametrize("spread", [1e-4, 1e-10])
@pytest.mark.parametrize("centre", [1.0, 7.3, 1e-30, 1e300])
def test_narrow_data_against_decimal_arithmetic(centre: float, spread: float) -> None:
    # The case double precision cannot do: k near 1e4 (1e10) from ln x that agree to 4 (10) digits.
    x = np.sort(centre * (1 + spread * np.random.default_rng(5).standard_normal(200)))
    fit = order_fit(x)
    assert fit is not None
    # Ranks 21..180 of 200 have positions 0.1025..0.8975.
    k, lam, r2 = (float(v) for v in decimal_fit(x.tolist(), 21, 180))
    # Logarithms are taken relative to the median, so nothing cancels; the rest is rounding of
    # the results to doubles, and of ln(lambda) = 691 with 64 bits: 691 x 5e-20.
    assert (fit.k, fit.lam, fit.r2) == relative((k, lam, r2), rel=1e-15)


@pytest.mark.parametrize(
    ("n", "trim", "first", "last"),
    [
        (10, "mid_80", 2, 9),  # p = 0.05, 0.15, ..., 0.95
        (15, "mid_80", 2, 14),  # rank 2 sits at 1.5/15 = 0.1 exactly: the window is closed
        (5, "mid_80", 1, 5),  # 0.1, 0.3, ..., 0.9
        (10, "mid_90", 1, 10),  # rank 1 at 0.05 exactly
        (30, "mid_90", 2, 29),  # rank 2 at 1.5/30 = 0.05 exactly
        (7, "full", 1, 7),
    ],
)
def test_window_ends(n: int, trim: str, first: int, last: int) -> None:
    assert window(n, trim) == slice(first - 1, last)


def test_no_fit_without_three_magnitudes_or_two_in_the_window() -> None:
    assert order_fit(np.repeat([1.0, 2.0], 50)) is None
    assert order_fit(np.repeat([1.0, 2.0, 3.0], [3, 94, 3])) is None
    assert order_fit(np.array([])) is None
    assert order_fit(np.repeat([1.0, 2.0, 3.0], [3, 60, 37])) is not None


def test_ks_by_hand() -> None:
    # F(x) = 1 - exp(-x). At ln 2 the ECDF jumps from 0 to 3/4 over F = 1/2, at ln 4 from 3/4 to
    # 1 over F = 3/4: distances 1/2, 1/4, 0, 1/4.
    x = np.array([math.log(2)] * 3 + [math.log(4)])
    assert ks_distance(x, 1.0, 1.0) == pytest.approx(0.5, abs=1e-15)
    # The lower side of a jump decides here: F(ln 8) = 7/8 while nothing lies below.
    assert ks_distance(np.array([math.log(8)] * 4), 1.0, 1.0) == pytest.approx(0.875, abs=1e-15)


def test_ks_agrees_with_scipy() -> None:
    x = magnitudes(np.random.default_rng(1).normal(size=5000))
    ours = ks_distance(x, 1.2, 0.9)
    theirs = stats.kstest(x, stats.weibull_min(1.2, scale=0.9).cdf).statistic
    assert ours == pytest.approx(theirs, abs=1e-15)


def test_ks_of_half_normal_against_its_own_fit() -> None:
    n = 200_000
    distance = ks_distance(HALF_NORMAL.ppf(midpoints(n)), 1.205434319017451, 0.8874870398322663)
    # 0.024399 is rounded to six decimals; the grid's steps add half of 1/n = 2.5e-6.
    assert distance == pytest.approx(0.024399, abs=0.5e-6 + 0.5 / n)


def test_quantiles_are_the_smallest_magnitude_covering_p() -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0])
    probs = [0.0, 1e-300, 0.25, 0.2500001, 0.5, 0.75, 1.0]
    assert inverted_cdf(x, probs).tolist() == [1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 4.0]


def test_magnitudes_are_sorted_nonzero_and_finite() -> None:
    values = np.array([[-0.0, 3.0, np.nan], [-1.0, np.inf, 2.0]], dtype=np.float32)
    assert magnitudes(values).tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("trim", ["mid_80", "mid_90", "full"])
@pytest.mark.parametrize("scale", [1e-9, 0.02, 3.0])
def test_paper_protocol_agrees_with_its_published_library(scale: float, trim: str) -> None:
    core = pytest.importorskip("npm_weibull.core.weibull")
    binning = pytest.importorskip("npm_weibull.utils.histogram")
    x = np.random.default_rng(3).normal(0, scale, 200_000).astype(np.float32)
    named = {"full": "full_range"}.get(trim, trim)
    theirs = core.weibull_fit(binning.extract_to_histogram(x), trim=named)
    ours = paper_fit(x, trim)
    # Same bins, same weights; only the least-squares solvers differ (SVD against centred sums).
    assert (ours.k, ours.lam, ours.r2) == relative(
        (theirs["k"], theirs["lambda"], theirs["R2"]), rel=1e-11
    )
