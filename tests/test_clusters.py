"""Heads and experts are clusters of rows or columns, however a family names and stores them."""

from __future__ import annotations

import numpy as np
import pytest

import health_models as models
import weightgauge as wg

RNG = np.random.default_rng(29)


def drawn(rows, columns):
    return (0.02 * RNG.standard_normal((rows, columns))).astype(np.float32)


def errors_from(path, name):
    (found,) = (each for each in wg.fit(path).slices if each.tensor == name and each.part is None)
    return found.errors_from


@pytest.mark.parametrize(("hidden", "heads", "kv", "dim"), [(64, 8, 4, 16), (64, 8, 2, 32)])
def test_heads_that_are_wider_together_than_the_model(
    write_checkpoint, tmp_path, hidden, heads, kv, dim
):
    """Qwen3 and Gemma: q has twice as many rows as the model is wide, as a gated q would."""
    prefix = "model.layers.0.self_attn."
    tensors = {
        prefix + "q_proj.weight": drawn(heads * dim, hidden),
        prefix + "k_proj.weight": drawn(kv * dim, hidden),
        prefix + "v_proj.weight": drawn(kv * dim, hidden),
        prefix + "o_proj.weight": drawn(hidden, heads * dim),
    }
    config = {
        "model_type": "qwen3",
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "head_dim": dim,
        "num_hidden_layers": 1,
    }
    path = models.put(write_checkpoint, tmp_path / "m", tensors, config)
    rows, columns = f"rows in groups of {dim}, and columns", f"rows, and columns in groups of {dim}"
    for name in ("q_proj", "k_proj", "v_proj"):
        assert errors_from(path, f"{prefix}{name}.weight").endswith(rows), name
    assert errors_from(path, f"{prefix}o_proj.weight").endswith(columns)


def test_a_gated_q_has_groups_of_a_query_or_a_gate(write_checkpoint, tmp_path):
    prefix = "model.layers.0.self_attn."
    heads, dim, hidden = 8, 16, 96
    tensors = {
        prefix + "q_proj.weight": drawn(2 * heads * dim, hidden),
        prefix + "o_proj.weight": drawn(hidden, heads * dim),
    }
    config = {"model_type": "qwen3_next", "num_attention_heads": heads, "head_dim": dim}
    path = models.put(write_checkpoint, tmp_path / "m", tensors, config)
    told = errors_from(path, f"{prefix}q_proj.weight")
    assert told.endswith(f"rows in groups of {dim}, and columns")


@pytest.mark.parametrize("name", ["w1", "v1", "w2"])
def test_experts_whose_rows_follow_each_other(write_checkpoint, tmp_path, name):
    """DBRX merges the first two dimensions of its stacks."""
    experts, inner, hidden = 8, 64, 128
    tensor = f"transformer.blocks.0.ffn.experts.mlp.{name}"
    tensors = {
        f"transformer.blocks.0.ffn.experts.mlp.{each}": drawn(experts * inner, hidden)
        for each in ("w1", "v1", "w2")
    }
    tensors["transformer.blocks.0.ffn.router.layer.weight"] = drawn(experts, hidden)
    path = models.put(write_checkpoint, tmp_path / "m", tensors, {"model_type": "dbrx"})
    (whole,) = (
        each for each in wg.fit(path).slices if each.tensor == tensor and each.expert is None
    )
    assert whole.errors_from.endswith(f"rows in groups of {inner}, and columns")
