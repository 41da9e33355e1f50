"""The bootstrap over rows, compared with simulation and refits."""

from __future__ import annotations

import math

import numpy as np
import pytest

import oracle
import weightgauge as wg
from gaussian_weights import draw
from weightgauge.distributions import (
    row_bootstrap,
)


def test_rows_that_are_alike_give_the_standard_errors_of_independence():
    found = row_bootstrap(draw(128 * 128).reshape(128, 128), repetitions=300)
    fit = wg.fit_weibull(draw(128 * 128))
    # 300 repetitions tell a standard deviation to 4 %, 128 rows to 6 %.
    assert found.k_se == pytest.approx(fit.k_se, rel=0.25)
    assert found.ln_lambda_se == pytest.approx(fit.ln_lambda_se, rel=0.25)


def test_rows_of_different_scale_give_larger_ones():
    rng = np.random.default_rng(8)
    scales = np.exp(rng.normal(0, 0.3, (256, 1)))
    found = row_bootstrap(rng.normal(size=(256, 256)) * scales)
    # By simulation of whole matrices: 1.72 / 256 and 4.63 / 256 (in place of 1.36 and 0.86).
    assert found.k_se * 256 == pytest.approx(1.72, rel=0.25)
    assert found.ln_lambda_se * 256 == pytest.approx(4.63, rel=0.25)


def test_a_drawing_of_every_row_once_is_the_fit_itself(monkeypatch):
    class Once:
        def multinomial(self, n, shares, size):
            return np.ones((size, len(shares)), dtype=np.int64)

    monkeypatch.setattr(np.random, "default_rng", lambda seed: Once())
    rng = np.random.Generator(np.random.PCG64(4))
    values = rng.normal(size=(50, 60)).astype(np.float16)
    values[3, 7:20] = 0
    values[4, 5] = np.inf
    found = row_bootstrap(values, repetitions=2)
    wanted = oracle.order_fit(oracle.magnitudes(values))
    # Magnitudes are taken in 1,024 groups, of three each here.
    assert (found.k[0], found.lam[1]) == pytest.approx((wanted.k, wanted.lam), rel=1e-4)


def test_few_magnitudes_are_not_grouped():
    rng = np.random.default_rng(2)
    values = rng.integers(1, 200, (60, 80)).astype(np.float32)
    found = row_bootstrap(values, repetitions=20)
    drawn = np.random.default_rng(0).multinomial(60, np.full(60, 1 / 60), size=20)
    for i in range(3):
        wanted = oracle.order_fit(oracle.magnitudes(np.repeat(values, drawn[i], axis=0)))
        assert (found.k[i], found.lam[i]) == pytest.approx((wanted.k, wanted.lam), rel=1e-9)


def test_what_cannot_be_drawn_from():
    for shape in ((5,), (1, 5), (2, 2, 2)):
        with pytest.raises(ValueError, match="two rows or more"):
            row_bootstrap(np.ones(shape))
    with pytest.raises(ValueError, match="at least 2"):
        row_bootstrap(np.ones((5, 5)), repetitions=1)
    with pytest.raises(ValueError, match="mid_80"):
        row_bootstrap(np.ones((5, 5)), trim="all")
    with pytest.raises(TypeError, match="no real numbers"):
        row_bootstrap(np.ones((5, 5), complex))
    assert math.isnan(row_bootstrap(np.zeros((5, 5))).k_se)
    assert math.isnan(row_bootstrap(np.ones((5, 5))).k_se)


def test_drawings_without_a_line_are_left_out():
    values = np.zeros((2, 400))
    values[0] = draw(400)
    found = row_bootstrap(values, repetitions=60)
    # One row once or twice: the same magnitudes, at slightly other plotting positions.
    assert 0 < np.count_nonzero(np.isnan(found.k)) < 60 and 0 < found.k_se < 1e-4
