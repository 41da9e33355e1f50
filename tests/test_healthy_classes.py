"""What published classes do by design, beside the same headers with a loss that is told of."""

from __future__ import annotations

import numpy as np
import pytest

import health_models as models
import weightgauge as wg
from weightgauge.anatomy.survey import survey

WIDTH = 8
PROJECTIONS = ("q", "k", "v", "o")


@pytest.fixture
def told(write_checkpoint, tmp_path):
    """Return the messages of faults and warnings that headers and configuration give."""

    def told(shapes, config=None):
        tensors = {name: np.zeros(shape, models.BF16) for name, shape in shapes.items()}
        path = models.put(write_checkpoint, tmp_path / "m", tensors, config)
        found = survey(wg.open_checkpoint(path)).findings
        return [each.message for each in found if each.level != "note"]

    return told


def attention(path, width=WIDTH):
    return {f"{path}.{name}_proj.weight": (width, width) for name in PROJECTIONS}


def blocks(path, number, width=WIDTH):
    """Return blocks of attention, a plain network and norms with biases."""
    shapes = {}
    for block in range(number):
        layer = f"{path}.{block}"
        shapes |= attention(f"{layer}.self_attn", width)
        shapes |= {f"{layer}.fc1.weight": (2 * width, width), f"{layer}.fc2.weight": (width, 16)}
        shapes |= {f"{layer}.norm.{half}": (width,) for half in ("weight", "bias")}
    return shapes


def without(shapes, *parts):
    return {name: each for name, each in shapes.items() if not any(part in name for part in parts)}


# -- numbers of blocks


def test_one_of_several_models_that_a_configuration_tells_of(told):
    """The part that makes units has as many blocks as `t2u_encoder_layers` says."""
    config = {"encoder_layers": 9, "t2u_encoder_layers": 4, "hidden_size": WIDTH}
    shapes = blocks("model.encoder.layers", 4)
    assert told(shapes, config) == []
    (message,) = told(without(shapes, "layers.3."), config)
    assert "3 there; config.json says encoder_layers = 9" in message
    assert len(told(shapes, {"encoder_layers": 9, "t2u_encoder_layers": 5})) == 1


def test_layers_that_are_listed_one_by_one_though_a_block_has_two(told):
    config = {
        "num_hidden_layers": 8,
        "layer_types": ["sliding_attention", "mlp", "full_attention", "mlp"] * 2,
    }
    shapes = blocks("model.layers", 4)
    assert told(shapes, config) == []
    (message,) = told(without(shapes, "layers.3."), config)
    assert message == (
        "model.layers: block 3 missing, 3 there; config.json says attention in layer_types = 4"
    )


def test_layers_that_are_listed_one_by_one_and_stored_so(told):
    config = {"num_hidden_layers": 8, "layer_types": ["full_attention", "mlp"] * 4}
    shapes = {}
    for block in range(0, 8, 2):
        shapes |= attention(f"model.layers.{block}.self_attn")
        shapes[f"model.layers.{block + 1}.fc1.weight"] = (16, WIDTH)
        shapes[f"model.layers.{block + 1}.fc2.weight"] = (WIDTH, 16)
    assert told(shapes, config) == []
    (message,) = told(without(shapes, *(f"layers.{block}." for block in range(4, 8))), config)
    assert "blocks 4 to 7 missing" in message


# -- outside the blocks


def test_norms_of_a_list_may_all_do_without_a_bias(told):
    shapes = blocks("head.layers", 4)
    steps = {f"head.steps.{step}.norm.weight": (WIDTH,) for step in range(2)}
    assert told(shapes | steps) == []
    ((first, *_), *others) = (told(shapes | {name: each}) for name, each in steps.items())
    assert first == "head.steps.0.norm.bias: missing; all other norms have one" and others
    assert told(shapes | steps | {"head.steps.0.norm.bias": (WIDTH,)}) == [
        "head.steps.1.norm.bias: missing; all other norms have one"
    ]


@pytest.mark.parametrize("before", ["class_embedding", "cls_token"])
def test_positions_of_pictures_whose_patches_lie_elsewhere(before, told):
    shapes = blocks("encoder.layers", 3) | {
        "embeddings.position_embedding.weight": (17, WIDTH),
    }
    assert told(shapes | {f"embeddings.{before}": (WIDTH,)}) == []
    assert told(shapes) == [
        "there is no token embedding beside embeddings.position_embedding.weight"
    ]


def test_answers_that_begin_and_end(told):
    config = {"model_type": "xlnet", "architectures": ["XLNetForQuestionAnswering"]}
    shapes = blocks("transformer.layer", 3) | {
        "transformer.word_embeddings.weight": (32, WIDTH),
        "start_logits.dense.weight": (1, WIDTH),
        "end_logits.dense_0.weight": (WIDTH, 2 * WIDTH),
        "answer_class.dense_0.weight": (WIDTH, 2 * WIDTH),
    }
    assert told(shapes, config) == []
    assert told(without(shapes, "logits", "answer"), config) == [
        "there is no output head; XLNetForQuestionAnswering has one"
    ]
