"""Where a name says that a weight is, and names that say nothing or mean harm."""

from __future__ import annotations

import pytest

from names import Tensor
from weightgauge.anatomy.components import Component, classify

HH = (64, 64)


def blocks(*names: str) -> list[int | None]:
    return [found.block for found in classify([Tensor(name, HH) for name in names])]


def test_masks_and_tables_of_truth_values_are_no_biases() -> None:
    masks = [
        Tensor("h.0.attn.bias", (32, 32), "BOOL"),
        Tensor("h.0.attn.bias", (1, 1, 9, 9), "F32"),
    ]
    for mask in masks:
        assert classify([mask])[0].kind == "other"


def test_numbers_that_are_no_blocks() -> None:
    long = "9" * 5000  # longer than Python turns into an int
    names = [
        f"model.layers.{long}.self_attn.q_proj.weight",
        "model.layers.٣.self_attn.q_proj.weight",
    ]
    for component in classify([Tensor(name, HH) for name in names]):
        assert (component.kind, component.block) == ("q", None)


@pytest.mark.parametrize("name", ["", ".", "weight", ".weight", "a." * 500_000, "\x1b[31m", "=1+1"])
def test_hostile_names_stay_other(name: str) -> None:
    assert classify([Tensor(name, HH)]) == [Component("other", None, None, None, None, None)]


@pytest.mark.parametrize("odd", ["a\nb.3.c", "\0", "\n", "h.\0.0.\n"])
def test_names_with_control_characters_do_not_move_their_neighbours(odd: str) -> None:
    names = [f"model.layers.{i}.self_attn.q_proj.weight" for i in range(4)]
    names.insert(2, f"model.layers.7.{odd}.mlp.up_proj.weight")
    assert blocks(*names) == [0, 1, 7, 2, 3]


@pytest.mark.parametrize("word", ["encoders", "decoders"])
def test_lists_called_after_halves_are_blocks(word: str) -> None:
    """As in Phi-4's audio encoder, ESPnet and T5's decoder of spectrograms, with layers in each."""
    inside = ["self_attn.q_proj", "layer.0.attention.to_q", "layer.1.attention.to_q"]
    assert blocks(*(f"{word}.{i}.{name}.weight" for i in (0, 7) for name in inside)) == (
        [0] * 3 + [7] * 3
    )


def test_no_tensors() -> None:
    assert classify([]) == []


def test_blocks_are_counted_through_the_stages() -> None:
    stages = {0: 2, 1: 2, 2: 18, 3: 2}
    names = [f"layers.{s}.blocks.{b}.attn.qkv.weight" for s in stages for b in range(stages[s])]
    assert blocks(*names) == list(range(24))


def test_what_lies_between_the_stages_is_in_no_block() -> None:
    names = ["layers.0.blocks.0.attn.qkv.weight", "layers.0.downsample.reduction.weight"]
    assert blocks(*names) == [0, None]


def test_blocks_behind_a_missing_stage_have_no_number() -> None:
    names = ["layers.0.blocks.0.attn.qkv.weight", "layers.2.blocks.0.attn.qkv.weight"]
    assert blocks(*names) == [0, None]
    assert blocks("layers.999999999.blocks.0.attn.qkv.weight") == [None]


def test_the_outermost_list_counts_where_there_are_no_stages() -> None:
    name = "encoder.block.7.layer.1.DenseReluDense.wo.weight"
    assert blocks(name) == [7]


@pytest.mark.parametrize(
    ("name", "tower"),
    [
        ("model.visual.blocks.0.attn.qkv.weight", "vision"),
        ("vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight", "vision"),
        ("model.language_model.layers.0.mlp.up_proj.weight", "text"),
        ("audio_tower.layers.0.fc1.weight", "audio"),
        ("thinker.audio_tower.layers.0.fc1.weight", "audio"),
        ("model.encoder.layers.0.fc1.weight", "encoder"),
        ("model.decoder.layers.0.fc1.weight", "decoder"),
        ("model.layers.0.mlp.encoder.weight", None),
        ("model.layers.0.fc1.weight", None),
    ],
)
def test_tower(name: str, tower: str | None) -> None:
    assert classify([Tensor(name, HH)])[0].tower == tower


@pytest.mark.parametrize(
    ("name", "expert"),
    [
        ("layers.0.mlp.experts.17.up_proj.weight", 17),
        ("layers.0.mlp.experts.expert_3.wi.weight", 3),
        ("decoder.layers.0.mlp.experts.local_experts.5.linear_fc1.weight", 5),
        ("layers.0.mlp.shared_experts.up_proj.weight", None),
        ("layers.0.mlp.shared_expert.up_proj.weight", None),
        ("layers.0.mlp.experts.gate_up_proj", None),
    ],
)
def test_expert(name: str, expert: int | None) -> None:
    assert classify([Tensor(name, HH)])[0].expert == expert
