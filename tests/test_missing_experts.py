"""Experts that are missing: which, where, how many tensors; and experts that only seem to be."""

from __future__ import annotations

import json

import numpy as np
import pytest

import health_models as models
import weightgauge as wg


@pytest.fixture
def told(write_checkpoint, tmp_path):
    return models.missing_parts(write_checkpoint, tmp_path / "m")


def mixtral():
    return models.llama(seed=1, blocks=4, hidden=64, inner=96, vocab=320, kv=64, experts=4)


@pytest.mark.parametrize("expert", [0, 2, 3])
@pytest.mark.parametrize("with_config", [True, False])
def test_an_expert_that_no_block_has(expert, with_config, told):
    tensors, config = mixtral()
    found = told(models.without(tensors, f".experts.{expert}."), config if with_config else None)
    if expert == 3 and not with_config:
        (only,) = found  # no fault: routers may choose among experts without weights
        assert (only.level, only.expert, only.value, only.expected) == ("warning", 3, 3, 4)
        assert only.message == (
            "model.layers: the routers choose among 4 experts, of which expert 3 has no weights "
            "in any block"
        )
        return
    (only,) = found
    assert (only.level, only.expert, only.block, only.kind) == ("fault", expert, None, None)
    assert (only.value, only.expected) == (3, 4)
    assert only.message.startswith(
        f"model.layers: expert {expert} of 4 missing in all 4 blocks (12 tensors: "
        f"model.layers.0.block_sparse_moe.experts.{expert}.w1.weight, "
    )
    assert ("config.json says num_local_experts = 4" in only.message) is with_config


def test_an_expert_that_one_block_lacks(told):
    tensors, config = mixtral()
    (found,) = told(models.without(tensors, "layers.1.block_sparse_moe.experts.2."), config)
    assert (found.block, found.expert, found.value, found.expected) == (1, 2, 3, 4)
    path = "model.layers.1.block_sparse_moe.experts.2"
    names = ", ".join(f"{path}.{name}.weight" for name in ("w1", "w2", "w3"))
    assert f"expert 2 of 4 missing in block 1 (3 tensors: {names})" in found.message


def test_one_matrix_of_one_expert(told):
    tensors, config = mixtral()
    name = "model.layers.1.block_sparse_moe.experts.2.w2.weight"
    (found,) = told(models.without(tensors, name), config)
    assert (found.tensor, found.kind, found.block, found.expert) == (name, "down", 1, 2)
    assert found.message == f"{name}: missing; the other 3 experts of the block have it"
    (row,) = json.loads(json.dumps([found.to_dict()]))
    assert (row["tensor"], row["kind"], row["block"], row["expert"]) == (name, "down", 1, 2)


def test_one_matrix_of_an_expert_in_every_block(told):
    tensors, config = mixtral()
    (found,) = told(models.without(tensors, "experts.2.w2."), config)
    assert (found.kind, found.expert, found.block) == ("down", 2, None)
    assert "w2 of expert 2 of 4 missing in all 4 blocks (4 tensors: " in found.message


def _gate(seed, rows):
    return models.normal(np.random.default_rng(seed), rows, 64).astype(models.BF16)


def with_shared_experts(tensors, rows=1):
    """Add what weighs the experts that every token goes through, named like a router."""
    for block in range(4):
        gate = f"model.layers.{block}.block_sparse_moe.shared_expert_gate.weight"
        tensors[gate] = _gate(block, rows)
    return tensors


@pytest.mark.parametrize("with_config", [True, False])
@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("lost", ["layers.1.block_sparse_moe.experts.2.", "experts.2.", "2.w3."])
def test_what_weighs_shared_experts_is_no_router(lost, rows, with_config, told):
    tensors, config = mixtral()
    tensors = with_shared_experts(tensors, rows)
    config = config if with_config else None
    assert told(tensors, config) == []
    (found,) = told(models.without(tensors, lost), config)
    assert (found.level, found.expert) == ("fault", 2)


def test_shared_experts_do_not_stand_in_for_a_lost_router(told):
    tensors, _ = mixtral()
    tensors = with_shared_experts(models.without(tensors, "block_sparse_moe.gate."))
    (found,) = told(tensors, None)
    assert (found.level, found.kind) == ("fault", "router")


@pytest.mark.parametrize("other", [2, 16])
def test_the_router_beside_the_experts_counts(other, told):
    """Another router of the block, with rows of its own, says nothing about these experts."""
    tensors, _ = mixtral()
    for block in range(4):
        tensors[f"model.layers.{block}.mlp.gate.weight"] = _gate(block, other)
    assert told(tensors, None) == []
    (found,) = told(models.without(tensors, "layers.1.block_sparse_moe.experts.2."), None)
    assert (found.expert, found.block, found.value, found.expected) == (2, 1, 3, 4)


def test_biases_of_routers_are_no_routers(told):
    tensors, config = mixtral()
    for block in range(4):
        bias = f"model.layers.{block}.block_sparse_moe.gate.e_score_correction_bias"
        tensors[bias] = np.ones(1, np.float32)
    (found,) = told(models.without(tensors, "layers.1.block_sparse_moe.experts.3."), config)
    assert (found.expert, found.block) == (3, 1)


@pytest.mark.parametrize("blocks", [0, 1, 2, 3])
def test_routers_of_blocks_choose_among_numbers_of_their_own(blocks, told):
    """The blocks from that number on have lost an expert when they were pruned; one lacks more."""
    tensors, _ = mixtral()
    for block in range(blocks, 4):
        layer = f"model.layers.{block}.block_sparse_moe."
        tensors = models.without(tensors, f"{layer}experts.3.")
        tensors[f"{layer}gate.weight"] = np.ascontiguousarray(tensors[f"{layer}gate.weight"][:3])
    assert told(tensors, None) == []
    (found,) = told(models.without(tensors, "layers.0.block_sparse_moe.experts.2."), None)
    assert (found.level, found.block, found.expert) == ("fault", 0, 2)
    assert (found.value, found.expected) == ((3, 4) if blocks else (2, 3))


def test_the_last_expert_of_the_only_block_that_has_as_many(told):
    tensors, _ = mixtral()
    for block in (1, 2, 3):
        layer = f"model.layers.{block}.block_sparse_moe."
        tensors = models.without(tensors, f"{layer}experts.3.")
        tensors[f"{layer}gate.weight"] = np.ascontiguousarray(tensors[f"{layer}gate.weight"][:3])
    (found,) = told(models.without(tensors, "layers.0.block_sparse_moe.experts.3."), None)
    assert (found.level, found.block, found.expert) == ("fault", 0, 3)


def test_experts_that_two_blocks_lack(told):
    tensors, config = mixtral()
    lost = [
        f"layers.{block}.block_sparse_moe.experts.{expert}."
        for block in (1, 2)
        for expert in (0, 3)
    ]
    (found,) = told(models.without(tensors, *lost), config)
    assert (found.expert, found.block) == (None, None)
    assert "experts 0 and 3 of 4 missing in blocks 1 and 2 (12 tensors: " in found.message


def test_a_configuration_of_another_number_contradicts_the_routers(write_checkpoint, tmp_path):
    tensors, config = mixtral()
    path = models.put(write_checkpoint, tmp_path / "m", tensors, config | {"num_local_experts": 8})
    found = [each for each in wg.fit(path).findings if each.level == "fault"]
    assert [each.id for each in found] == ["shape-contradicts"]


# -- well


def test_blocks_from_which_experts_were_removed(told):
    """Numbers without a gap, and a router with as many rows."""
    tensors, _ = mixtral()
    tensors = models.without(tensors, "layers.2.block_sparse_moe.experts.3.")
    gate = "model.layers.2.block_sparse_moe.gate.weight"
    tensors[gate] = np.ascontiguousarray(tensors[gate][:3])
    assert told(tensors, None) == []


def test_routers_may_choose_among_experts_without_weights(told):
    tensors, config = mixtral()
    for block in range(4):
        gate = f"model.layers.{block}.block_sparse_moe.gate.weight"
        tensors[gate] = np.concatenate([tensors[gate], tensors[gate][:2]])
    assert told(tensors, config) == []


def test_first_blocks_may_have_no_experts(told):
    tensors, config = mixtral()
    config |= {"model_type": "foo", "architectures": ["FooModel"]}
    dense, _ = models.llama(seed=1, blocks=4, hidden=64, inner=96, vocab=320, kv=64)
    tensors = models.without(tensors, "layers.0.block_sparse_moe.")
    tensors |= {name: each for name, each in dense.items() if "layers.0.mlp" in name}
    assert told(tensors, config) == []
