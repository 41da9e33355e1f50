"""Zeros and ones that models start with on purpose, and others of almost the same names."""

from __future__ import annotations

import numpy as np
import pytest

import weightgauge as wg

MEANT = (
    *("controlnet_mid_block.weight", "controlnet_down_blocks.3.weight"),
    *("controlnet_blocks.0.weight", "controlnet_single_blocks.4.weight"),
    *("controlnet_x_embedder.weight", "controlnet_cond_embedding.conv_out.weight"),
    *("middle_block_out.0.weight", "zero_convs.5.0.weight", "input_hint_block.14.weight"),
    *("input_blocks.1.0.out_layers.3.weight", "middle_block.2.out_layers.3.weight", "out.2.weight"),
    *("transformer_blocks.0.norm1.linear.weight", "single_transformer_blocks.1.norm.linear.weight"),
    *("transformer_blocks.0.norm1_context.linear.weight", "norm_out.linear.weight"),
    *("blocks.3.adaLN_modulation.1.weight", "final_layer.linear.weight", "proj_out.weight"),
    *("input_blocks.4.1.proj_out.weight", "rwkv.blocks.0.attention.time_maa_w1"),
)
NOT_MEANT = (
    *("x_embedder.weight", "input_blocks.1.0.out_layers.2.weight", "mid_block.conv.weight"),
    *("input_blocks.1.0.in_layers.2.weight", "transformer_blocks.0.attn.to_out.0.weight"),
    *(
        "model.layers.0.mlp.down_proj.weight",
        "transformer_blocks.0.linear.weight",
        "to_out.2.weight",
    ),
)


def told(name, values):
    found = wg.fit({name: values, "other.weight": np.eye(24, dtype=np.float32)}).findings
    return {(each.id, each.level) for each in found if each.tensor == name}


@pytest.mark.parametrize("name", MEANT)
@pytest.mark.parametrize("shape", [(16, 24), (16, 24, 1, 1)])
def test_zeros_that_are_meant(name, shape):
    assert told(name, np.zeros(shape, np.float32)) == {("zero-by-design", "note")}


@pytest.mark.parametrize("name", NOT_MEANT)
def test_zeros_of_other_names(name):
    assert told(name, np.zeros((24, 16), np.float32)) == {("all-zero", "fault")}


@pytest.mark.parametrize("name", ["A_log", "A_logs", "A_b_log"])
def test_the_logarithm_of_one_is_zero(name):
    logs = np.log(np.tile(np.arange(1, 17, dtype=np.float32), (384, 1)))
    assert {rule for rule, _ in told(f"backbone.layers.0.mixer.{name}", logs)} <= {
        "grid",
        "poor-fit",
    }
    assert ("dead-columns", "warning") in told("backbone.layers.0.mixer.B_log", logs)


def test_ways_past_a_state_space_layer_start_at_one():
    ones = np.ones((4, 64), np.float32)
    assert told("model.layers.0.mamba.D", ones) == {("constant", "note")}
    assert told("model.layers.0.mamba.E", ones) == {("constant", "fault")}
