"""The oracle's errors and budget of spread on the matrices of a trained sentence encoder."""

from __future__ import annotations

import math

import numpy as np
import pytest

from matrix_samples import BF16, halves, matrices_of
from oracle import magnitudes, order_fit
from oracle_matrix import fresh_z, matrix_errors, spread


def fit_of(values):
    fit = order_fit(magnitudes(values))
    return fit.k, math.log(fit.lam)


def test_random_halves_of_real_matrices(minilm):
    rng, passed, splits = np.random.default_rng(0), np.zeros(2), 0
    for _, weights in matrices_of(minilm):
        values = weights.astype(BF16)
        for _ in range(12):
            # Halves by rows have the same columns, whose scales cancel in the difference.
            axis = splits % 2
            shared = ("columns", "rows")[axis]
            first, second = halves(rng, values, axis)
            error = np.hypot(
                matrix_errors(first, shared=shared), matrix_errors(second, shared=shared)
            )
            passed += np.abs(np.subtract(fit_of(first), fit_of(second))) > 1.96 * error
            splits += 1
    assert splits >= 400
    # So many splits know a rate of 5 % to 1 %.
    assert ((passed / splits >= 0.03) & (passed / splits <= 0.07)).all(), passed / splits


def test_the_spread_of_a_real_matrix(minilm):
    values = dict(matrices_of(minilm))["encoder.layer.3.attention.output.dense.weight"]
    assert spread(values) == pytest.approx((0.192, 0.015, 1.240), abs=6e-4)
    pooler = dict(matrices_of(minilm))["pooler.dense.weight"]
    assert max(fresh_z(pooler)) == pytest.approx(1.1, abs=0.5)
