"""Configurations that contradict shapes or themselves give a warning, and the fact is unknown."""

from __future__ import annotations

import json

import pytest

import weightgauge as wg
from names import Tensor
from remarks import remarks
from towers import LATENT_CONFIG, described, latent, llama
from weightgauge.anatomy.architecture import architecture_of
from weightgauge.anatomy.components import classify

Q, K, OUT = (f"model.layers.0.self_attn.{name}_proj.weight" for name in "qko")
RIGHT = {
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "hidden_size": 96,
    "num_hidden_layers": 2,
}


def test_the_right_configuration() -> None:
    found = described(llama(), RIGHT)
    facts = found.of(None)
    assert found.warnings == ()
    assert (facts.heads, facts.kv_heads, facts.head_dim) == (8, 2, 16)
    assert (facts.hidden, facts.blocks) == (96, 2)


@pytest.mark.parametrize(
    ("key", "value", "tensor", "unknown"),
    [
        ("num_attention_heads", 7, OUT, ["heads"]),
        ("num_attention_heads", 16, OUT, ["heads", "head_dim"]),
        ("head_dim", 24, OUT, ["heads", "head_dim"]),
        ("num_key_value_heads", 3, "", ["kv_heads"]),
        ("num_key_value_heads", 4, K, ["kv_heads"]),
        ("hidden_size", 100, Q, ["hidden"]),
        ("num_hidden_layers", 1, "model.layers.1.", ["blocks"]),
    ],
)
def test_contradictions(key, value, tensor, unknown) -> None:
    found = described(llama(), {**RIGHT, key: value})
    (warning,) = found.warnings
    assert tensor in warning
    assert str(value) in warning or str(RIGHT["head_dim"]) in warning
    assert "config.json: " in warning
    facts = found.of(None).to_dict()
    assert [facts[name] for name in unknown] == [None] * len(unknown)


@pytest.mark.parametrize(
    "value",
    [10**30, 10**5000, -8, 0, True, "8", 8.5, float("inf"), "x" * 10_000_000],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("key", RIGHT)
def test_senseless_values(key, value) -> None:
    found = described(llama(), {**RIGHT, key: value})
    (warning,) = found.warnings
    assert f"config.json: {key} = " in warning
    assert len(warning) < 300
    # What shapes alone tell is still told; nothing else takes the place of the value.
    facts = found.of(None)
    assert facts.heads in (None, 8)
    assert facts.kv_heads in (None, 2)


def test_no_experts_are_no_fault() -> None:
    found = described(llama(), {**RIGHT, "num_experts": 0})
    assert (found.warnings, found.of(None).experts) == ((), None)


NUMBERS = [*RIGHT, "num_experts"]


@pytest.mark.parametrize("value", [None, [1, 2], {"language": 9, "vision": 5}])
@pytest.mark.parametrize("key", [*NUMBERS, *LATENT_CONFIG])
def test_values_that_say_nothing(key, value) -> None:
    """Blocks or stacks may differ in a number."""
    for shapes in (llama(), latent()):
        assert described(shapes, {key: value}).warnings == ()


@pytest.mark.parametrize(
    "value", [{}, [], {"a": 1}, [4], ["a", "b"], [[1], [2]], {"a": {}, "b": 1}]
)
@pytest.mark.parametrize("key", NUMBERS)
def test_values_that_are_no_numbers(key, value) -> None:
    (warning,) = described(llama(), {key: value}).warnings
    assert warning.startswith(f"config.json: {key} = ") and "no whole number" in warning


@pytest.mark.parametrize("value", [3, True, [], {}, ["llama"]])
def test_a_model_type_that_is_no_text(value) -> None:
    found = described(llama(), {"model_type": value})
    (warning,) = found.warnings
    assert warning.startswith("config.json: model_type = ")
    assert found.of(None).model_type is None


@pytest.mark.parametrize("key", ["num_hidden_layers", "num_experts"])
def test_more_than_the_whole_model_has(key) -> None:
    shapes = llama() | {
        f"model.layers.{block}.mlp.experts.{expert}.up_proj.weight": (64, 96)
        for block in range(2)
        for expert in range(2)
    }
    tensors = [Tensor(*item) for item in shapes.items()]
    for number in (3, 40, 1_000_000):
        config = {**RIGHT, key: number}
        whole = architecture_of(tensors, classify(tensors), config, complete=True)
        (warning,) = whole.warnings
        assert f"{key} = {number} is more than the 2 " in warning
        assert (whole.of(None).blocks, whole.of(None).experts) == (2, 2)
        # A lone file of several may hold less than the model has.
        assert described(shapes, config).warnings == ()


def test_experts_of_a_whole_model_without_any() -> None:
    tensors = [Tensor(*item) for item in llama().items()]
    found = architecture_of(
        tensors, classify(tensors), {**RIGHT, "num_experts": 10**6}, complete=True
    )
    (warning,) = found.warnings
    assert "num_experts = 1000000" in warning
    assert found.of(None).experts is None


def test_a_length_of_heads_that_norms_refute() -> None:
    """Four heads of 32 fill the 128 channels, but queries are normalised by sixteen."""
    config = {"num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 32}
    found = described(llama(norms=(16, 16)), config)
    (warning,) = found.warnings
    assert "head_dim = 32" in warning and "16" in warning
    facts = found.of(None)
    assert (facts.heads, facts.kv_heads, facts.head_dim) == (None, None, None)


def test_a_wrong_number_is_not_replaced_by_a_guess() -> None:
    # 16 heads would divide the width too, into heads of 8, of which no number makes up the keys.
    found = described(llama(8, 1, 24), {"num_attention_heads": 16, "num_key_value_heads": 1})
    facts = found.of(None)
    assert len(found.warnings) == 1
    assert (facts.heads, facts.head_dim, facts.attention) == (None, None, None)


def test_heads_that_norms_refute() -> None:
    found = described(llama(norms=(16, 16)), {"num_attention_heads": 4})
    (warning,) = found.warnings
    assert "num_attention_heads = 4" in warning
    assert (found.of(None).heads, found.of(None).head_dim) == (None, 16)


@pytest.mark.parametrize(
    ("key", "value", "tensor"),
    [
        ("num_attention_heads", 8, "q_b_proj"),
        ("kv_lora_rank", 20, "kv_a_proj_with_mqa"),
        ("qk_rope_head_dim", 4, "kv_a_proj_with_mqa"),
        ("v_head_dim", 12, "kv_b_proj"),
        ("q_lora_rank", 32, "q_a_proj"),
        ("qk_nope_head_dim", 10, "q_b_proj"),
    ],
)
def test_contradictions_of_latent_attention(key, value, tensor) -> None:
    found = described(latent(), {**LATENT_CONFIG, key: value})
    (warning,) = found.warnings
    assert f"{tensor}.weight" in warning
    facts = found.of(None)
    assert (facts.attention, facts.mla, facts.heads) == ("MLA", None, None)


def test_a_wrong_number_of_latent_heads_is_blamed() -> None:
    found = described(latent(), {**LATENT_CONFIG, "num_attention_heads": 8})
    (warning,) = found.warnings
    assert "config.json: num_attention_heads = 8 " in warning


@pytest.mark.parametrize("key", ["v_head_dim", "qk_nope_head_dim", "kv_lora_rank"])
def test_the_size_that_is_wrong_is_blamed(key) -> None:
    """The queries tell that qk_nope_head_dim is right, or else the values that v_head_dim is."""
    for without in ("", "q_b_proj"):
        shapes = {
            name: shape for name, shape in latent().items() if not without or without not in name
        }
        found = described(shapes, {**LATENT_CONFIG, key: LATENT_CONFIG[key] + 4})
        (warning,) = found.warnings
        assert f"config.json: {key} = " in warning


def test_experts_that_are_not_as_many() -> None:
    stacked = {"model.layers.0.mlp.experts.gate_up_proj": (4, 128, 96)}
    single = {f"model.layers.0.mlp.experts.{e}.up_proj.weight": (64, 96) for e in range(4)}
    for shapes in (stacked, single):
        found = described(shapes, {"num_experts": 3})
        (warning,) = found.warnings
        assert "num_experts = 3" in warning
        assert "model.layers.0.mlp.experts." in warning
        assert found.of(None).experts is None


def test_names_are_made_harmless_in_warnings() -> None:
    found = described(
        {"\x1b[2J.layers.0.self_attn.o_proj.weight": (96, 128)}, {"num_attention_heads": 7}
    )
    (warning,) = found.warnings
    assert "\x1b" not in warning


def test_a_section_is_named(tmp_path) -> None:
    shapes = llama(prefix="language_model.") | llama(prefix="vision_tower.")
    found = described(shapes, {"text_config": {"num_attention_heads": -1}})
    (warning,) = found.warnings
    assert "text_config.num_attention_heads = -1" in warning


def test_a_fit_comes_out_beside_a_configuration_that_is_wrong(tmp_path, write_checkpoint) -> None:
    tensors = {Q: ("F32", (16, 8), bytes(range(128)) * 4), OUT: ("F32", (8, 16), bytes(512))}
    path = write_checkpoint(tmp_path / "model.safetensors", tensors)
    config = {"num_attention_heads": 3, "hidden_size": "wide", "filler": ["x" * 1000] * 9000}
    (tmp_path / "config.json").write_text(json.dumps(config))
    result = wg.fit(path)
    assert len(result.slices) == 2
    assert any("num_attention_heads = 3" in each.message for each in result.findings)
    assert any("hidden_size" in warning for warning in remarks(result))
    assert result.architecture.of(None).heads is None
    assert result.to_dict()["architecture"] == result.architecture.to_dict()


@pytest.mark.parametrize(
    ("file", "told"),
    [("model.safetensors", True), ("model-00001-of-00002.safetensors", False)],
)
def test_only_a_whole_checkpoint_has_too_few_blocks(tmp_path, write_checkpoint, file, told) -> None:
    path = write_checkpoint(tmp_path / file, {Q: ("F32", (16, 8), bytes(512))})
    (tmp_path / "config.json").write_text('{"num_hidden_layers": 40}')
    result = wg.fit(path)
    assert any("num_hidden_layers = 40" in line for line in remarks(result)) is told
    assert result.architecture.of(None).blocks == (1 if told else 40)


def test_an_adapter_need_not_adapt_every_block(tmp_path, write_checkpoint) -> None:
    module = "base_model.model.model.layers.0.self_attn.q_proj"
    tensors = {
        f"{module}.lora_A.weight": ("F32", (2, 8), bytes(64)),
        f"{module}.lora_B.weight": ("F32", (16, 2), bytes(128)),
    }
    path = write_checkpoint(tmp_path / "adapter_model.safetensors", tensors)
    (tmp_path / "config.json").write_text('{"num_hidden_layers": 40}')
    assert not any("num_hidden_layers" in line for line in remarks(wg.fit(path)))
