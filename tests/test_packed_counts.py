"""Packed codes are counted by scale and multiple: exactly, at every level of instructions."""

from __future__ import annotations

import json

import numpy as np
import pytest

import weightgauge as wg
from packed_matrices import FLOATS, Quantised, as_stored, ternary
from weightgauge import _core

STEM = "model.layers.0.self_attn.q_proj"
LEVELS = str(_core.build_info()["kernels_available"]).split(", ")
FORMS = ["compressed", "gptq", "awq"]
GROUPS = [8, 24, 32, 64, 128, 256, 384]
"""Groups that take less than a register, a register, several, and no whole number of them."""


@pytest.fixture(autouse=True)
def _usual_kernels_afterwards():
    yield
    _core.use_kernels("auto")


@pytest.fixture
def counted(tmp_path, write_checkpoint):
    """Scan the tensors of one module; return what was counted of its weights."""

    def run(tensors, quantisation=None, **options):
        named = {f"{STEM}.{name}": as_stored(array) for name, array in tensors.items()}
        path = write_checkpoint(tmp_path / "model.safetensors", named)
        (tmp_path / "config.json").write_text(
            json.dumps({"quantization_config": quantisation or {}})
        )
        model = wg.scan(path, **options)
        codes = f"{STEM}.{next(iter(tensors))}"
        (found,) = (each for each in model.slices if each.fit.tensor == codes)
        histogram = found.histogram()
        assert histogram.exact
        return (
            *(histogram.magnitudes.tolist(), histogram.counts.tolist()),
            *(found.fit.zeros, found.fit.nonfinite, found.fit.negatives),
        )

    return run


def by_numpy(values):
    magnitudes = np.abs(values[np.isfinite(values)].astype(np.float64))
    keys, counts = np.unique(magnitudes[magnitudes > 0], return_counts=True)
    with np.errstate(invalid="ignore"):
        negatives = np.count_nonzero(np.isfinite(values) & (values < 0))
    return (
        *(keys.tolist(), counts.tolist()),
        *(np.count_nonzero(magnitudes == 0), np.count_nonzero(~np.isfinite(values)), negatives),
    )


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("symmetric", [True, False])
def test_every_level_counts_what_numpy_counts(counted, level, group, form, symmetric):
    _core.use_kernels(level)
    quantised = Quantised(184, 768, group, symmetric=symmetric, seed=group)
    quantised.codes = np.random.default_rng(group).integers(0, 16, (184, 768), dtype=np.uint8)
    assert counted(getattr(quantised, form)()) == by_numpy(quantised.values())


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scales", ["F16", "BF16"])
def test_odd_scales_and_zero_points_of_every_value(counted, level, form, scales):
    _core.use_kernels(level)
    quantised = Quantised(520, 512, 64, scales=scales, symmetric=False)
    quantised.zeros = np.random.default_rng(2).integers(0, 16, quantised.zeros.shape, np.uint8)
    kind, last = FLOATS[scales], 65504 if scales == "F16" else 3e38
    odd = np.array([np.nan, np.inf, -np.inf, 0, -0.0, -0.25, 1e-7, last, -last], kind)
    quantised.scales[::7, ::3] = np.resize(odd, quantised.scales[::7, ::3].shape)
    with np.errstate(all="ignore"):
        values = quantised.values()
    assert counted(getattr(quantised, form)()) == by_numpy(values)


@pytest.mark.parametrize("level", LEVELS)
def test_the_usual_zero_beside_a_scale_that_is_not(counted, level):
    """One odd scale among thousands changes the way in which its neighbours are counted."""
    _core.use_kernels(level)
    quantised = Quantised(600, 512, 32)
    quantised.scales[500, 3] = -0.5
    quantised.scales[3, 5] = 0
    assert counted(quantised.compressed()) == by_numpy(quantised.values())


@pytest.mark.parametrize(("code", "rows"), [(0, 264), (7, 264), (8, 264), (15, 264)])
@pytest.mark.parametrize("form", FORMS)
def test_one_code_and_one_scale(counted, code, rows, form):
    quantised = Quantised(rows, 512, 128)
    quantised.codes[:] = code
    quantised.scales[:] = 0.125
    assert counted(getattr(quantised, form)()) == by_numpy(quantised.values())


@pytest.mark.parametrize("form", ["compressed", "gptq"])
def test_groups_in_no_order(counted, form):
    quantised = Quantised(264, 512, 64, symmetric=False).shuffled()
    assert counted(getattr(quantised, form)(index=True)) == by_numpy(quantised.values())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("threads", [1, 3])
def test_parts_that_begin_within_rows(counted, form, threads):
    """More than a part has, in rows that no part's beginning falls on."""
    quantised = Quantised(1000, 2208, 48, symmetric=False)
    assert counted(getattr(quantised, form)(), threads=threads) == by_numpy(quantised.values())


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_ternary_codes(counted, level, io):
    """Of which many sums of bytes are full; a code of 3 is twice the scale."""
    _core.use_kernels(level)
    values = np.random.default_rng(4).integers(-1, 3, (512, 301))
    values[:256] = 2
    tensors = ternary(values, np.array([3.0], np.float32))
    found = counted(tensors, {"quant_method": "bitnet"}, io=io)
    assert found == by_numpy(values.astype(np.float32) / np.float32(3))


@pytest.mark.parametrize("threads", [1, 3])
def test_parts_of_ternary_codes(counted, threads):
    """Parts of a whole matrix have bytes of all its quarters."""
    values = np.random.default_rng(6).integers(-1, 3, (8400, 301))
    tensors = ternary(values, np.array([2.0], np.float32))
    found = counted(tensors, {"quant_method": "bitnet"}, threads=threads)
    assert found == by_numpy(values.astype(np.float32) / np.float32(2))


def test_one_scale_of_four_bits(counted):
    quantised = Quantised(512, 304, 304, scales="F32")
    quantised.scales[:] = quantised.scales[0, 0]
    tensors = quantised.compressed() | {"weight_scale": quantised.scales[0]}
    assert counted(tensors) == by_numpy(quantised.values())
