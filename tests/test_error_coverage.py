"""Errors of independent weights hold the truth as often as they say, whatever the values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import weightgauge as wg
from closeness import relative
from oracle import magnitudes, order_fit, standard_errors
from samples import NARROW

# Steps between levels that keep all boundaries off the ends of the window, where the fit has a
# kink that no error describes: at least 0.008 of the share from 10 and 90 %.
LEVEL_STEPS = {8: 3.0, 11: 2.9, 16: 3.0, 27: 2.9, 64: 3.0, 256: 3.0}


def of_levels(levels):
    step = LEVEL_STEPS[levels] / levels
    return lambda z: (np.minimum(np.floor(np.abs(z) / step), levels - 1) + 0.5) * step


def of_format(name, scale):
    return lambda z: np.abs(z * scale).astype(np.float32).astype(NARROW[name]).astype(np.float32)


# Functions of Gaussian weights that take few values.
GRIDS = {
    **{f"{levels} levels": of_levels(levels) for levels in LEVEL_STEPS},
    "INT4": lambda z: np.abs(np.clip(np.round(z * 2.5), -7, 7)),
    "FP4": of_format("F4", 2.0),
    "FP8": of_format("F8_E4M3", 0.02),
}
CONTINUOUS = {
    "normal": (stats.halfnorm.ppf, lambda rng, n: rng.standard_normal(n)),
    "t3": (lambda p: stats.t.ppf((1 + p) / 2, 3), lambda rng, n: rng.standard_t(3, n)),
    "laplace": (stats.expon.ppf, lambda rng, n: rng.laplace(size=n)),
    "lognormal": (lambda p: np.exp(stats.norm.ppf(p)), lambda rng, n: rng.lognormal(size=n)),
}


def truth_of(values):
    """k and ln lambda of a population given by its values at evenly spaced shares."""
    fit = order_fit(np.sort(values[values > 0].astype(np.float64)))
    return fit.k, math.log(fit.lam)


def assert_covers(draw, truth, draws):
    inside = np.zeros(2)
    for _ in range(draws):
        fit = wg.fit_weibull(draw())
        off = np.abs([fit.k - truth[0], math.log(fit.lam) - truth[1]])
        inside += off < 1.96 * np.array([fit.k_se, fit.ln_lambda_se])
    covered = inside / draws
    assert ((covered >= 0.93) & (covered <= 0.97)).all(), covered


@pytest.mark.parametrize("name", GRIDS)
def test_few_values(name):
    rng, grid = np.random.default_rng(1), GRIDS[name]
    truth = truth_of(grid(stats.halfnorm.ppf((np.arange(2_000_000) + 0.5) / 2_000_000)))
    assert_covers(lambda: grid(rng.standard_normal(16_384)).astype(np.float32), truth, 1500)


@pytest.mark.parametrize(("n", "draws"), [(30, 4000), (300, 2500), (10_000, 1500)])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_values(name, n, draws):
    rng, (quantile, draw) = np.random.default_rng(n), CONTINUOUS[name]
    truth = truth_of(quantile((np.arange(500_000) + 0.5) / 500_000))
    assert_covers(lambda: draw(rng, n), truth, draws)


def test_a_million_values():
    rng = np.random.default_rng(3)
    truth = truth_of(stats.halfnorm.ppf((np.arange(2_000_000) + 0.5) / 2_000_000))
    assert_covers(lambda: rng.standard_normal(1_000_000, dtype=np.float32), truth, 600)


@pytest.mark.parametrize("name", GRIDS)
def test_errors_of_few_values_are_those_of_the_definition(name):
    values = GRIDS[name](np.random.default_rng(4).standard_normal(20_000)).astype(np.float32)
    fit = wg.fit_weibull(values)
    expected = standard_errors(magnitudes(values))
    assert (fit.k_se, fit.ln_lambda_se) == relative(expected, rel=1e-9)
