"""The bootstrap over rows and columns, compared with simulation and refits."""

from __future__ import annotations

import math

import numpy as np
import pytest

import oracle
import weightgauge as wg
from gaussian_weights import draw
from weightgauge.distributions import matrix_bootstrap

ONE_SIDED = ("rows", "columns")


@pytest.mark.parametrize("over", ["rows", "columns", "both"])
def test_independent_weights_have_the_standard_errors_of_independence(over):
    found = matrix_bootstrap(draw(128 * 128).reshape(128, 128), over=over, repetitions=300)
    fit = wg.fit_weibull(draw(128 * 128))
    # 300 repetitions tell a standard deviation to 4 %, 128 rows to 6 %.
    assert found.k_se == pytest.approx(fit.k_se, rel=0.25)
    assert found.ln_lambda_se == pytest.approx(fit.ln_lambda_se, rel=0.25)


def test_rows_of_different_scale_are_seen_by_drawings_of_rows():
    rng = np.random.default_rng(8)
    scales = np.exp(rng.normal(0, 0.3, (256, 1)))
    weights = rng.normal(size=(256, 256)) * scales
    # By simulation of whole matrices: 1.72 / 256 and 4.63 / 256 (in place of 1.36 and 0.86).
    for over, matrix in (("rows", weights), ("columns", weights.T), ("both", weights)):
        found = matrix_bootstrap(matrix, over=over)
        assert found.k_se * 256 == pytest.approx(1.72, rel=0.25)
        assert found.ln_lambda_se * 256 == pytest.approx(4.63, rel=0.25)
    blind = matrix_bootstrap(weights, over="columns")  # each column has the scales of all rows
    assert blind.ln_lambda_se * 256 < 1.2


def test_rows_and_columns_of_different_scale():
    rng = np.random.default_rng(9)

    def matrix():
        rows, columns = rng.normal(0, 0.3, (80, 1)), rng.normal(0, 0.2, (1, 60))
        return rng.normal(size=(80, 60)) * np.exp(rows + columns)

    fits = [wg.fit_weibull(matrix()) for _ in range(400)]
    k, ln_lambda = np.array([(fit.k, math.log(fit.lam)) for fit in fits]).T
    found = [matrix_bootstrap(matrix(), repetitions=150) for _ in range(12)]
    # 400 matrices tell a standard deviation to 4 %. One bootstrap scatters by about 15 %.
    assert np.mean([each.k_se for each in found]) == pytest.approx(k.std(), rel=0.15)
    assert np.mean([each.ln_lambda_se for each in found]) == pytest.approx(
        ln_lambda.std(), rel=0.15
    )
    for each in found:
        rows, columns, elements = each.drawings
        assert (rows.of, columns.of, elements.of) == ("rows", "columns", "elements")
        wanted = rows.ln_lambda_se**2 + columns.ln_lambda_se**2 - elements.ln_lambda_se**2
        assert each.ln_lambda_se**2 == pytest.approx(wanted, rel=1e-12)
        assert each.k_se >= elements.k_se


@pytest.mark.parametrize("over", ONE_SIDED)
def test_a_drawing_of_each_once_is_the_fit_itself(monkeypatch, over):
    class Once:
        def multinomial(self, n, shares, size):
            return np.ones((size, len(shares)), dtype=np.int64)

    monkeypatch.setattr(np.random, "default_rng", lambda seed: Once())
    rng = np.random.Generator(np.random.PCG64(4))
    values = rng.normal(size=(50, 60)).astype(np.float16)
    values[3, 7:20] = 0
    values[4, 5] = np.inf
    (found,) = matrix_bootstrap(values, over=over, repetitions=2).drawings
    wanted = oracle.order_fit(oracle.magnitudes(values))
    # Magnitudes are taken in 1,024 groups, of three each here.
    assert (found.k[0], found.lam[1]) == pytest.approx((wanted.k, wanted.lam), rel=1e-4)


@pytest.mark.parametrize("over", ONE_SIDED)
def test_few_magnitudes_are_not_grouped(over):
    rng = np.random.default_rng(2)
    values = rng.integers(1, 200, (60, 80)).astype(np.float32)
    (found,) = matrix_bootstrap(values, over=over, repetitions=20).drawings
    axis = ONE_SIDED.index(over)
    size = values.shape[axis]
    rng = np.random.default_rng([0, axis])  # a stream for each
    drawn = rng.multinomial(size, np.full(size, 1 / size), size=20)
    for i in range(3):
        wanted = oracle.order_fit(oracle.magnitudes(np.repeat(values, drawn[i], axis=axis)))
        assert (found.k[i], found.lam[i]) == pytest.approx((wanted.k, wanted.lam), rel=1e-9)


def test_what_cannot_be_drawn_from():
    for shape, over, words in (
        ((5,), "rows", "two rows or more"),
        ((1, 5), "rows", "two rows or more"),
        ((1, 5), "both", "two rows or more"),
        ((2, 2, 2), "both", "two rows or more"),
        ((5, 1), "both", "two columns or more"),
        ((5, 1), "columns", "two columns or more"),
    ):
        with pytest.raises(ValueError, match=words):
            matrix_bootstrap(np.ones(shape), over=over)
    with pytest.raises(ValueError, match="at least 2"):
        matrix_bootstrap(np.ones((5, 5)), repetitions=1)
    with pytest.raises(ValueError, match="mid_80"):
        matrix_bootstrap(np.ones((5, 5)), trim="all")
    with pytest.raises(ValueError, match="'rows', 'columns', 'both'"):
        matrix_bootstrap(np.ones((5, 5)), over="heads")
    with pytest.raises(TypeError, match="no real numbers"):
        matrix_bootstrap(np.ones((5, 5), complex))
    for nothing in (np.zeros((5, 5)), np.ones((5, 5))):
        found = matrix_bootstrap(nothing)
        assert math.isnan(found.k_se)
        assert found.to_dict()["ln_lambda_se"] is None


def test_drawings_without_a_line_are_left_out():
    values = np.zeros((2, 400))
    values[0] = draw(400)
    (found,) = matrix_bootstrap(values, over="rows", repetitions=60).drawings
    # One row once or twice: the same magnitudes, at slightly other plotting positions.
    assert 0 < np.count_nonzero(np.isnan(found.k)) < 60 and 0 < found.k_se < 1e-4
