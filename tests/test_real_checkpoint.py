"""Whole trained checkpoints: a BERT-like F32 model and the BF16 demo models."""

from __future__ import annotations

import functools
import json
import math
import struct

import numpy as np
import pytest

import weightgauge as wg
from closeness import relative
from oracle import Fit, ks_distance, magnitudes, order_fit
from samples import FORMATS
from weightgauge import demo

# What is promised: BF16 and `exact=True` to 1e-12, F32 by default to 1e-8 (its KS from bins of
# relative width 2^-13), the paper protocol to 1e-9 of the library that published it.
EXACT, DEFAULT, PAPER, KS_BINNED = 1e-12, 1e-8, 1e-9, 2e-4
LARGEST_COUNTED_APART = 131_072


@functools.lru_cache(maxsize=4)
def tensors_of(path):
    """Float tensors {name: array} of a file, read without any library for the format."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        table = json.loads(file.read(length))
    table.pop("__metadata__", None)
    data = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length)
    arrays = {}
    for name, entry in table.items():
        if entry["dtype"] in FORMATS:
            begin, end = entry["data_offsets"]
            flat = np.array(data[begin:end]).view(FORMATS[entry["dtype"]])
            arrays[name] = flat.reshape(entry["shape"])
    return arrays


@functools.lru_cache(maxsize=4)
def expected_of(path):
    """Oracle fits and sorted magnitudes of the matrices of a file."""
    sorted_ = {n: magnitudes(a) for n, a in tensors_of(path).items() if a.ndim >= 2}
    return {n: (order_fit(x), x) for n, x in sorted_.items()}


@pytest.fixture(scope="module", params=["minilm", "step-0", "step-last"])
def checkpoint(request):
    """Path of a file, and whether every fit of it is exact by default."""
    if request.param == "minilm":
        return request.getfixturevalue("minilm"), False
    return demo.paths()[request.param] / "model.safetensors", True


def numbers(fitted) -> Fit:
    return Fit(fitted.k, fitted.lam, fitted.r2)


def assert_close(fitted, expected, rel, name):
    found = numbers(fitted)
    assert (found.k, found.lam, found.r2) == relative(
        (expected.k, expected.lam, expected.r2), rel=rel
    ), name


def test_every_matrix_against_the_oracle(checkpoint):
    path, _ = checkpoint
    expected = expected_of(path)
    assert len(expected) >= 20
    for exact in (False, True):  # in one test, because the oracle takes its time
        found = {s.tensor: s for s in wg.fit(path, exact=exact).slices}
        for name, (fit, x) in expected.items():
            assert_as_the_oracle(found[name], fit, x, exact or is_lossless(checkpoint, name))


def is_lossless(checkpoint, name):
    """Whether a fit takes every magnitude by itself although nobody asks for it."""
    path, always = checkpoint
    return always or tensors_of(path)[name].size <= LARGEST_COUNTED_APART


def assert_as_the_oracle(found, fit, x, lossless):
    assert_close(found, fit, EXACT if lossless else DEFAULT, found.tensor)
    assert found.n == x.size
    assert found.max == x[-1]
    # Lossless: rounding alone.
    ks = ks_distance(x, found.k, found.lam)
    assert found.ks == pytest.approx(ks, abs=1e-14 if lossless else KS_BINNED), found.tensor


def test_every_matrix_against_the_published_protocol(checkpoint):
    weibull = pytest.importorskip("npm_weibull.core.weibull")
    histogram = pytest.importorskip("npm_weibull.utils.histogram")
    path, _ = checkpoint
    found = {s.tensor: s for s in wg.fit(path, protocol="paper").slices}
    for name, array in tensors_of(path).items():
        if array.ndim < 2:
            continue
        binned = histogram.extract_to_histogram(array.astype(np.float32))
        theirs = weibull.weibull_fit(binned)
        assert theirs["ok"], name
        assert_close(found[name], Fit(theirs["k"], theirs["lambda"], theirs["R2"]), PAPER, name)


def test_every_tensor_has_one_row(checkpoint):
    path, _ = checkpoint
    model = wg.fit(path)
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        table = json.loads(file.read(length))
    table.pop("__metadata__", None)
    assert sorted(s.tensor for s in model.slices) == sorted(table)
    for s in model.slices:
        assert list(s.shape) == table[s.tensor]["shape"]
        assert s.dtype == table[s.tensor]["dtype"]
        if s.dtype in FORMATS:
            assert s.n + s.zeros + s.nonfinite == math.prod(s.shape)


def test_summaries_are_medians_of_their_slices(checkpoint):
    path, _ = checkpoint
    model = wg.fit(path)
    assert model.kinds
    for kind in model.kinds:
        assert kind.slices == sum(s.kind == kind.kind for s in model.slices)
        of_kind = [s for s in model.slices if s.kind == kind.kind and not math.isnan(s.k)]
        if of_kind:
            k = [s.k for s in of_kind]
            assert (kind.k_min, kind.k_max) == (min(k), max(k))
            # The mean of the middle two, at most one rounding apart.
            assert kind.k_median == relative(np.median(k), rel=1e-15)
            assert kind.lambda_median == relative(np.median([s.lam for s in of_kind]), rel=1e-15)
            assert kind.r2_median == relative(np.median([s.r2 for s in of_kind]), rel=1e-15)
        else:
            assert math.isnan(kind.k_median)
    assert sum(kind.slices for kind in model.kinds) == len(model.slices)


@pytest.mark.parametrize(("errors", "least"), [("sampled", 7), ("full", 26)])
def test_rows_or_columns_show_which_matrices_were_trained(minilm, errors, least):
    """All but the pooler, which was never trained with the rest."""
    slices = [s for s in wg.fit(minilm, errors=errors).slices if not math.isnan(s.fresh_z)]
    (pooler,) = (s for s in slices if s.tensor == "pooler.dense.weight")
    others = [s.fresh_z for s in slices if s is not pooler]
    assert abs(pooler.fresh_z) < 2
    assert len(others) == 39
    assert least < min(others) < least + 1


def test_errors_from_samples_are_near_those_from_all_weights(minilm):
    """How near: docs/statistics.md. Few clusters tell the variance of k worst."""
    sampled, full = (wg.fit(minilm, errors=errors).slices for errors in ("sampled", "full"))
    pairs = [
        (a, b)
        for a, b in zip(sampled, full, strict=True)
        if a.fitted and len(a.shape) == 2 and a.errors_from.startswith("a sample")
    ]
    assert len(pairs) == 39
    of_k = np.array([a.k_se_matrix / b.k_se_matrix for a, b in pairs])
    of_scale = np.array([a.ln_lambda_se_matrix / b.ln_lambda_se_matrix for a, b in pairs])
    assert 0.65 < of_k.min() < of_k.max() < 1.9
    assert 0.8 < of_scale.min() < of_scale.max() < 1.25
    assert ((of_k > 0.8) & (of_k < 1.4)).mean() > 0.8


def test_integers_have_a_row_without_numbers(minilm):
    found = {s.tensor: s for s in wg.fit(minilm).slices}
    ids = found["embeddings.position_ids"]
    assert (ids.dtype, ids.shape, ids.status) == ("I64", (1, 512), "not_applicable")
    assert math.isnan(ids.k)


def test_a_directory_is_read_like_its_file():
    directory = demo.paths()["step-last"]
    whole = wg.fit(directory).to_dict()
    file = wg.fit(directory / "model.safetensors").to_dict()
    assert whole["slices"] == file["slices"]
    assert whole["kinds"] == file["kinds"]


def test_fresh_demo_weights_stand_at_the_half_normal_anchor():
    slices = [s for s in wg.fit(demo.paths()["step-0"]).slices if len(s.shape) == 2]
    assert len(slices) >= 20
    for s in slices:
        # Gaussian initialisation: four standard errors, one matrix in 16,000.
        assert abs(s.k - 1.205434319017451) < 4 * s.k_se, s.tensor
