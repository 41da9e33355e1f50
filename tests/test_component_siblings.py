"""What lies beside a weight decides what it is."""

from __future__ import annotations

import pytest

from names import Tensor
from weightgauge.anatomy.components import classify

HH, FH, HF = (64, 64), (256, 64), (64, 256)


def kinds(shapes: dict[str, tuple[int, ...]]) -> list[str]:
    return [found.kind for found in classify([Tensor(*item) for item in shapes.items()])]


def test_shard_cut_inside_a_block_keeps_gated_names() -> None:
    # The gate of block 4 lies in the shard before this one.
    tensors = [
        Tensor("model.layers.4.mlp.up_proj.weight", FH),
        Tensor("model.layers.4.mlp.down_proj.weight", HF),
        Tensor("model.layers.5.mlp.gate_proj.weight", FH),
        Tensor("model.layers.5.mlp.up_proj.weight", FH),
    ]
    assert [c.kind for c in classify(tensors)] == ["up", "down", "gate", "up"]


def test_a_gate_in_one_tower_does_not_gate_the_other() -> None:
    tensors = [
        Tensor("language_model.model.layers.0.mlp.gate_proj.weight", FH),
        Tensor("language_model.model.layers.0.mlp.up_proj.weight", FH),
        Tensor("vision_tower.layers.0.mlp.up_proj.weight", FH),
    ]
    assert [c.kind for c in classify(tensors)] == ["gate", "up", "ffn_in"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("w1", "gate"), ("w2", "down"), ("w3", "up")],
)
def test_lone_weight_of_a_numbered_expert(name: str, kind: str) -> None:
    tensor = Tensor(f"model.layers.0.block_sparse_moe.experts.0.{name}.weight", FH)
    assert classify([tensor])[0].kind == kind


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((512, 64), (64, 256), ["gate_up", "down"]),
        ((256, 64), (64, 256), ["ffn_in", "ffn_out"]),
        # Stacked experts, outputs first and inputs first.
        ((8, 512, 64), (8, 64, 256), ["gate_up", "down"]),
        ((8, 64, 512), (8, 256, 64), ["gate_up", "down"]),
        ((8, 256, 64), (8, 64, 256), ["ffn_in", "ffn_out"]),
        # Twice as wide as another model's second layer, but not leading back to its own input.
        ((512, 96), (64, 256), ["ffn_in", "ffn_out"]),
    ],
)
def test_two_in_one_are_told_by_their_shape(first, second, expected) -> None:
    assert kinds({"layers.0.fc1.weight": first, "layers.0.fc2.weight": second}) == expected


def test_stages_of_different_width_are_not_taken_for_gated() -> None:
    shapes = {}
    for stage, width in enumerate((96, 192, 384)):
        shapes[f"layers.{stage}.blocks.0.mlp.fc1.weight"] = (4 * width, width)
        shapes[f"layers.{stage}.blocks.0.mlp.fc2.weight"] = (width, 4 * width)
    assert kinds(shapes) == ["ffn_in", "ffn_out"] * 3


@pytest.mark.parametrize(
    "name",
    [
        "h.0.attn.proj.weight",
        "layers.0.feed_forward.gate.weight",
        "layers.0.mixer.out_proj.weight",
        "blocks.0.mlp.0.weight",
        "layers.0.wo.weight",
        "layers.0.attention.output.weight",
        "proj_mlp.weight",
        # Feed-forward layers end like this, but so do these.
        "layers.0.crossmixer.output.dense.weight",
        "value_head.output.dense.weight",
        "layers.0.mlp.gate.down_proj.weight",
        "layers.0.adapter.down_proj.weight",
        "adapter.up_proj.weight",
        "model.aligner.fc1.weight",
        "layers.0.scorer.fc2.weight",
        "fc1.weight",
    ],
)
def test_a_name_that_says_nothing_alone_is_not_guessed(name: str) -> None:
    assert kinds({name: HH}) == ["other"]


@pytest.mark.parametrize(
    ("owner", "first", "second"),
    [
        ("", "fc1", "fc2"),
        ("reward_head", "fc1", "fc2"),
        ("model.timestep_proj", "fc1", "fc2"),
        ("layers.0.adapter", "up_proj", "down_proj"),
        ("projector", "up_proj", "down_proj"),
    ],
)
def test_two_layers_outside_a_feed_forward_module_are_not_taken_for_one(owner, first, second):
    prefix = f"{owner}." if owner else ""
    shapes = {f"{prefix}{first}.weight": FH, f"{prefix}{second}.weight": HF}
    assert kinds(shapes) == ["other", "other"]


@pytest.mark.parametrize(
    ("owner", "first", "second"),
    [
        ("layers.0", "fc1", "fc2"),
        ("layers.0.mlp", "fc1", "fc2"),
        ("layers.0.deformable_layer", "fc1", "fc2"),
        ("layers.0.ffn.experts.expert_3", "fc1", "fc2"),
        ("vision_model.head.mlp", "fc1", "fc2"),
        ("layers.0.mixer", "up_proj", "down_proj"),
        ("layers.0.ff1", "up_proj", "down_proj"),
        ("layers.0.mixer.experts.3", "up_proj", "down_proj"),
        ("decoder_layers.0", "intermediate.dense", "output.dense"),
        ("layer.0.feed_forward", "intermediate.dense", "output.dense"),
    ],
)
def test_two_layers_of_a_feed_forward_module(owner, first, second):
    shapes = {f"{owner}.{first}.weight": FH, f"{owner}.{second}.weight": HF}
    assert kinds(shapes) == ["ffn_in", "ffn_out"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("self.query self.key self.value output", "q k v o"),  # BigBird-Pegasus
        ("longformer_self_attn.query longformer_self_attn.value output", "q v o"),  # LED
        ("sampling_offsets value_proj output_proj", "other v o"),  # attention to samples
        ("output", "other"),
        ("output_proj value_proj", "other v"),
    ],
)
def test_outputs_of_attention_that_are_told_by_its_inputs(names, expected):
    shapes = {f"layers.0.self_attn.{name}.weight": HH for name in names.split()}
    assert kinds(shapes) == expected.split()


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        ("self_att.self_attention", "project_q project_k project_v attention_out"),  # CPM-Ant
        ("encoder_attn_text", "query key value out_proj"),  # GroundingDINO
    ],
)
def test_attention_of_other_names(owner, names):
    shapes = {f"layers.0.{owner}.{name}.weight": HH for name in names.split()}
    assert kinds(shapes) == ["q", "k", "v", "o"]


@pytest.mark.parametrize("owner", ["encoder.layer.0", "layers.1.blocks.0", "block.0.feed_forward"])
def test_the_second_half_of_a_block_alone(owner):
    # A shard may end between the two.
    assert kinds({f"{owner}.output.dense.weight": HF}) == ["ffn_out"]


def test_very_many_shapes_under_one_name_take_no_longer() -> None:
    # Each pair of them would be ten billion.
    shapes = {f"layers.{i}.fc1.weight": (i, 3) for i in range(100_000)}
    shapes |= {f"layers.{i}.fc2.weight": (5, i + 1) for i in range(100_000)}
    assert set(kinds(shapes)) == {"ffn_in", "ffn_out"}
