"""The oracle's errors of changes between two states of one matrix: size and power."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest

from matrix_samples import next_step, rescaled_rows
from oracle import magnitudes, order_fit
from oracle_matrix import paired_errors


def fit_of(values):
    fit = order_fit(magnitudes(values))
    return fit.k, math.log(fit.lam)


@pytest.mark.parametrize("spread_of_scales", [0.0, 0.3])
@pytest.mark.parametrize("correlation", [0.9, 0.995, 0.99995])
def test_paired_errors_of_two_equal_states(correlation, spread_of_scales):
    rng, draws = np.random.default_rng(6), 100
    passed = np.zeros(2)
    for _ in range(draws):
        before, after = next_step(rng, 128, 192, correlation, spread_of_scales)
        change = np.subtract(fit_of(after), fit_of(before))
        passed += np.abs(change) > 1.96 * np.array(paired_errors(before, after))
    # At most 5 %, which 100 draws know to 2.2 %.
    assert (passed / draws < 0.11).all(), passed / draws


@pytest.mark.parametrize("spread_of_scales", [0.0, 0.3])
def test_paired_errors_of_rounding(spread_of_scales):
    rng, draws = np.random.default_rng(7), 100
    passed = np.zeros(2)
    for _ in range(draws):
        before, _ = next_step(rng, 128, 192, 0.5, spread_of_scales)
        after = before.astype(ml_dtypes.bfloat16)
        change = np.subtract(fit_of(after), fit_of(before))
        passed += np.abs(change) > 1.96 * np.array(paired_errors(before, after))
    assert (passed / draws < 0.12).all(), passed / draws


def test_paired_errors_see_rescaled_rows():
    rng, draws, seen = np.random.default_rng(8), 40, 0
    for _ in range(draws):
        before, after = rescaled_rows(rng, 256, 256)
        change = fit_of(after)[0] - fit_of(before)[0]
        seen += abs(change) > 1.96 * paired_errors(before, after)[0]
    assert seen / draws >= 0.9, seen / draws
