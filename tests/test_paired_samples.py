"""Errors of changes where a sample could mislead: few large changes, casts, other rows."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import weightgauge as wg

NAME = "model.layers.0.mlp.up_proj.weight"


def pair(before, after, name=NAME, **options):
    (found,) = wg.compare({name: before}, {name: after}, **options).pairs
    return found


def drawn(rng, rows, columns, spread=0.0):
    scales = np.exp(spread * rng.standard_normal((rows, 1)))
    return (0.02 * scales * rng.standard_normal((rows, columns))).astype(np.float32)


def rejected(draws, change):
    """Share of draws in which the change of k, and that of lambda, exceeds 1.96 errors."""
    before, after = {}, {}
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        name = f"model.layers.{seed}.mlp.up_proj.weight"
        before[name] = drawn(rng, 1000, 400)
        after[name] = change(rng, before[name])
    pairs = wg.compare(before, after).pairs
    assert len(pairs) == draws
    return np.mean([(abs(each.z) > 1.96, abs(each.dln_lambda_z) > 1.96) for each in pairs], axis=0)


def few_rows(rng, weights):
    """All weights move a little, and three rows are drawn anew."""
    after = weights * (1 + 1e-4 * rng.standard_normal(weights.shape)).astype(np.float32)
    after[rng.choice(len(after), 3, replace=False)] = drawn(rng, 3, weights.shape[1])
    return after


def few_elements(rng, weights):
    after = weights * (1 + 1e-4 * rng.standard_normal(weights.shape)).astype(np.float32)
    places = rng.choice(after.size, 40, replace=False)
    after.flat[places] = drawn(rng, 1, 40)[0]
    return after


def to_f16(_, weights):
    return weights.astype(np.float16)


def to_bf16(_, weights):
    return weights.astype(ml_dtypes.bfloat16)


@pytest.mark.parametrize("change", [few_rows, few_elements, to_f16, to_bf16])
def test_changes_without_a_direction_are_no_movement(change):
    """One in twenty draws may exceed 1.96 errors; five of forty have a chance of 3 in a hundred."""
    assert (rejected(40, change) <= 5 / 40).all()


def test_a_large_matrix_that_was_cast_has_not_moved():
    """However many weights there are: a cast moves k by less than the square of its rounding."""
    rng = np.random.default_rng(8)
    before = drawn(rng, 2048, 2048)
    found = pair(before, before.astype(ml_dtypes.bfloat16))
    assert abs(found.dk) < found.dk_se
    assert found.dk_se >= 2.0**-16


def test_a_real_change_of_few_rows_is_seen():
    rng = np.random.default_rng(9)
    before = drawn(rng, 1000, 400)
    after = before.copy()
    after[:100] *= 3
    assert abs(pair(before, after).dln_lambda_z) > 3


def test_numbers_whose_squares_overflow_have_no_error_and_raise_nothing():
    rng = np.random.default_rng(11)
    before = rng.standard_normal((64, 64)) * 1e160
    found = pair(before, before * 1.01)
    assert found.changed == 1
    assert found.dk == pytest.approx(0, abs=1e-9)


def test_rows_that_only_one_has_leave_no_error():
    """k is that of all rows of each, and no error of what both share is that of the change."""
    rng = np.random.default_rng(10)
    name = "model.embed_tokens.weight"
    before = drawn(rng, 300, 64, spread=0.3)
    after = np.concatenate([before, drawn(rng, 20, 64, spread=0.3)])
    compared = wg.compare({name: before}, {name: after})
    (found,) = compared.pairs
    assert found.changed == 0
    assert np.isnan([found.dk_se, found.z, found.dln_lambda_se, found.dln_lambda_z]).all()
    assert found.dk == found.k_b - found.k_a
    assert "more rows" in found.errors_from
    ids = {each.id for each in compared.findings}
    assert "moved" not in ids
    assert "identical" in ids
