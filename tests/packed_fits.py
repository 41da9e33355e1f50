"""Fits of one packed matrix, and whether they are those of the matrix multiplied out."""

from __future__ import annotations

import oracle
from closeness import relative

STEM = "model.layers.0.self_attn.q_proj"
NUMBERS = (
    *("status", "n", "zeros", "nonfinite", "negatives", "k", "k_se", "lam", "ln_lambda_se", "r2"),
    *("ks", "rms", "max", "k_se_matrix", "ln_lambda_se_matrix", "spread"),
)


def numbers(item):
    return [getattr(item, name) for name in NUMBERS]


def assert_same(item, plain):
    assert repr(numbers(item)) == repr(numbers(plain))
    assert (item.kind, item.block, item.shape) == (plain.kind, plain.block, plain.shape)


def assert_as_oracle(item, values):
    """The fit of all values one by one."""
    expected = oracle.order_fit(oracle.magnitudes(values))
    assert item.k == relative(expected.k, rel=1e-8)
    assert item.lam == relative(expected.lam, rel=1e-8)


def assert_no_warning(result):
    assert [each.id for each in result.findings if each.level != "note"] == []
