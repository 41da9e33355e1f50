"""The oracle's influences and independent standard errors, against draws and finite changes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from oracle import influences, magnitudes, order_fit, standard_errors


def midpoints(n: int) -> np.ndarray:
    return (np.arange(n) + 0.5) / n


@pytest.mark.parametrize(
    ("trim", "se_k", "se_ln_lambda"),
    [("mid_80", 1.36471, 0.86207), ("mid_90", 1.30643, 0.84972)],
)
def test_standard_errors_of_half_normal(trim: str, se_k: float, se_ln_lambda: float) -> None:
    n = 200_000
    for_k, for_ln_lambda = standard_errors(stats.halfnorm.ppf(midpoints(n)), trim)
    # Five decimals published; the sums over gaps are rectangle rules, an error of order 1/n, and
    # the factor for few magnitudes adds 1.36 x 10/n = 7e-5.
    assert for_k * math.sqrt(n) == pytest.approx(se_k, abs=1e-4)
    assert for_ln_lambda * math.sqrt(n) == pytest.approx(se_ln_lambda, abs=5e-5)


def test_standard_errors_of_three_levels() -> None:
    x = np.repeat([1.0, 2.0, 4.0], [30_000, 40_000, 30_000])
    for_k, for_ln_lambda = standard_errors(x)
    # Both boundaries lie inside the window, both gaps are ln 2, and the fit is symmetric in X:
    # what is published has three digits.
    assert for_k == pytest.approx(0.00230, abs=1e-5)
    assert for_ln_lambda == pytest.approx(0.00211, abs=1e-5)


@pytest.mark.parametrize("shares", [(20, 25, 30, 20, 5), (5, 40, 40, 10, 5), (40, 20, 5, 5, 30)])
def test_influence_is_what_more_of_one_magnitude_does(shares) -> None:
    # 20 more weights among 200,000: each end of mid_80 moves by 2 whole ranks.
    levels, more = np.array([1.0, 2.0, 3.0, 4.0, 6.0]), 20
    x = np.repeat(levels, np.array(shares) * 2000)
    before, found = order_fit(x), influences(x)
    for level, for_k, for_ln_lambda in zip(levels, found.for_k, found.for_ln_lambda, strict=True):
        after = order_fit(np.sort(np.append(x, np.repeat(level, more))))
        change = (after.k - before.k) * x.size / more
        change_ln = math.log(after.lam / before.lam) * x.size / more
        # The next term of the expansion is of the order of more/n = 1e-4 of influences near 1;
        # Hazen's midpoints add 1/n of a rank at each of the boundaries.
        assert change == pytest.approx(for_k, abs=3e-3)
        assert change_ln == pytest.approx(for_ln_lambda, abs=3e-3)


def test_influences_are_centred_constant_outside_the_window_and_looked_up_by_magnitude() -> None:
    x = magnitudes(np.random.default_rng(0).normal(size=1000))
    found = influences(x)
    for influence in (found.for_k, found.for_ln_lambda):
        assert (found.counts * influence).sum() == pytest.approx(0, abs=1e-9)
        assert np.ptp(influence[:100]) == 0 and np.ptp(influence[900:]) == 0
    values = np.array([[-x[3], x[500]], [0.0, np.nan]])
    assert found.of(values)[0].tolist() == [[found.for_k[3], found.for_k[500]], [0.0, 0.0]]


def drawn_levels(rng: np.random.Generator, levels: int, n: int) -> np.ndarray:
    """Gaussian magnitudes rounded to `levels` levels, the lowest half a step above zero."""
    step = 3.0 / levels
    index = np.minimum(np.floor(np.abs(rng.standard_normal(n)) / step), levels - 1)
    return np.sort((index + 0.5) * step)


@pytest.mark.parametrize("levels", [8, 27])
def test_standard_errors_of_levels_cover(levels: int) -> None:
    rng, n, draws = np.random.default_rng(levels), 10_000, 800
    truth = order_fit(drawn_levels(rng, levels, 4_000_000))
    inside = np.zeros(2)
    for _ in range(draws):
        x = drawn_levels(rng, levels, n)
        fit, errors = order_fit(x), standard_errors(x)
        off = np.array([fit.k - truth.k, math.log(fit.lam / truth.lam)])
        inside += np.abs(off) < 1.96 * np.array(errors)
    # 800 draws know the coverage to 0.0077; the rule of left ends and group means had 1.000 for
    # k and 0.873 for ln lambda at 8 levels.
    assert (np.abs(inside / draws - 0.95) < 0.023).all(), inside / draws


@pytest.mark.parametrize("n", [10, 30, 100])
@pytest.mark.parametrize("name", ["normal", "t3", "uniform"])
def test_standard_errors_of_few_magnitudes_cover(name: str, n: int) -> None:
    rng, draws = np.random.default_rng(n), 1500
    k, lam, draw = {
        "normal": (1.205434319017451, 0.8874870398322663, rng.standard_normal),
        "t3": (1.105730581332, 1.068074052605, lambda size: rng.standard_t(3, size)),
        "uniform": (1.375118805363, 0.607365596647, lambda size: rng.uniform(-1, 1, size)),
    }[name]
    inside = np.zeros(2)
    for _ in range(draws):
        x = magnitudes(draw(n))
        fit, errors = order_fit(x), standard_errors(x)
        off = np.array([fit.k - k, math.log(fit.lam / lam)])
        inside += np.abs(off) < 1.96 * np.array(errors)
    # 0.934 to 0.957 over 20,000 draws; 1,500 draws know it to 0.006.
    assert (inside / draws > 0.915).all() and (inside / draws < 0.975).all(), inside / draws
