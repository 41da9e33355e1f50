"""What is noted of four-bit and two-bit codes by the loops that count them, part by part."""

from __future__ import annotations

import json

import ml_dtypes
import numpy as np
import pytest

import page_digest
import weightgauge as wg
from packed_matrices import Quantised, as_stored, ternary
from weightgauge import _core

LEVELS = str(_core.build_info()["kernels_available"]).split(", ")
STEM = "model.layers.0.self_attn.q_proj"
# Manners of reading: the last one has several parts, and threads that share them.
MANNERS = [("mmap", 1), ("pread", 1), ("mmap", 3)]


@pytest.fixture(autouse=True)
def _usual_kernels_afterwards():
    yield
    _core.use_kernels("auto")


def items_of(path, codes):
    """What is found of the codes, at every level and in every manner."""
    for level in LEVELS:
        _core.use_kernels(level)
        for io, threads in MANNERS:
            found = wg.fit(path, io=io, threads=threads, errors="independent")
            (item,) = (each for each in found.slices if each.tensor == codes)
            yield item


def quantised(rows, columns, group, **given):
    """The same with many zeros, which fill pages of words of some forms."""
    made = Quantised(rows, columns, group, **given)
    made.codes[: rows // 2, : columns // 2] = 0
    return made


# More items than are counted in one part; lines that pages do not divide; and groups in no order,
# rows that do not fill their words and scales of F32, whose codes are noted by themselves.
PACKED = {
    "compressed-tensors": lambda: quantised(4104, 512, 32).compressed(),
    "compressed-tensors, zero points": lambda: quantised(
        4104, 512, 128, symmetric=False
    ).compressed(),
    "compressed-tensors, short rows": lambda: quantised(520, 508, 508).compressed(),
    "compressed-tensors, F32": lambda: quantised(520, 512, 32, scales="F32").compressed(),
    "GPTQ": lambda: quantised(4104, 512, 128, symmetric=False).gptq(),
    "GPTQ, in no order": lambda: quantised(520, 512, 32).shuffled().gptq(),
    "GPTQ, one group": lambda: quantised(4104, 512, 512).gptq(),
    "GPTQ, small": lambda: quantised(64, 128, 32).gptq(),
    "AWQ": lambda: quantised(4104, 512, 128).awq(),
}


@pytest.mark.parametrize("form", PACKED)
def test_packed_integers_have_the_digest_of_their_codes(form, tmp_path, write_checkpoint):
    tensors = PACKED[form]()
    named = {f"{STEM}.{name}": as_stored(array) for name, array in tensors.items()}
    path = write_checkpoint(tmp_path / "model.safetensors", named)
    name = next(iter(tensors))
    data = as_stored(tensors[name])[2]
    expected = page_digest.digest(data), page_digest.zero_blocks(data)
    for item in items_of(path, f"{STEM}.{name}"):
        assert item.decoded
        assert (item.digest, item.zero_blocks) == expected


def test_codes_of_two_bits_have_the_digest_of_their_bytes(tmp_path, write_checkpoint):
    values = np.random.default_rng(2).integers(-1, 2, (2100, 1100))
    values[:, :600] = -1  # the code 0
    values[:100] = values[525:625] = values[1050:1150] = values[1575:1675] = -1
    tensors = ternary(values, np.array([2], np.float32))
    named = {f"{STEM}.{name}": as_stored(array) for name, array in tensors.items()}
    path = write_checkpoint(tmp_path / "model.safetensors", named)
    settings = {"quantization_config": {"quant_method": "bitnet"}}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    data = tensors["weight"].tobytes()
    assert page_digest.zero_blocks(data) > 10
    for item in items_of(path, f"{STEM}.weight"):
        assert item.decoded and item.zeros == np.count_nonzero(values == 0)
        assert item.digest == page_digest.digest(data)
        assert item.zero_blocks == page_digest.zero_blocks(data)


def drawn_scales(kind, blocks):
    """Codes of E4M3 for blocks: of few or many values, alike, or with signs and a NaN."""
    rng = np.random.default_rng(3)
    if kind == "alike":
        return np.full(blocks, 0x50, np.uint8)
    if kind == "all":
        return rng.integers(0, 256, blocks, np.uint8)
    least, size = {"few": (0x48, 5), "many": (0x38, 45), "too many": (0x38, 46)}[kind]
    return rng.integers(least, least + size, blocks, np.uint8)


@pytest.mark.parametrize("kind", ["alike", "few", "many", "too many", "all"])
def test_blocks_are_counted_and_noted_as_their_values_and_codes(kind, tmp_path, write_checkpoint):
    """More blocks than are counted at a time, and a last page that is not whole."""
    rows, columns = 1001, 592
    rng = np.random.default_rng(4)
    codes = rng.integers(0, 256, (rows, columns // 2), np.uint8)
    codes[30:60] = 0
    scales = drawn_scales(kind, rows * columns // 16)
    tensors = {
        f"{STEM}.weight": ("F4", (rows, columns), codes.tobytes()),
        f"{STEM}.weight_scale": ("F8_E4M3", (rows, columns // 16), scales.tobytes()),
    }
    path = write_checkpoint(tmp_path / "model.safetensors", tensors)
    halves = np.stack([codes & 15, codes >> 4], -1).reshape(-1, 16)
    values = halves.view(ml_dtypes.float4_e2m1fn).astype(np.float32)
    values *= scales.view(ml_dtypes.float8_e4m3fn).astype(np.float32)[:, None]
    expected = wg.fit_weibull(values.astype(ml_dtypes.bfloat16))  # holds the products exactly
    for item in items_of(path, f"{STEM}.weight"):
        same = ("n", "zeros", "nonfinite", "k", "lam", "r2")
        assert [getattr(item, name) for name in same] == [getattr(expected, name) for name in same]
        assert item.negatives == np.count_nonzero(values < 0)
        assert item.digest == page_digest.digest(codes.tobytes())
        assert item.zero_blocks == page_digest.zero_blocks(codes.tobytes()) > 0
