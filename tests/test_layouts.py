"""Fused tensors: every part has the fit of the matrix that it was made of, to the last bit."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import weightgauge as wg
from fused_models import FUSED

DTYPES = {"F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16}
# The same counts in the same order give the same bits.
NUMBERS = ("n", "zeros", "k", "k_se", "lam", "ln_lambda_se", "r2", "ks", "rms", "max", "status")


def key(item):
    return item.tensor, item.part, item.expert, item.head


def assert_same_fit(item, values):
    alone = wg.fit_weibull(np.ascontiguousarray(values))
    # repr() tells every float from every other, and NaN is NaN.
    assert {name: repr(getattr(item, name)) for name in NUMBERS} == {
        name: repr(getattr(alone, name)) for name in NUMBERS
    }


def assert_pieces(found, expected):
    """All pieces that are expected, no others, each with its kind, shape and numbers."""
    assert {key(item) for item in found} == expected.keys()
    for item in found:
        kind, values = expected[key(item)]
        assert (item.kind, item.shape) == (kind, values.shape), key(item)
        assert_same_fit(item, values)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FUSED)
def test_whole_and_parts(family, dtype, tmp_path):
    model = FUSED[family]()
    result = wg.fit(model.save(tmp_path / "model", DTYPES[dtype]))
    expected = {piece: made for piece, made in model.pieces.items() if piece[3] is None}
    fused = {piece[0] for piece in expected}
    assert fused
    parts = [item for item in result.slices if item.part is not None or item.expert is not None]
    assert_pieces(parts, expected)
    wholes = [item for item in result.slices if item not in parts]
    assert {item.tensor for item in wholes} == model.tensors.keys()
    for item in wholes:
        assert item.head is None and "not split" not in item.reason
        assert item.shape == model.tensors[item.tensor].shape
        assert_same_fit(item, model.tensors[item.tensor])
    assert result.warnings == ()


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
@pytest.mark.parametrize("family", [name for name in FUSED if FUSED[name]().pieces])
def test_heads_take_the_place_of_the_whole(family, dtype, tmp_path):
    model = FUSED[family]()
    expected = {piece: made for piece, made in model.pieces.items() if piece[3] is not None}
    if not expected:
        pytest.skip("has no heads")
    result = wg.fit(model.save(tmp_path / "model", DTYPES[dtype]), per="head")
    expected = {piece: model.pieces[piece] for piece in expected}
    divided = {piece[0] for piece in expected}
    assert_pieces([item for item in result.slices if item.tensor in divided], expected)
    assert result.warnings == ()
