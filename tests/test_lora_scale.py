"""What a product B A is multiplied with where no adapter_config.json says it."""

from __future__ import annotations

import json

import ml_dtypes
import numpy as np
import pytest

import weightgauge as wg
from builders import safetensors_bytes
from closeness import relative
from remarks import remarks
from weightgauge.anatomy.lora.flat_names import dotted
from weightgauge.anatomy.lora.header_settings import header_settings
from weightgauge.checkpoint.assemble import open_sources
from weightgauge.checkpoint.byte_source import MemoryBytes
from weightgauge.scanning.feed import FedScan

RANK = 4
DTYPES = {
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "F32": np.float32,
    "F64": np.float64,
    "I64": np.int64,
    "I32": np.int32,
    "U8": np.uint8,
}
Q = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q"


def f32(array):
    return "F32", list(array.shape), array.astype(np.float32).tobytes()


def pair(module, names=("lora_down", "lora_up"), seed=0):
    rng = np.random.default_rng(seed)
    down, up = rng.normal(0, 0.1, (RANK, 48)), rng.normal(0, 0.1, (40, RANK))
    return {
        f"{module}.{name}.weight": f32(each) for name, each in zip(names, (down, up), strict=True)
    }


def number(value, spelling="F16", shape=()):
    return spelling, list(shape), np.array(value).astype(DTYPES[spelling]).tobytes()


def fitted(tmp_path, tensors, metadata=None, config=None):
    (tmp_path / "lora.safetensors").write_bytes(safetensors_bytes(tensors, metadata=metadata))
    if config is not None:
        (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    return wg.fit(tmp_path / "lora.safetensors")


def product(result, module=Q):
    (item,) = (item for item in result.slices if item.tensor == module)
    return item


def plain_lambda(tmp_path, tensors):
    """Lambda of B A without any factor."""
    bare = {name: tensor for name, tensor in tensors.items() if "alpha" not in name}
    item = next(item for item in fitted(tmp_path, bare).slices if item.part == "ba")
    assert item.status == "scale_not_applied"
    return item.lam


@pytest.mark.parametrize("spelling", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,)])
def test_alpha_in_a_tensor_is_applied(tmp_path, spelling, shape):
    tensors = pair(Q) | {f"{Q}.alpha": number(2, spelling, shape)}
    result = fitted(tmp_path, tensors)
    item = product(result)
    assert (item.status, item.decoded) == ("ok", "B A of rank 4, times alpha/r = 0.5")
    assert remarks(result) == ()
    assert item.lam == relative(0.5 * plain_lambda(tmp_path, tensors), rel=1e-6)


def test_negative_alpha_scales_as_its_magnitude_does(tmp_path):
    tensors = pair(Q) | {f"{Q}.alpha": number(-8)}
    item = product(fitted(tmp_path, tensors))
    assert item.status == "ok"
    assert item.lam == relative(2 * plain_lambda(tmp_path, tensors), rel=1e-6)


@pytest.mark.parametrize(
    ("value", "words"), [(np.nan, "no reasonable number"), (np.inf, "no reasonable"), (0, "is 0")]
)
def test_alpha_that_cannot_be_applied_is_told_once_for_all(tmp_path, value, words):
    modules = [f"lora_unet_input_blocks_{i}_1_transformer_blocks_0_attn1_to_q" for i in range(30)]
    tensors = {}
    for seed, module in enumerate(modules):
        tensors |= pair(module, seed=seed) | {f"{module}.alpha": number(value)}
    result = fitted(tmp_path, tensors)
    (warning,) = remarks(result)
    assert "(and 29 more)" in warning
    assert words in warning
    assert product(result, modules[3]).status == "scale_not_applied"


def test_several_reasons_are_still_one_line(tmp_path):
    other = Q.replace("to_q", "to_k")
    tensors = pair(Q) | {f"{Q}.alpha": number(0)} | pair(other)
    (warning,) = remarks(fitted(tmp_path, tensors))
    assert "(and 1 more)" in warning
    assert "other reasons" in warning


@pytest.mark.parametrize(
    ("metadata", "factor"),
    [
        ({"ss_network_alpha": "2", "ss_network_dim": "4"}, 0.5),
        ({"ss_network_alpha": "2.0"}, 0.5),
        ({"lora_alpha": "64", "r": "4"}, 16),
        ({"lora_alpha": "64", "r": "4", "use_rslora": "True"}, 32),
        ({"transformer.lora_alpha": "64", "transformer.r": "4"}, 16),
        ({"text_encoder.lora_alpha": "1", "transformer.lora_alpha": "8"}, 2),
        ({"lora_adapter_metadata": '{"transformer.lora_alpha": 8, "transformer.r": 4}'}, 2),
        ({"config": '{"peft_type": "LORA", "lora_alpha": 8, "r": 4}'}, 2),
        ({"config": '{"lora_alpha": 8, "r": 4, "alpha_pattern": {"to_q": 4}}'}, 1),
    ],
)
def test_alpha_in_the_header_is_applied(tmp_path, metadata, factor):
    module = "transformer.blocks.3.attn.to_q"
    tensors = pair(module, ("lora_A", "lora_B"))
    result = fitted(tmp_path, tensors, metadata)
    item = product(result, module)
    assert (item.status, remarks(result)) == ("ok", ())
    assert (item.kind, item.block) == ("q", 3)
    assert item.lam == relative(factor * plain_lambda(tmp_path, tensors), rel=1e-6)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"lora_alpha": "64", "r": "8"}, "__metadata__ says rank 8, the factors 4"),
        ({"ss_network_alpha": "None"}, "lora_alpha in __metadata__ is no number"),
        ({"lora_alpha": "nan"}, "lora_alpha in __metadata__ is no number"),
        ({"lora_alpha": "1e300"}, "lora_alpha in __metadata__ is no reasonable number"),
        ({"config": "{" * 10_000}, "no adapter_config.json"),
        ({"format": "pt"}, "no adapter_config.json"),
        ({"text_encoder.lora_alpha": "4"}, "no adapter_config.json"),
    ],
)
def test_header_that_does_not_say_it(tmp_path, metadata, words):
    module = "transformer.blocks.3.attn.to_q"
    result = fitted(tmp_path, pair(module, ("lora_A", "lora_B")), metadata)
    (warning,) = remarks(result)
    assert words in warning
    assert product(result, module).status == "scale_not_applied"


def test_configuration_comes_first_then_the_tensor_then_the_header(tmp_path):
    tensors = pair(Q) | {f"{Q}.alpha": number(8)}
    metadata = {"ss_network_alpha": "16"}
    bare = plain_lambda(tmp_path, tensors)
    found = fitted(tmp_path, tensors, metadata)
    assert product(found).lam == relative(2 * bare, rel=1e-6)
    found = fitted(tmp_path, tensors, metadata, {"r": RANK, "lora_alpha": 4})
    assert product(found).lam == relative(bare, rel=1e-6)
    found = fitted(tmp_path, tensors, metadata, {"r": 99, "lora_alpha": 4})
    assert product(found).lam == relative(2 * bare, rel=1e-6)


def test_adapter_in_memory(tmp_path):
    tensors = pair(Q) | {f"{Q}.alpha": number(2)}
    arrays = {
        name: np.frombuffer(raw, DTYPES[spelling]).reshape(shape)
        for name, (spelling, shape, raw) in tensors.items()
    }
    item = product(wg.fit(arrays))
    assert item.lam == relative(0.5 * plain_lambda(tmp_path, tensors), rel=1e-6)


def test_adapter_that_is_fed_has_what_its_header_says(tmp_path):
    content = safetensors_bytes(
        pair(Q) | {f"{Q}.alpha": number(2)}, metadata={"ss_network_alpha": "2"}
    )
    checkpoint = open_sources({"a.safetensors": MemoryBytes(content, "a")}, model="m")
    scan = FedScan(checkpoint)
    while wanted := scan.wanted():
        for shard, start, stop in wanted:
            scan.feed(shard, start, content[start:stop])
    assert product(scan.finish()).decoded == "B A of rank 4, times lora_alpha/r = 0.5"


@pytest.mark.parametrize(
    ("module", "path"),
    [
        (Q, "input_blocks.4.1.transformer_blocks.0.attn1.to_q"),
        (
            "lora_unet_mid_block_attentions_0_transformer_blocks_9_attn2_to_out_0",
            "mid_block.attentions.0.transformer_blocks.9.attn2.to_out.0",
        ),
        (
            "lora_te1_text_model_encoder_layers_11_self_attn_q_proj",
            "text_model.encoder.layers.11.self_attn.q_proj",
        ),
        ("lora_unet_double_blocks_0_img_attn_proj", "double_blocks.0.img_attn.proj"),
        ("model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.q_proj"),
        ("lora_unet_", ""),
    ],
)
def test_flat_names_become_paths(module, path):
    assert dotted(module) == path


def test_kind_of_a_flat_name(tmp_path):
    assert product(fitted(tmp_path, pair(Q) | {f"{Q}.alpha": number(2)})).kind == "q"


def test_settings_of_a_header_are_grouped_by_part():
    found = header_settings({"a.b.lora_alpha": "1", "a.b.r": "2", "c.r": "3", "lora_alpha": "4"})
    assert found == {"a.b": {"lora_alpha": 1.0, "r": 2.0}, "": {"lora_alpha": 4.0}}
