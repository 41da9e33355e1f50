"""What networks that see do by design, beside the same headers with a loss that is told of.

The shapes are those of classes of timm, made small.
"""

from __future__ import annotations

import pytest

import health_models as models

FEATURES = {"architecture": "any", "num_features": 48, "num_classes": 10}
"""What config.json says: the width of the last stage, and no other size."""


@pytest.fixture
def told(write_checkpoint, tmp_path):
    """Return the messages of faults and warnings that headers and configuration give."""
    return models.told_by_headers(write_checkpoint, tmp_path / "m")


def block(layer, width):
    """Return a block of attention and a plain network."""
    return {
        **{f"{layer}.norm{i}.{half}": (width,) for i in (1, 2) for half in ("weight", "bias")},
        f"{layer}.attn.qkv.weight": (3 * width, width),
        f"{layer}.attn.proj.weight": (width, width),
        f"{layer}.mlp.fc1.weight": (4 * width, width),
        f"{layer}.mlp.fc2.weight": (width, 4 * width),
    }


def convolutions(layer, width):
    """Return a block of convolutions, each with a norm over batches."""
    shapes = {}
    for i, sides in enumerate([(4 * width, width, 1, 1), (width, 4 * width, 1, 1)], 1):
        shapes[f"{layer}.conv{i}.conv.weight"] = sides
        for each in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{layer}.conv{i}.bn.{each}"] = (sides[0],)
    return shapes


def test_blocks_become_wider_where_no_size_of_them_is_stated(told):
    """As of Hiera, whose first blocks are a quarter of the rest."""
    shapes = {}
    for i in range(12):
        shapes |= block(f"blocks.{i}", 8 if i == 0 else 48 if i == 11 else 16)
    assert told(shapes, FEATURES) == []
    assert told(shapes) == []
    # Where the width is stated, one block of another width is in nobody's design.
    assert told(shapes, {"hidden_size": 16, "num_attention_heads": 2})


def test_two_branches_of_two_widths(told):
    """As of CrossViT: what is counted within a block are its branches."""
    shapes = {}
    for i in range(3):
        shapes |= block(f"blocks.{i}.blocks.0.0", 8)
        for j in range(3):
            shapes |= block(f"blocks.{i}.blocks.1.{j}", 16)
    assert told(shapes, FEATURES) == []


def stages(first, *, number=2):
    """Return a stage of other blocks, and two of attention."""
    shapes = {}
    for j in range(number):
        shapes |= first(f"stages.0.blocks.{j}", 8)
    for i in (1, 2):
        for j in range(3):
            shapes |= block(f"stages.{i}.blocks.{j}", 8 * 2**i)
    return shapes


def test_a_first_stage_of_convolutions_has_no_attention(told):
    """As of TinyViT."""
    shapes = stages(convolutions)
    assert told(shapes) == []
    assert told(models.without(shapes, "stages.1.blocks.1.attn", "stages.1.blocks.1.mlp"))
    # Nothing else takes the place of what is lost here.
    (message,) = told(models.without(shapes, "stages.1.blocks.2.attn."))
    assert "stages.1.blocks.2.attn.qkv.weight" in message


def pooled(layer, width):
    return models.without(block(layer, width), "attn")


def test_what_makes_rows_of_a_picture_has_a_number_and_no_weights(told):
    """As of EfficientFormer, whose last stage has blocks that pool before those that attend."""
    shapes = {}
    for stage in range(2):
        for j in range(3):
            shapes |= pooled(f"stages.{stage}.blocks.{j}", 8)
    for j in (4, 5, 6):
        shapes |= block(f"stages.1.blocks.{j}", 8)
    assert told(shapes) == []
    (message,) = told(models.without(shapes, "stages.1.blocks.5."))
    assert "block 8 missing" in message


def test_networks_that_mix_places_have_places_for_their_inputs(told):
    """As of gMixer, whose network over places has as many outputs as the model is wide."""
    shapes = {}
    for i in range(6):
        shapes |= {f"blocks.{i}.norm{j}.weight": (32,) for j in (1, 2)}
        shapes |= {f"blocks.{i}.mlp_tokens.fc1.weight": (32, 20)}
        shapes |= {f"blocks.{i}.mlp_tokens.fc2.weight": (20, 16)}
        shapes |= {f"blocks.{i}.mlp_channels.fc1.weight": (128, 32)}
        shapes |= {f"blocks.{i}.mlp_channels.fc2.weight": (32, 64)}
    assert told(shapes) == []
    turned = shapes | {"blocks.3.mlp_channels.fc1.weight": (32, 128)}
    (message,) = told(turned)
    assert "blocks.3.mlp_channels.fc1.weight" in message and "exchanged" in message


def test_norms_over_batches_among_norms_over_channels(told):
    """As of CoAtNet; of a norm over batches neither half goes alone."""
    shapes = {}
    for i in range(5):
        shapes |= block(f"blocks.{i}", 8)
        if i != 2:
            shapes |= {f"blocks.{i}.norm1.running_{each}": (8,) for each in ("mean", "var")}
    assert told(shapes) == []
    (message,) = told(models.without(shapes, "blocks.1.norm1.running_mean"))
    assert "blocks.1.norm1.running_mean" in message
