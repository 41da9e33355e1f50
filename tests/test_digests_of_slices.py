"""Which slices have digests, and what is noted of pieces, scaled codes, products and arrays."""

from __future__ import annotations

import json

import ml_dtypes
import numpy as np
import pytest

import page_digest
import weightgauge as wg
from samples import FORMATS
from test_mxfp4 import gpt_oss
from weightgauge.scanning.digests import tensor_digests

PREFIX = "model.layers.0.self_attn."


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(0.0, 0.02, shape).astype(np.float32)


def as_bf16(values):
    return "BF16", values.shape, values.astype(ml_dtypes.bfloat16).tobytes()


def negatives(values):
    values = np.asarray(values, np.float64)
    return int(np.count_nonzero(values[np.isfinite(values)] < 0))


@pytest.fixture
def attention(tmp_path, write_checkpoint):
    """Fused q, k and v of four heads of 64 and two of keys, and an output."""
    fused, output = normal(512, 256, seed=1), normal(256, 256, seed=2)
    config = {"model_type": "phi3", "num_attention_heads": 4, "num_key_value_heads": 2}
    config |= {"hidden_size": 256}
    (tmp_path / "config.json").write_text(json.dumps(config))
    tensors = {
        f"{PREFIX}qkv_proj.weight": as_bf16(fused),
        f"{PREFIX}o_proj.weight": as_bf16(output),
    }
    return write_checkpoint(tmp_path / "model.safetensors", tensors), fused, output


def test_a_whole_has_a_digest_and_its_pieces_have_none(attention):
    path, fused, _ = attention
    fit = wg.fit(path)
    whole = fit.wholes[f"{PREFIX}qkv_proj.weight"]
    assert whole.digest == page_digest.digest(as_bf16(fused)[2])
    pieces = [item for item in fit if item.part is not None]
    assert [item.part for item in pieces] == ["q", "k", "v"]
    assert all(item.digest is None and item.zero_blocks == 0 for item in pieces)
    assert sum(item.negatives for item in pieces) == whole.negatives == negatives(fused)


def test_negatives_of_heads(attention):
    """Rows of q, k and v; columns of o, which are counted together."""
    path, fused, output = attention
    fit = wg.fit(path, per="head")
    assert [item.negatives for item in fit.select(kind="q")] == [
        negatives(fused[64 * head : 64 * head + 64]) for head in range(4)
    ]
    assert [item.negatives for item in fit.select(kind="o")] == [
        negatives(output[:, 64 * head : 64 * head + 64]) for head in range(4)
    ]
    assert all(item.digest is None for item in fit)


def test_tensors_of_which_only_pieces_are_counted_have_digests_when_saved(attention):
    path, fused, output = attention
    rows = wg.scan(path, per="head").tensors
    assert {row["tensor"]: row["digest"] for row in rows} == {
        f"{PREFIX}qkv_proj.weight": page_digest.digest(as_bf16(fused)[2]),
        f"{PREFIX}o_proj.weight": page_digest.digest(as_bf16(output)[2]),
    }


@pytest.mark.parametrize(
    ("shape", "again"),
    [
        ((4, 64, 128), []),  # each expert fills some pages
        ((4, 63, 127), ["model.layers.0.mlp.experts.down_proj"]),
        ((1, 63, 127), []),  # the only one ends with the tensor
        ((2, 2048, 257), []),
        ((40, 128, 1024), []),  # F32 of so many elements is counted in bins
    ],
)
@pytest.mark.parametrize("spelling", ["BF16", "F32", "F8_E4M3"])
def test_pieces_that_fill_pages_make_the_digest(
    shape, again, spelling, tmp_path, write_checkpoint, monkeypatch
):
    """Experts one by one: what they read need not be read again for the whole's digest."""
    read = []

    def note(checkpoint, tensors, options):
        read.extend(tensor.name for tensor in tensors)
        return tensor_digests(checkpoint, tensors, options)

    monkeypatch.setattr("weightgauge.scanning.scan_model.tensor_digests", note)
    config = {"model_type": "gpt_oss", "num_local_experts": shape[0]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    data = normal(*shape, seed=8).astype(FORMATS[spelling]).tobytes()
    name = "model.layers.0.mlp.experts.down_proj"
    path = write_checkpoint(tmp_path / "model.safetensors", {name: (spelling, shape, data)})
    kept = wg.scan(path, per="expert")
    assert len(kept.slices) == shape[0]
    assert [row["digest"] for row in kept.tensors] == [page_digest.digest(data)]
    assert read == again
    assert all(item.digest is None for item in wg.fit(path, per="expert"))


def test_pieces_of_codes_make_the_digest(tmp_path, write_checkpoint):
    path, _, _ = gpt_oss(tmp_path, write_checkpoint)
    whole = {row["tensor"]: row["digest"] for row in wg.scan(path).tensors}
    kept = wg.scan(path, per="expert")
    assert {row["tensor"]: row["digest"] for row in kept.tensors} == whole
    assert None not in whole.values()


def test_interleaved_gate_and_up(tmp_path, write_checkpoint):
    config = {"model_type": "gpt_oss", "num_local_experts": 2}
    (tmp_path / "config.json").write_text(json.dumps(config))
    stack = normal(2, 200, 200, seed=5)
    tensors = {"model.layers.0.mlp.experts.gate_up_proj": as_bf16(stack)}
    fit = wg.fit(write_checkpoint(tmp_path / "model.safetensors", tensors))
    found = {item.part: item.negatives for item in fit if item.expert is None and item.part}
    if not found:
        found = {
            part: sum(item.negatives for item in fit if item.part == part)
            for part in ("gate", "up")
        }
    assert found == {"gate": negatives(stack[..., ::2]), "up": negatives(stack[..., 1::2])}


@pytest.mark.parametrize("grid", [(1,), (2, 3)])
def test_scaled_codes_have_the_digest_of_the_codes(grid, tmp_path, write_checkpoint):
    codes = normal(256, 384, seed=3).astype(np.float32) * 1000
    codes = codes.astype(ml_dtypes.float8_e4m3fn)
    scales = -np.linspace(0.001, 0.002, int(np.prod(grid)), dtype=np.float32).reshape(grid)
    tensors = {
        f"{PREFIX}q_proj.weight": ("F8_E4M3", codes.shape, codes.tobytes()),
        f"{PREFIX}q_proj.weight_scale_inv": ("F32", grid, scales.tobytes()),
    }
    path = write_checkpoint(tmp_path / "model.safetensors", tensors)
    (item,) = wg.fit(path).select(kind="q")
    assert item.decoded
    assert item.digest == page_digest.digest(codes.tobytes())
    if grid == (1,):
        values = codes.astype(np.float64) * float(scales[0])
        assert item.negatives == negatives(values)
        magnitudes, counts = np.unique(np.abs(values[values != 0]), return_counts=True)
        assert item.second == pytest.approx(magnitudes[-2], rel=1e-12)
        assert (item.levels, item.at_max) == (magnitudes.size, counts[-1])
    else:
        values = codes.astype(np.float64) * np.repeat(np.repeat(scales, 128, 0), 128, 1)
        assert item.negatives == negatives(values)


def test_mxfp4(tmp_path, write_checkpoint):
    path, gate_up, _ = gpt_oss(tmp_path, write_checkpoint)
    fit = wg.fit(path)
    whole = fit.wholes["model.layers.0.mlp.experts.gate_up_proj_blocks"]
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (3, 192, 2, 16), dtype=np.uint8)
    assert whole.digest == page_digest.digest(blocks.tobytes())
    assert whole.negatives == negatives(gate_up)


def test_products_have_none_and_their_factors_have_one(tmp_path, write_checkpoint):
    a, b = normal(8, 128, seed=6), normal(192, 8, seed=7)
    stem = "base_model.model.model.layers.0.self_attn.q_proj"
    tensors = {
        f"{stem}.lora_A.weight": ("F32", a.shape, a.tobytes()),
        f"{stem}.lora_B.weight": ("F32", b.shape, b.tobytes()),
    }
    config = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"]}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    path = write_checkpoint(tmp_path / "adapter_model.safetensors", tensors)
    found = list(wg.fit(path))
    (product,) = (item for item in found if item.is_product)
    assert product.digest is None and product.zero_blocks == 0
    assert product.negatives == negatives(b.astype(np.float64) @ a)
    digests = {item.tensor: item.digest for item in found if not item.is_product}
    assert digests == {name: page_digest.digest(data) for name, (_, _, data) in tensors.items()}


@pytest.mark.parametrize(
    "lie",
    [
        lambda array: array,
        lambda array: array.T,
        lambda array: array[::-1],
        lambda array: array[:, ::-1],
        lambda array: array[::2, 100:],
        lambda array: array.reshape(60, 50, 700)[:, 7].T,
        lambda array: np.broadcast_to(array[:1], (40, 700)),
        lambda array: array[0, 0],
        lambda array: array[:0],
    ],
)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_arrays_have_the_digest_of_their_elements_in_c_order(lie, dtype):
    array = lie(np.random.default_rng(4).normal(size=(3000, 700)).astype(dtype))
    (item,) = wg.fit({"w": array})
    assert item.digest == page_digest.digest(np.ascontiguousarray(array).tobytes())
    assert item.zero_blocks == 0
    assert item.negatives == negatives(array)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16, np.complex64, np.bool_])
def test_arrays_that_are_not_counted_have_one_when_saved(dtype):
    array = np.random.default_rng(4).integers(0, 100, (300, 70)).astype(dtype)
    arrays = {"a": array, "b": array.copy().T, "c": array.copy()[::-1]}
    found = {row["tensor"]: row["digest"] for row in wg.scan(arrays).tensors}
    assert found == {
        name: page_digest.digest(np.ascontiguousarray(each).tobytes())
        for name, each in arrays.items()
    }
