"""MXFP4 blocks with shared exponents, against a decoder after the microscaling specification."""

from __future__ import annotations

import json

import numpy as np
import pytest

import oracle
import weightgauge as wg
from closeness import relative
from remarks import remarks

# Sign, two bits of exponent with bias 1, one bit of mantissa.
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float64)
E2M1 = np.concatenate([E2M1, -E2M1])
EXPERTS, HIDDEN, FFN = 3, 64, 96
PREFIX = "model.layers.0.mlp.experts."


def decoded(blocks, scales):
    """[.., rows, groups, 16] bytes and [.., rows, groups] exponents as [.., rows, columns]."""
    pairs = np.stack([E2M1[blocks & 15], E2M1[blocks >> 4]], axis=-1)
    exponent = np.where(scales == 255, np.nan, np.exp2(scales.astype(np.float64) - 127))
    return (pairs * exponent[..., None, None]).reshape(*scales.shape[:-1], -1)


def draw(rows, columns, seed, low=115, high=122):
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (EXPERTS, rows, columns // 32, 16), dtype=np.uint8)
    return blocks, rng.integers(low, high, blocks.shape[:-1], dtype=np.uint8)


def stored(array):
    return "U8", array.shape, array.tobytes()


def gpt_oss(path, write_checkpoint, config=True, **range_of_exponents):
    gate_up = draw(2 * FFN, HIDDEN, 0, **range_of_exponents)
    down = draw(HIDDEN, FFN, 1)
    tensors = {}
    for name, (blocks, scales) in {"gate_up_proj": gate_up, "down_proj": down}.items():
        tensors[f"{PREFIX}{name}_blocks"] = stored(blocks)
        tensors[f"{PREFIX}{name}_scales"] = stored(scales)
        bias = np.zeros((EXPERTS, blocks.shape[1]), np.float32)
        tensors[f"{PREFIX}{name}_bias"] = ("F32", bias.shape, bias.tobytes())
    if config:
        text = json.dumps({"model_type": "gpt_oss", "num_local_experts": EXPERTS})
        (path / "config.json").write_text(text)
    return write_checkpoint(path / "model.safetensors", tensors), decoded(*gate_up), decoded(*down)


def assert_fit_of(item, values):
    x = oracle.magnitudes(values)
    expected = oracle.order_fit(x)
    assert (item.status, item.n) == ("ok" if item.zeros < 0.1 * values.size else "sparse", x.size)
    # Counted code by code in BF16, which holds every product: nothing is rounded.
    assert item.k == relative(expected.k, rel=1e-12)
    assert item.lam == relative(expected.lam, rel=1e-12)
    assert item.max == x[-1]


@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_whole_parts_and_experts(tmp_path, write_checkpoint, io):
    path, gate_up, down = gpt_oss(tmp_path, write_checkpoint)
    result = wg.fit(path, io=io)
    assert remarks(result) == ()
    found = {(item.tensor.removeprefix(PREFIX), item.part, item.expert): item
             for item in result.slices}  # fmt: skip
    whole = found["gate_up_proj_blocks", None, None]
    assert (whole.kind, whole.dtype, whole.shape) == ("gate_up", "U8", (EXPERTS, 2 * FFN, HIDDEN))
    assert whole.decoded == "MXFP4 x 2^gate_up_proj_scales"
    assert_fit_of(whole, gate_up)
    assert_fit_of(found["down_proj_blocks", None, None], down)
    for expert in range(EXPERTS):
        for part, first in (("gate", 0), ("up", 1)):
            item = found["gate_up_proj_blocks", part, expert]
            assert (item.kind, item.shape) == (part, (FFN, HIDDEN))
            assert_fit_of(item, gate_up[expert, first::2])
        assert_fit_of(found["down_proj_blocks", None, expert], down[expert])
    scales = found["down_proj_scales", None, None]
    assert (scales.kind, scales.status) == ("other", "not_applicable")
    assert scales.reason == f"scale of '{PREFIX}down_proj_blocks'"


def test_without_configuration_gate_and_up_stay_one(tmp_path, write_checkpoint):
    path, gate_up, down = gpt_oss(tmp_path, write_checkpoint, config=False)
    result = wg.fit(path)
    (item,) = (item for item in result.slices if item.kind == "gate_up")
    assert "not split" in item.reason
    assert_fit_of(item, gate_up)
    experts = [item for item in result.slices if item.expert is not None]
    assert [(item.kind, item.expert) for item in experts] == [("down", i) for i in range(EXPERTS)]
    for item in experts:
        assert_fit_of(item, down[item.expert])


def test_every_exponent(tmp_path, write_checkpoint):
    """Subnormal results are exact, those beyond the range infinite, exponent 255 is NaN."""
    path, gate_up, _ = gpt_oss(tmp_path, write_checkpoint, low=0, high=256)
    item = next(item for item in wg.fit(path).slices if item.part == "gate" and item.expert == 0)
    values = gate_up[0, ::2]
    finite = np.abs(values) < 2.0**128
    assert item.nonfinite == np.count_nonzero(~finite) > 0
    assert item.n == np.count_nonzero(values[finite])
    assert item.max == np.abs(values[finite]).max()
    assert item.k == relative(oracle.order_fit(oracle.magnitudes(values[finite])).k, rel=1e-12)


@pytest.mark.parametrize("weight", ["weight_packed", "weight"])
@pytest.mark.parametrize(("dtype", "exponents"), [("U8", "U8"), ("I8", "F8_E8M0")])
def test_packed_without_a_dimension_for_the_block(
    tmp_path, write_checkpoint, weight, dtype, exponents
):
    blocks, scales = draw(48, 64, 5)
    stem = "model.layers.0.self_attn.q_proj"
    blocks, scales = blocks[0].reshape(48, 32), scales[0]
    path = write_checkpoint(
        tmp_path / "model.safetensors",
        {
            f"{stem}.{weight}": (dtype, blocks.shape, blocks.tobytes()),
            f"{stem}.weight_scale": (exponents, scales.shape, scales.tobytes()),
        },
    )
    item = next(item for item in wg.fit(path).slices if item.tensor == f"{stem}.{weight}")
    assert (item.kind, item.shape) == ("q", (48, 64))
    assert_fit_of(item, decoded(blocks.reshape(48, 2, 16), scales))


def test_exponents_of_another_shape(tmp_path, write_checkpoint):
    blocks, scales = draw(48, 64, 5)
    path = write_checkpoint(
        tmp_path / "model.safetensors",
        {
            f"{PREFIX}down_proj_blocks": stored(blocks),
            f"{PREFIX}down_proj_scales": stored(scales[:, :-1]),
        },
    )
    result = wg.fit(path)
    assert {item.status for item in result.slices} == {"not_applicable"}
    (told,) = (each for each in result.findings if each.level == "fault")
    assert (told.id, told.tensor) == ("scale-missing", f"{PREFIX}down_proj_blocks")
    assert "do not fit" in told.message
