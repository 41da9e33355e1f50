"""Many FP8 matrices with one scale each: planned and scaled together, each by its own scale."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest

import oracle
import weightgauge as wg
from closeness import relative

MATRICES = 24
ODD = {3: 0.0, 7: math.inf, 11: math.nan, 13: 1.0, 17: -0.5, 19: 1e-45, 21: -1.0}
"""Scales that are no usual ones, by the number of the matrix."""

LEAVES = ("weight_scale_inv", "weight_scale", "scale", "scale_inv", "scale_weight", "qscale_weight")


def name(row, leaf="weight"):
    return f"model.layers.{row // 4}.mlp.experts.{row % 4}.up_proj.{leaf}"


def codes(row):
    rng = np.random.default_rng(row)
    return rng.normal(0, 20, (32 + row % 3, 40)).astype(ml_dtypes.float8_e4m3fn)


def scale(row):
    return np.float32(ODD.get(row, 2.0**-9 * (1 + row / 7)))


@pytest.fixture(scope="module")
def path(tmp_path_factory, write_checkpoint):
    tensors = {}
    for row in range(MATRICES):
        values, shape = codes(row), () if row % 2 else (1,)
        tensors[name(row)] = "F8_E4M3", values.shape, values.tobytes()
        tensors[name(row, "weight_scale")] = "F32", shape, scale(row).tobytes()
        tensors[name(row, "input_scale")] = "F32", (), np.float32(3).tobytes()
    return write_checkpoint(tmp_path_factory.mktemp("scaled") / "model.safetensors", tensors)


@pytest.fixture(scope="module")
def fits(path):
    return {item.tensor: item for item in wg.fit(path).slices}


@pytest.mark.parametrize("row", [row for row in range(MATRICES) if 0 < abs(scale(row)) < math.inf])
def test_each_matrix_has_its_own_scale(fits, row):
    values = codes(row).astype(np.float64) * np.float64(scale(row))
    x = oracle.magnitudes(values)
    expected = oracle.order_fit(x)
    found = fits[name(row)]
    assert (found.status, found.n, found.max) == ("ok", x.size, x[-1])
    assert found.negatives == np.count_nonzero(values < 0)
    assert found.k == relative(expected.k, rel=1e-8)
    assert found.lam == relative(expected.lam, rel=1e-8)
    assert found.rms == relative(math.sqrt(np.mean(x**2) * x.size / codes(row).size), rel=1e-8)
    assert found.decoded == "F8_E4M3 x weight_scale per tensor"


@pytest.mark.parametrize("row", [row for row in ODD if not 0 < abs(scale(row)) < math.inf])
def test_scales_that_leave_no_weights(fits, row):
    elements, found = codes(row).size, fits[name(row)]
    lost = {"zeros": elements, "nonfinite": 0}
    if scale(row) != 0:
        lost = {"zeros": 0, "nonfinite": elements}
    assert found.status == "empty" and math.isnan(found.k) and math.isnan(found.lam)
    assert {"zeros": found.zeros, "nonfinite": found.nonfinite} == lost


def test_roles_of_what_lies_beside(fits):
    for row in range(MATRICES):
        assert fits[name(row, "weight_scale")].reason == f"scale of '{name(row)}'"
        assert fits[name(row, "input_scale")].reason == (
            f"a scale of activations beside '{name(row)}'"
        )


@pytest.mark.parametrize("row", [0, 3, 7, 17, 23])
def test_alone_or_together(path, fits, row):
    alone = wg.fit(path, include=name(row))
    (found,) = (item for item in alone.slices if item.tensor == name(row))
    assert repr(found.to_dict()) == repr(fits[name(row)].to_dict())


def test_counts_know_the_scale(path, fits):
    found = {item.fit.tensor: item.fit for item in wg.scan(path).slices}
    for row in (0, 13, 17):
        measured = found[name(row)]
        assert (measured.k, measured.lam) == (fits[name(row)].k, fits[name(row)].lam)


def test_a_scale_that_several_share(tmp_path, write_checkpoint):
    # The two names that a scale may have beside one tensor are those of two tensors' scales.
    tensors = {}
    for row in range(10):
        for leaf in ("weight", "weight_packed"):
            values = codes(row)
            tensors[f"block.{row}.{leaf}"] = "F8_E4M3", values.shape, values.tobytes()
        tensors[f"block.{row}.scale"] = "F32", (), np.float32(row + 1).tobytes()
    found = wg.fit(write_checkpoint(tmp_path / "model.safetensors", tensors))
    lams = {item.tensor: item.lam for item in found.slices}
    for row in range(10):
        expected = oracle.order_fit(oracle.magnitudes(codes(row).astype(np.float64) * (row + 1)))
        for leaf in ("weight", "weight_packed"):
            assert lams[f"block.{row}.{leaf}"] == relative(expected.lam, rel=1e-8)


@pytest.mark.parametrize(
    ("tensor", "beside", "found"),
    [
        *(("a.weight", f"a.{leaf}", True) for leaf in LEAVES),
        ("a.other", "a.other_scale", True),
        ("a.other", "a.scale", False),
        ("weight", "weight_scale", True),
        ("weight", "scale", False),  # it has no owner that both could belong to
        ("a.weight", "b.weight_scale", False),
        ("a.weight", "weight_scale", False),
    ],
)
def test_names_of_scales(tmp_path, write_checkpoint, tensor, beside, found):
    tensors = {}
    for leaf in ("weight", "other"):  # so that every last part of a name occurs
        values = codes(1)
        tensors[f"z.{leaf}"] = "F8_E4M3", values.shape, values.tobytes()
    tensors |= {
        tensor: ("F8_E4M3", codes(0).shape, codes(0).tobytes()),
        beside: ("F32", (), np.float32(0.25).tobytes()),
    }
    result = wg.fit(write_checkpoint(tmp_path / "model.safetensors", tensors))
    (item,) = (item for item in result.slices if item.tensor == tensor)
    size = np.max(np.abs(codes(0).astype(np.float64)))
    assert item.max == size * (0.25 if found else 1)
