"""Packed quantisers: recognised, named, and never taken for weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

import weightgauge as wg
from weightgauge.cli import main

STEM = "model.layers.0.self_attn.q_proj"
SIZE = {"I32": 4, "I64": 8, "I8": 1, "U8": 1, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "U32": 4}


def tensor(dtype, *shape):
    return dtype, shape, np.random.default_rng(1).bytes(int(np.prod(shape)) * SIZE[dtype])


# Of zero points that do not fit. Those that do are in test_packed_codes.py and test_gptq_widths.py.
GPTQ = {
    "qweight": tensor("I32", 16, 64),
    "qzeros": tensor("I32", 2, 13),
    "scales": tensor("F16", 2, 64),
    "g_idx": tensor("I32", 64),
}
AWQ = {
    "qweight": tensor("I32", 64, 16),
    "qzeros": tensor("I32", 2, 16),
    "scales": tensor("F16", 2, 64),
}
NF4 = {
    "weight": tensor("U8", 2048, 1),
    "weight.absmax": tensor("F32", 64),
    "weight.quant_map": tensor("F32", 16),
    "weight.quant_state.bitsandbytes__nf4": tensor("U8", 80),
}
NESTED = {
    **NF4,
    "weight": tensor("BF16", 1024, 1),  # bytes in the clothes of another format
    "weight.absmax": tensor("U8", 64),
    "weight.nested_absmax": tensor("F32", 1),
    "weight.nested_quant_map": tensor("F32", 256),
}
INT8 = {"weight": tensor("I8", 64, 64), "SCB": tensor("F32", 64), "weight_format": tensor("U8")}
PACK = {
    "weight_packed": tensor("I32", 64, 16),
    "weight_scale": tensor("BF16", 64, 2),
    "weight_shape": tensor("I64", 2),
}
W8A8 = {"weight": tensor("I8", 64, 64), "weight_scale": tensor("BF16", 64, 1)}
MODELOPT = {
    "weight": tensor("U8", 64, 32),
    "weight_scale": tensor("F8_E4M3", 64, 4),
    "weight_scale_2": tensor("F32"),
    "input_scale": tensor("F32"),
}
NVFP4 = {
    "weight_packed": tensor("U8", 64, 32),
    "weight_scale": tensor("F8_E4M3", 64, 4),
    "weight_global_scale": tensor("F32", 1),
}
MLX = {
    "weight": tensor("U32", 64, 8),
    "scales": tensor("F16", 64, 1),
    "biases": tensor("F16", 64, 1),
}


@pytest.mark.parametrize(
    ("tensors", "title"),
    [
        (GPTQ, "GPTQ"),
        ({name: GPTQ[name] for name in ("qweight", "qzeros", "scales")}, "GPTQ"),
        (AWQ, "AWQ"),
        (NF4, "bitsandbytes"),
        (NESTED, "bitsandbytes"),
        (INT8, "bitsandbytes LLM.int8"),
        (PACK, "compressed-tensors"),
        (W8A8, "an int8 quantiser"),
        (MODELOPT | {"weight_scale_2": tensor("F32", 2)}, "NVFP4"),
        (NVFP4 | {"weight_scale": tensor("F8_E4M3", 64, 8)}, "NVFP4"),
        (MLX, "MLX"),
    ],
)
def test_nothing_of_it_is_fitted(tmp_path, write_checkpoint, tensors, title):
    named = {f"{STEM}.{name}": stored for name, stored in tensors.items()}
    weight = np.random.default_rng(2).normal(0, 0.02, (64, 64)).astype("<f4")
    plain = "model.layers.0.self_attn.k_proj.weight"
    named[plain] = ("F32", weight.shape, weight.tobytes())
    result = wg.fit(write_checkpoint(tmp_path / "model.safetensors", named))
    found = {item.tensor.removeprefix(f"{STEM}."): item for item in result.slices}
    assert found.pop(plain).status == "ok"
    assert found.keys() == tensors.keys()
    for name, item in found.items():
        assert (item.status, item.kind, item.n) == ("not_applicable", "other", 0), name
        assert title in item.reason
        assert np.isnan(item.k)
    packed = next(iter(tensors))
    assert found[packed].reason.startswith(f"packed by {title}")
    assert all(f"'{STEM}.{packed}'" in found[name].reason for name in tensors if name != packed)
    assert [(each.id, each.level, each.tensor) for each in result.findings] == [
        ("unmeasured", "warning", f"{STEM}.{packed}")
    ]
    beginning = f"{STEM}.{packed}: not measured: packed by {title}, "
    message = result.findings[0].message
    assert message.startswith((f"{beginning}which is not decoded", f"{beginning}and cannot be"))


@pytest.mark.parametrize(("method", "title"), [("gptq", "GPTQ"), ("awq", "AWQ"), (7, "GPTQ")])
def test_config_names_the_quantiser(tmp_path, write_checkpoint, method, title):
    named = {f"{STEM}.{name}": GPTQ[name] for name in ("qweight", "qzeros", "scales")}
    path = write_checkpoint(tmp_path / "model.safetensors", named)
    config = {"quantization_config": {"quant_method": method}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    item = next(item for item in wg.fit(path).slices if item.tensor.endswith("qweight"))
    assert item.reason.startswith(f"packed by {title}")


@pytest.mark.parametrize("quantisation", [None, 3, [], "fp8", {"weight_block_size": [0, "x"]}])
def test_odd_quantisation_settings(tmp_path, write_checkpoint, quantisation):
    named = {f"{STEM}.{name}": stored for name, stored in GPTQ.items()}
    path = write_checkpoint(tmp_path / "model.safetensors", named)
    (tmp_path / "config.json").write_text(json.dumps({"quantization_config": quantisation}))
    assert {item.status for item in wg.fit(path).slices} == {"not_applicable"}


def test_ls_tells_the_storage(tmp_path, write_checkpoint):
    named = {f"{STEM}.{name}": stored for name, stored in GPTQ.items()}
    named["h.0.attn.k_proj.weight"] = tensor("F8_E4M3", 8, 8)
    named["h.0.attn.k_proj.weight_scale"] = tensor("F32", 8, 1)
    path = write_checkpoint(tmp_path / "model.safetensors", named)
    done = CliRunner().invoke(main, ["ls", str(path), "--json"])
    rows = {row["tensor"]: row["storage"] for row in json.loads(done.stdout)["tensors"]}
    assert rows[f"{STEM}.qweight"].startswith("packed by GPTQ")
    assert rows["h.0.attn.k_proj.weight"] == "F8_E4M3 x weight_scale per row"
    assert rows["h.0.attn.k_proj.weight_scale"] == "scale of 'h.0.attn.k_proj.weight'"
