"""The oracle's errors of whole matrices, held to coverage by simulation and to a real model."""

from __future__ import annotations

import math

import numpy as np
import pytest

from matrix_samples import (
    MATRICES,
    coverage,
    independent,
    unequal_scales,
)
from oracle import influences, magnitudes, order_fit, standard_errors
from oracle_matrix import (
    layout_variance,
    matrix_errors,
    sampled_rows,
    two_way_variance,
)

SMALL = (64, 1024)


def fit_of(values):
    fit = order_fit(magnitudes(values))
    return fit.k, math.log(fit.lam)


def measured(**how):
    return lambda values: (*fit_of(values), *matrix_errors(values, **how))


@pytest.mark.parametrize("name", MATRICES)
def test_errors_of_matrices_cover(name):
    found = coverage(measured(), MATRICES[name], SMALL, draws=400, seed=1)
    # 400 draws know a coverage of 95 % to 1.1 %.
    assert ((found >= 0.90) & (found <= 0.985)).all(), found


def test_independent_errors_do_not_cover_unequal_scales():
    def how(values):
        return (*fit_of(values), *standard_errors(magnitudes(values)))

    found = coverage(how, unequal_scales(0.3), SMALL, draws=100, seed=1)
    assert found[0] < 0.8 and found[1] < 0.3, found


@pytest.mark.parametrize("make", [independent, unequal_scales(0.3)])
def test_the_layout_of_all_rows_agrees_with_the_clustered_variance(make):
    values = make(np.random.default_rng(2), 256, 256)
    x = magnitudes(values)
    for influence in influences(x).of(values):
        layout = layout_variance(influence, influence.shape, x.size)
        by_layout = sum((layout.rows, layout.columns, layout.cells))
        # Both estimate the same variance; negative parts are cut off in one, and the rows'
        # products with the columns' are counted apart in the other.
        assert by_layout == pytest.approx(two_way_variance(influence, x.size), rel=0.15)


def test_the_layout_by_hand():
    # Rows differ by 1, 0, -1 and so on around 0, columns do not, nothing is left over.
    phi = np.repeat(np.array([[1.0], [0.0], [-1.0]] * 4), 10, axis=1)
    layout = layout_variance(phi, (24, 10), 240)
    assert layout.rows == pytest.approx(8 / 11 / 24)
    assert (layout.columns, layout.cells, layout.heads) == pytest.approx((0, 0, 0), abs=1e-30)
    # As heads of one value each: heads alone differ.
    nested = layout_variance(phi[[0, 0, 1, 1, 2, 2]], (24, 10), 240, heads=3)
    assert nested.heads == pytest.approx(1 / 3)
    assert (nested.rows, nested.columns, nested.cells) == pytest.approx((0, 0, 0), abs=1e-30)
    # Where a third of the weights are zeros, 160 are counted, and each moves the fit by more.
    assert layout_variance(phi, (24, 10), 160).rows == pytest.approx(8 / 11 / 24 * 1.5**2)


@pytest.mark.parametrize(
    ("shape", "how"),
    [((1, 5000), {}), ((5000, 1), {}), ((5, 7), {})],
)
def test_too_few_rows_and_columns_leave_the_independent_errors(shape, how):
    values = np.random.default_rng(3).normal(size=shape)
    assert matrix_errors(values, **how) == standard_errors(magnitudes(values))


def test_samples_of_zeros_leave_the_independent_errors():
    values = np.zeros((1024, 64))
    others = np.setdiff1d(np.arange(1024), sampled_rows(1024))
    values[others] = np.random.default_rng(3).normal(size=(others.size, 64))
    assert matrix_errors(values) == standard_errors(magnitudes(values))


def test_few_columns_leave_the_rows():
    rng = np.random.default_rng(4)
    found = coverage(measured(), unequal_scales(0.0), (2000, 3), draws=400, seed=4)
    assert ((found >= 0.90) & (found <= 0.985)).all(), found
    rows = np.exp(0.3 * rng.standard_normal((2000, 1)))
    values = rng.standard_normal((2000, 3)) * rows
    assert matrix_errors(values)[1] > 1.05 * standard_errors(magnitudes(values))[1]


@pytest.mark.parametrize(("total", "heads"), [(4096, 1), (768, 12), (50, 1), (4096, 32), (64, 8)])
def test_sampled_rows_are_spread_and_follow_no_period(total, heads):
    rows = sampled_rows(total, heads)
    assert (np.diff(rows) > 0).all() and rows[0] >= 0 and rows[-1] < total
    assert len(set(np.bincount(rows // (total // heads), minlength=heads))) == 1
    if total == 4096:
        # 256 rows fall on the eighths of a period of 64 rows about equally often.
        shares = np.bincount(rows % 64 // 8, minlength=8) / rows.size
        assert (np.abs(shares - 1 / 8) < 0.03).all(), shares
