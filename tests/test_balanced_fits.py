"""Balanced fits compared with NumPy, and the words of the diagnosis about them."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest

import oracle
import weightgauge as wg
from diagnosed import (
    GAUSSIAN,
    LAYER,
    NAMES,
    by_kind,
    joined,
    stored,
    weibull,
)
from samples import FORMATS
from weightgauge.diagnosis.balanced import balanced_gaussian_k
from weightgauge.diagnosis.summary import summary
from weightgauge.errors import NeedsWeightsError
from winsorised import balanced


def uneven(shape, seed, spread=0.5):
    rng = np.random.default_rng(seed)
    rows, columns = (np.exp(rng.normal(0, spread, n)) for n in shape)
    return rng.normal(0, 0.02, shape) * rows[:, None] * columns


@pytest.mark.parametrize("spelling", ["BF16", "F16", "F32", "F64", "F8_E5M2"])
@pytest.mark.parametrize("threads", [1, 4])
def test_balanced_fits_are_those_of_balanced_matrices(
    tmp_path, write_checkpoint, spelling, threads
):
    shape = (240, 300)
    weights = uneven(shape, 3).astype(FORMATS[spelling])
    weights[7] = 0
    weights[:, 11] = 0
    weights[2, 3] = np.inf
    weights[2, 4] = np.nan
    tensors = {LAYER.format(0, NAMES["q"]): (spelling, shape, weights.tobytes())}
    path = write_checkpoint(tmp_path / "m.safetensors", tensors)
    found = wg.diagnose(path, balanced=True, threads=threads)
    wanted = oracle.order_fit(oracle.magnitudes(balanced(weights)))
    # Sums in another order may round a product to the next float32.
    assert found.balanced[0].k == pytest.approx(wanted.k, rel=1e-8)
    assert by_kind(found)["q"].k_core_median == found.balanced[0].k


def test_balancing_tells_unequal_scale_from_heavy_tails(tmp_path, write_checkpoint):
    rng = np.random.default_rng(4)
    tensors = {
        LAYER.format(0, NAMES["q"]): stored(uneven((400, 400), 5)),
        LAYER.format(0, NAMES["k"]): stored(rng.standard_t(3, (400, 400))),
    }
    kinds = by_kind(
        found := wg.diagnose(write_checkpoint(tmp_path / "m.safetensors", tensors), balanced=True)
    )
    assert kinds["q"].k_median < 1.05
    assert kinds["q"].k_core_median == pytest.approx(1.2054, abs=0.01)
    assert kinds["k"].k_core_median == pytest.approx(kinds["k"].k_median, abs=0.02)
    assert "so that much of the tails is unequal scale: q from" in joined(found)
    assert "Heavier than Gaussian even with rows and columns brought to equal scale: k" in joined(
        found
    )


@pytest.mark.parametrize("shape", [(16, 16), (16, 400), (40, 128)])
def test_balanced_gaussian_matrices_have_their_own_anchor(shape):
    """Dividing by the root mean square of few elements lifts k: no sign of unequal scale."""
    rng = np.random.default_rng(7)
    matrices = rng.normal(size=(600_000 // math.prod(shape), *shape))
    rows = np.sqrt((matrices**2).mean(axis=2, keepdims=True))
    columns = np.sqrt((matrices**2).mean(axis=1, keepdims=True))
    fit = wg.fit_weibull(matrices / rows / columns)
    # To first order in the inverse sizes: 0.002 is the next one for 16 x 16.
    assert balanced_gaussian_k(*shape) == pytest.approx(fit.k, abs=4 * fit.k_se + 0.002)
    assert balanced_gaussian_k(*shape) > 1.207


@pytest.mark.parametrize("side", [16, 32, 128])
def test_balanced_gaussian_weights_are_not_told_to_have_unequal_scale(
    tmp_path, write_checkpoint, side
):
    tensors = {
        LAYER.format(block, NAMES[kind]): stored(
            weibull(GAUSSIAN, (side, side), seed=9 * block + i)
        )
        for block in range(2)
        for i, kind in enumerate(NAMES)
    }
    path = write_checkpoint(tmp_path / "m.safetensors", tensors)
    found = wg.diagnose(path, balanced=True)
    assert "equal scale" not in joined(found)
    assert by_kind(found)["q"].k_core_gaussian == balanced_gaussian_k(side, side)


def test_only_what_was_balanced_is_compared(tmp_path, write_checkpoint):
    """Wide Gaussian matrices and short Laplacian ones: nothing has unequal scale."""
    rng = np.random.default_rng(5)
    tensors = {
        LAYER.format(i, NAMES["q"]): stored(rng.normal(size=(128, 128))) for i in range(3)
    } | {LAYER.format(i, NAMES["q"]): stored(rng.laplace(size=(12, 128))) for i in range(3, 9)}
    found = wg.diagnose(write_checkpoint(tmp_path / "m.safetensors", tensors), balanced=True)
    kind = by_kind(found)["q"]
    assert kind.k_median < 1.05 and kind.k_core_before == pytest.approx(1.205, abs=0.03)
    assert "equal scale" not in joined(found)


@pytest.mark.parametrize(
    ("k", "core", "returned", "heavy", "light"),
    [
        # Both: some of the tails is unequal scale, the rest is not.
        (1.100, 1.135, True, True, False),
        (1.170, 1.199, False, False, False),
        (1.170, 1.203, True, False, False),
        (1.175, 1.178, False, False, False),
        (1.174, 1.174, False, True, False),
        (1.2054, 1.206, False, False, False),
        (1.2054, 1.235, False, False, False),
        (1.070, 1.235, True, False, False),
        (1.070, 2.150, False, False, True),  # not "tails that were unequal scale"
        (1.375, 1.376, False, False, True),
    ],
)
def test_balanced_fits_are_worth_a_sentence_from_a_difference_of_003_on(
    made_model, k, core, returned, heavy, light
):
    found = wg.diagnose(made_model({"o": GAUSSIAN}, blocks=1))
    kind = replace(
        found.kinds[0],
        k_core_before=k,
        k_core_median=core,
        k_core_se=0.001,
        k_core_gaussian=1.206,
    )
    uncertain = replace(kind, k_core_se=0.4)
    assert "equal scale" not in " ".join(summary(replace(found, kinds=(uncertain,))))
    text = " ".join(summary(replace(found, kinds=(kind,))))
    assert (f"so that much of the tails is unequal scale: o from {k:.3f}" in text) is returned
    assert ("Heavier than Gaussian even with rows and columns" in text) is heavy
    assert ("Lighter-tailed than Gaussian once rows and columns" in text) is light
    gridded = " ".join(summary(replace(found, kinds=(replace(kind, regime=None),))))
    assert "equal scale" not in gridded


def test_short_sides_and_stacks_are_not_balanced(tmp_path, write_checkpoint):
    tensors = {
        "model.embed_tokens.weight": stored(weibull(GAUSSIAN, (15, 400))),
        "model.layers.0.mlp.experts.gate_up_proj": stored(weibull(GAUSSIAN, (4, 64, 64))),
        "model.layers.0.mlp.experts.down_proj": stored(weibull(GAUSSIAN, (4, 32, 64))),
    }
    found = wg.diagnose(write_checkpoint(tmp_path / "m.safetensors", tensors), balanced=True)
    shapes = {
        item.shape
        for item, core in zip(found.slices, found.balanced, strict=True)
        if core is not None
    }
    assert shapes and all(len(shape) == 2 and min(shape) >= 16 for shape in shapes)


@pytest.mark.parametrize("size", [1e300, 1e-300, 1.0])
def test_balanced_fits_of_huge_and_tiny_doubles(tmp_path, write_checkpoint, size):
    weights = uneven((64, 80), 9)
    tensors = {LAYER.format(0, NAMES["q"]): stored(weights * size, "F64")}
    found = wg.diagnose(write_checkpoint(tmp_path / "m.safetensors", tensors), balanced=True)
    wanted = oracle.order_fit(oracle.magnitudes(balanced(weights)))
    assert found.balanced[0].k == pytest.approx(wanted.k, rel=1e-6)


def test_every_part_is_balanced_by_itself(tmp_path, write_checkpoint):
    """Columns of a Conv1D tensor, and FP8 codes with block scales: pieces with strides, decoded."""
    directory = tmp_path / "gpt2"
    directory.mkdir()
    fused = uneven((96, 3 * 96), 6).astype(np.float32)
    codes = uneven((256, 256), 7).astype(ml_dtypes.float8_e4m3fn)
    scales = np.array([[1.0, 3.0], [0.1, 0.7]], np.float32)
    tensors = {
        "h.0.attn.c_attn.weight": stored(fused),
        "h.1.mlp.c_fc.weight": ("F8_E4M3", codes.shape, codes.tobytes()),
        "h.1.mlp.c_fc.weight_scale_inv": stored(scales),
        "h.1.mlp.c_proj.weight": stored(uneven((256, 256), 8)),
    }
    write_checkpoint(directory / "model.safetensors", tensors)
    (directory / "config.json").write_text(
        json.dumps({"model_type": "gpt2", "n_head": 4, "n_embd": 96})
    )
    found = wg.diagnose(directory, balanced=True)
    cores = {
        (item.tensor, item.part): core
        for item, core in zip(found.slices, found.balanced, strict=True)
    }
    decoded = codes.astype(np.float32) * np.kron(scales, np.ones((128, 128), np.float32))
    wanted = {("h.1.mlp.c_fc.weight", None): decoded, ("h.0.attn.c_attn.weight", None): fused}
    for i, part in enumerate("qkv"):
        wanted["h.0.attn.c_attn.weight", part] = fused[:, 96 * i : 96 * (i + 1)]
    for key, values in wanted.items():
        fit = oracle.order_fit(oracle.magnitudes(balanced(values)))
        assert cores[key].k == pytest.approx(fit.k, rel=1e-7), key


def test_balanced_fits_need_the_weights(made_model):
    with pytest.raises(NeedsWeightsError, match="balanced fits need the weights"):
        wg.diagnose(wg.scan(made_model({"o": 1.19}, blocks=1)), balanced=True)


def test_progress_of_a_balanced_diagnosis_ends(made_model):
    calls = []
    wg.diagnose(made_model({"o": 1.19}), balanced=True, progress=lambda *call: calls.append(call))
    weights = 6 * 128 * 128
    # Bytes of the F32 weights, then elements read: two sweeps and a fit.
    assert calls[-1] == (3 * weights, 3 * weights)
    assert {total for _, total in calls} == {4 * weights, 3 * weights}
    assert all(0 <= done <= total for done, total in calls)
