"""Standard errors from few magnitudes: how often intervals hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import weightgauge as wg
from oracle import order_fit

DRAWS = 3_000
SLACK = 3 * math.sqrt(0.95 * 0.05 / DRAWS)  # by which such a number of draws can miss
DISTRIBUTIONS = {
    "normal": stats.halfnorm,
    "laplace": stats.expon,
    "lognormal": stats.lognorm(1),
    "uniform": stats.uniform,
}


def coverage(name: str, n: int) -> tuple[float, float]:
    """How often the value of infinitely many elements lies within 1.96 standard errors."""
    many = 200_000
    limit = order_fit(DISTRIBUTIONS[name].ppf((np.arange(many) + 0.5) / many))
    shape = (DRAWS, n)
    draws = DISTRIBUTIONS[name].ppf(np.random.default_rng(n).random(shape))
    fits = [wg.fit_weibull(draw) for draw in draws]
    of_k = [abs(fit.k - limit.k) < 1.96 * fit.k_se for fit in fits]
    of_lambda = [abs(math.log(fit.lam / limit.lam)) < 1.96 * fit.ln_lambda_se for fit in fits]
    return float(np.mean(of_k)), float(np.mean(of_lambda))


@pytest.mark.parametrize("n", [10, 15, 20, 30, 100, 300])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_intervals_hold(name, n):
    for found in coverage(name, n):
        assert 0.93 - SLACK < found < 0.975 + SLACK
