"""Biases and parameters that one block lacks, and blocks that do without them by design."""

from __future__ import annotations

import numpy as np
import pytest

import health_models as models

BIASES = ("q_proj.bias", "k_proj.bias", "v_proj.bias")


@pytest.fixture
def told(write_checkpoint, tmp_path):
    return models.missing_parts(write_checkpoint, tmp_path / "m")


def vector(name, length):
    """Values that differ from name to name, and are not zeros."""
    return np.random.default_rng(len(name)).standard_normal(length).astype(models.BF16)


def put_vectors(tensors, names, length=64):
    return tensors | {name: vector(name, length) for name in names}


def llama(blocks=6, **kind):
    """A model with biases at queries, keys and values, as Qwen2 has."""
    tensors, config = models.llama(
        seed=1, blocks=blocks, hidden=64, inner=96, vocab=320, kv=64, **kind
    )
    names = [f"model.layers.{block}.self_attn.{bias}" for block in range(blocks) for bias in BIASES]
    return put_vectors(tensors, names), config


# -- lost


@pytest.mark.parametrize("block", [0, 3, 5])
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("with_config", [True, False])
def test_a_bias_that_one_block_lacks(block, bias, with_config, told):
    tensors, config = llama()
    config = config if with_config else None
    assert told(tensors, config) == []
    name = f"model.layers.{block}.self_attn.{bias}"
    (found,) = told(models.without(tensors, name), config)
    assert (found.level, found.tensor, found.kind, found.block) == ("fault", name, "bias", block)
    assert (found.value, found.expected) == (5, 6)
    assert found.message == f"{name}: missing; the other blocks have it"


def test_all_biases_of_one_block(told):
    tensors, config = llama()
    names = [f"model.layers.2.self_attn.{bias}" for bias in BIASES]
    (found,) = told(models.without(tensors, *names), config)
    assert (found.tensor, found.kind, found.block) == (None, "bias", 2)
    assert found.message == f"{', '.join(names)} missing; the other blocks have them"


@pytest.mark.parametrize("lost", [(0, 1), (2, 3), (1, 4)])
def test_a_bias_that_two_blocks_of_eight_lack(lost, told):
    tensors, config = llama(blocks=8)
    names = [f"model.layers.{block}.self_attn.q_proj.bias" for block in lost]
    (found,) = told(models.without(tensors, *names), config)
    assert (found.kind, found.block, found.value, found.expected) == ("bias", None, 6, 8)


def test_a_matrix_with_its_bias_is_told_once(told):
    tensors, config = llama()
    (found,) = told(models.without(tensors, "layers.2.self_attn.q_proj."), config)
    assert found.tensor == "model.layers.2.self_attn.q_proj.weight"


def test_the_bias_of_a_norm(told):
    tensors, config = models.gpt2(seed=1)
    (found,) = told(models.without(tensors, "h.1.ln_2.bias"), config)
    assert (found.level, found.tensor, found.kind) == ("fault", "h.1.ln_2.bias", "bias")


@pytest.mark.parametrize(
    "part", ["A_log", "D", "conv1d.weight", "conv1d.bias", "dt_proj.bias", "conv1d."]
)
@pytest.mark.parametrize("block", [0, 3, 5])
@pytest.mark.parametrize("with_config", [True, False])
def test_a_state_space_layer_without_one_of_its_parameters(part, block, with_config, told):
    tensors, config = models.mamba()
    biases = [f"backbone.layers.{each}.mixer.conv1d.bias" for each in range(6)]
    tensors = put_vectors(tensors, biases, 192)
    config = config if with_config else None
    assert told(tensors, config) == []
    name = f"backbone.layers.{block}.mixer.{part}"
    (found,) = told(models.without(tensors, name), config)
    assert (found.level, found.block) == ("fault", block)
    assert found.message.startswith(name)
    if part != "conv1d.":
        assert (found.tensor, found.kind) == (name, "bias" if "bias" in part else "other")


def test_a_state_space_layer_is_held_against_others_of_its_kind(told):
    """Blocks of attention, at no fixed distance, have no decay; one other block lost its own."""
    tensors, _ = models.mamba(blocks=10)
    for block in (1, 5, 6, 9):
        layer = f"backbone.layers.{block}.mixer."
        tensors = models.without(tensors, layer)
        for name in "qkvo":
            matrix = models.normal(np.random.default_rng(block), 64, 64)
            tensors[f"{layer}{name}_proj.weight"] = matrix.astype(models.BF16)
    assert told(tensors, None) == []
    (found,) = told(models.without(tensors, "layers.4.mixer.A_log"), None)
    assert found.tensor == "backbone.layers.4.mixer.A_log"


def test_the_bias_of_one_expert(told):
    tensors, config = llama(experts=4)
    for block in range(6):
        experts = f"model.layers.{block}.block_sparse_moe.experts."
        tensors = put_vectors(tensors, [f"{experts}{expert}.w2.bias" for expert in range(4)])
    assert told(tensors, config) == []
    (found,) = told(models.without(tensors, "layers.1.block_sparse_moe.experts.2.w2.bias"), config)
    assert (found.level, found.kind, found.block) == ("fault", "bias", 1)
    assert found.message == (
        "some of model.layers.1.block_sparse_moe.experts.#.w2.bias missing; "
        "the other blocks have them"
    )
    (found,) = told(models.without(tensors, "layers.1.block_sparse_moe.experts.2."), config)
    assert (found.block, found.expert) == (1, 2)


# -- well


@pytest.mark.parametrize("there", [(2,), (0, 1, 2), (1, 3, 5), (0, 3), (4, 5), (0, 1, 2, 3)])
def test_biases_that_some_blocks_have_by_design(there, told):
    tensors, config = llama()
    lost = [f"layers.{block}.self_attn.q_proj.bias" for block in set(range(6)) - set(there)]
    assert told(models.without(tensors, *lost), config) == []


def test_of_two_blocks_nobody_knows_which_is_right(told):
    tensors, config = llama(blocks=2)
    assert told(models.without(tensors, "layers.1.self_attn.q_proj.bias"), config) == []


@pytest.mark.parametrize("block", [0, 5])
def test_the_first_or_last_block_may_do_without_a_module(block, told):
    tensors, config = llama()
    names = [f"model.layers.{each}.attention_input.query" for each in range(6) if each != block]
    assert told(put_vectors(tensors, names), config) == []


def test_several_first_blocks_may_choose_their_experts_in_another_way(told):
    tensors, config = llama(blocks=12, experts=4)
    gate = "block_sparse_moe.gate.e_score_correction_bias"
    names = [f"model.layers.{block}.{gate}" for block in range(3, 12)]
    assert told(put_vectors(tensors, names, 4), config) == []


@pytest.mark.parametrize(
    "buffer",
    ["self_attn.rotary_emb.inv_freq", "self_attn.masked_bias", "self_attn.k_proj.input_scale"],
)
def test_buffers_and_scales_need_not_be_in_every_block(buffer, told):
    """A program makes them anew, and blocks that are not quantised have no scales."""
    tensors, config = llama()
    names = [f"model.layers.{block}.{buffer}" for block in (0, 1, 2, 4, 5)]
    assert told(put_vectors(tensors, names, 32), config) == []


def test_a_mask_need_not_be_in_every_block(told):
    tensors, config = models.gpt2(seed=1)
    for block in (0, 1, 3):
        tensors[f"h.{block}.attn.bias"] = np.tril(np.ones((1, 1, 8, 8))).astype(models.BF16)
    assert told(tensors, config) == []


def test_one_block_that_is_stored_in_another_form(told):
    """What it has in place of the codes and books of the others stands for them."""
    tensors, config = llama()
    for block in range(6):
        name = f"model.layers.{block}.self_attn.q_proj"
        if block != 3:
            tensors[f"{name}.lattice"] = tensors.pop(f"{name}.weight")
    assert told(tensors, config | {"model_type": "foo"}) == []


def test_norms_of_the_first_block_may_be_missing_with_their_biases(told):
    tensors, config = llama()
    names = [f"model.layers.{block}.input_layernorm.bias" for block in range(6)]
    tensors = put_vectors(tensors, names)
    assert told(models.without(tensors, "layers.0.input_layernorm."), config) == []
