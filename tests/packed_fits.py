"""Fits of one packed matrix, and whether they are those of the matrix multiplied out."""

from __future__ import annotations

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
