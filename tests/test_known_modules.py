"""What families have beside their embedding of tokens, and the parts of heads of masked tokens."""

from __future__ import annotations

import numpy as np
import pytest

import health_models as models
import weightgauge as wg
from text_encoders import ENCODERS, HEADS, TOKENS, TYPED, WIDTH, encoder

MASKED = "ForMaskedLM"


@pytest.fixture
def told(write_checkpoint, tmp_path):
    """Return the tensors that findings name as missing from the ends of a model."""

    def told(tensors, config):
        path = models.put(write_checkpoint, tmp_path / "m", tensors, config)
        found = [each for each in wg.fit(path).findings if each.id.startswith("missing-")]
        assert all(each.level == "fault" for each in found)
        return sorted((each.id, each.tensor) for each in found)

    return told


def without(tensors, *beginnings):
    return {name: each for name, each in tensors.items() if not name.startswith(beginnings)}


def lost(*names):
    return sorted(("missing-head", name) for name in names)


@pytest.mark.parametrize("head", ["", MASKED, "ForTokenClassification"])
@pytest.mark.parametrize("model_type", sorted(ENCODERS.keys() - {"deberta-v2"}))
def test_embeddings_beside_that_of_the_tokens(model_type, head, told):
    tensors, config, name = encoder(model_type, head)
    assert told(tensors, config) == []
    for module in ("position_embeddings", "token_type_embeddings")[: 1 + (model_type in TYPED)]:
        beside = name.replace("word_embeddings", module)
        assert told(without(tensors, beside), config) == [("missing-embedding", beside)]


def test_a_model_without_types(told):
    """As its configuration says: none of 0 types has an embedding."""
    tensors, config, name = encoder("bert", MASKED)
    del tensors[name.replace("word_embeddings", "token_type_embeddings")]
    assert told(tensors, config | {"type_vocab_size": 0}) == []
    types = "bert.embeddings.token_type_embeddings.weight"
    assert told(tensors, config | {"type_vocab_size": 2}) == [("missing-embedding", types)]


@pytest.mark.parametrize("model_type", sorted(ENCODERS.keys() - {"deberta-v2"}))
def test_parts_of_a_head_of_masked_tokens(model_type, told):
    """The configuration names the family and the head."""
    tensors, config, _ = encoder(model_type, MASKED)
    *_, dense, norm, bias = ENCODERS[model_type]
    weights = [f"{dense}.weight", f"{dense}.bias", f"{norm}.weight", bias]
    assert told(tensors, config) == []
    for name in [*weights[:2], bias]:
        assert told(without(tensors, name), config) == lost(name)
    assert told(without(tensors, dense), config) == lost(*weights[:2])
    assert told(without(tensors, norm), config) == lost(weights[2])
    assert told(without(tensors, dense, norm, bias), config) == lost(*weights)


@pytest.mark.parametrize("model_type", ENCODERS)
def test_parts_of_a_head_without_a_configuration(model_type, told):
    """What is left of the head tells. Names such as "lm_head.dense" are those of others, too."""
    tensors, _, _ = encoder(model_type, MASKED)
    *_, dense, norm, bias = ENCODERS[model_type]
    assert told(tensors, None) == []
    tells = model_type not in ("roberta", "xlm-roberta", "albert")
    for module in (dense, norm):
        wanted = lost(f"{module}.weight") if tells else []
        assert told(without(tensors, module), None) == wanted
    assert told(without(tensors, dense, norm), None) == []
    assert told(without(tensors, bias), None) == []


@pytest.mark.parametrize("configured", [True, False])
def test_a_head_whose_weight_is_lost_and_not_its_bias(configured, told):
    tensors, config, _ = encoder("bert", MASKED)
    name = "cls.predictions.transform.dense.weight"
    found = told(without(tensors, name), config if configured else None)
    assert ("missing-head", name) in found


@pytest.mark.parametrize("configured", [True, False])
@pytest.mark.parametrize("module", ["pooler.dense", "pre_classifier", "encoder.projection"])
def test_a_layer_outside_the_blocks_of_which_the_bias_is_left(module, configured, told):
    tensors, config, _ = encoder("bert", "")
    config = config if configured else None
    tensors[f"{module}.bias"] = np.zeros(WIDTH, models.BF16)
    assert told(tensors, config) == [("missing-part", f"{module}.weight")]
    packed = np.zeros((WIDTH, WIDTH), np.uint8)
    assert told(tensors | {f"{module}.weight.packed": packed}, config) == []
    assert told(tensors | {f"{module}.qweight": packed}, config) == []


@pytest.mark.parametrize("configured", [True, False])
def test_a_bias_of_tied_tokens_stands_alone(configured, told):
    tensors, config, _ = encoder("bert", "")
    tensors["decoder.bias"] = np.zeros(TOKENS, models.BF16)
    assert told(tensors, config if configured else None) == []


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("model_type", ENCODERS)
def test_a_head_that_classifies_or_answers(model_type, head, told):
    tensors, config, _ = encoder(model_type, head)
    assert told(tensors, config) == []
    less = without(tensors, "classifier", "qa_outputs")
    assert told(less, config) == [("missing-head", None)]


def test_heads_of_other_kinds_are_left_alone(told):
    """A head with a matrix before its output, which names no masked tokens."""
    tensors, config, _ = encoder("bert", "")
    tensors["lm_head.dense.weight"] = np.ones((WIDTH, WIDTH), models.BF16)
    assert told(tensors, config) == []
    assert told(tensors, None) == []


@pytest.mark.parametrize("head", [MASKED, "ForTokenClassification"])
@pytest.mark.parametrize("model_type", ["bert", "distilbert", "roberta"])
def test_an_encoder_that_is_saved_alone_needs_no_head(model_type, head, told):
    """With the configuration of the whole: its names lack that of the model."""
    tensors, config, _ = encoder(model_type, "")
    config["architectures"] = encoder(model_type, head)[1]["architectures"]
    assert told(tensors, config) == []
