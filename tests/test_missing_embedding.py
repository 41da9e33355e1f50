"""A language model without its embedding of tokens, by family, head, prefix and configuration."""

from __future__ import annotations

import numpy as np
import pytest

import health_models as models
import weightgauge as wg
from text_encoders import ENCODERS, HEADS, TOKENS, WIDTH, blocks_of, encoder, filled

BART = {
    **{f"self_attn.{name}_proj": (WIDTH, WIDTH) for name in ("q", "k", "v", "out")},
    **{"self_attn_layer_norm": (WIDTH,), "final_layer_norm": (WIDTH,)},
    **{"fc1": (96, WIDTH), "fc2": (WIDTH, 96)},
}
T5 = {
    **{f"layer.0.SelfAttention.{name}": (WIDTH, WIDTH) for name in "qkvo"},
    "layer.0.layer_norm": (WIDTH,),
    **{"layer.1.DenseReluDense.wi": (96, WIDTH), "layer.1.DenseReluDense.wo": (WIDTH, 96)},
    "layer.1.layer_norm": (WIDTH,),
}


@pytest.fixture
def told(write_checkpoint, tmp_path):
    """Return the level and the message of findings about embeddings."""

    def told(tensors, config):
        path = models.put(write_checkpoint, tmp_path / "m", tensors, config)
        return [
            (each.level, each.message)
            for each in wg.fit(path).findings
            if each.id == "missing-embedding"
        ]

    return told


@pytest.mark.parametrize("head", ["ForMaskedLM", *HEADS])
@pytest.mark.parametrize("model_type", ENCODERS)
@pytest.mark.parametrize("size_is_stated", [True, False])
def test_models_that_read_text_without_their_embedding(model_type, head, size_is_stated, told):
    tensors, config, name = encoder(model_type, head)
    if not size_is_stated:
        del config["vocab_size"]
    assert told(tensors, config) == []
    del tensors[name]
    assert told(tensors, config) == [("fault", "there is no token embedding")]


@pytest.mark.parametrize("head", ["", "ForMaskedLM", *HEADS])
@pytest.mark.parametrize("model_type", sorted(ENCODERS.keys() - {"albert", "deberta-v2"}))
def test_without_a_configuration(model_type, head, told):
    tensors, _, name = encoder(model_type, head)
    assert told(tensors, None) == []
    del tensors[name]
    ((level, message),) = told(tensors, None)
    beside = name.replace("word_embeddings", "position_embeddings")
    assert (level, message) == ("fault", f"there is no token embedding beside {beside}")


@pytest.mark.parametrize("tied", [True, False, None])
@pytest.mark.parametrize("model_type", ["bert", "roberta"])
def test_a_masked_head_that_is_stored(model_type, tied, told):
    """Where it is tied to the embedding, that is there although its own name is not."""
    tensors, config, name = encoder(model_type, "ForMaskedLM")
    head = {"bert": "cls.predictions.decoder", "roberta": "lm_head.decoder"}[model_type]
    tensors |= filled({head: (TOKENS, WIDTH)})
    config |= {} if tied is None else {"tie_word_embeddings": tied}
    assert told(tensors, config) == []
    del tensors[name]
    assert told(tensors, config) == ([] if tied else [("fault", "there is no token embedding")])


@pytest.mark.parametrize(("model_type", "level"), [("bert", "fault"), ("roberta", "warning")])
def test_a_head_whose_name_comes_first_may_be_the_embedding(model_type, level, told):
    """Of two names of one matrix, some programs keep the first."""
    tensors, _, name = encoder(model_type, "ForMaskedLM")
    head = {"bert": "cls.predictions.decoder", "roberta": "lm_head.decoder"}[model_type]
    tensors |= filled({head: (TOKENS, WIDTH)})
    del tensors[name]
    ((found, message),) = told(tensors, None)
    assert found == level
    assert ("or the head is the embedding" in message) is (level == "warning")


def test_positions_as_many_as_the_width_are_no_tokens(told):
    """So that a square matrix of the head does not look like an embedding."""
    tensors, config, name = encoder("bert", "ForMaskedLM")
    tensors |= filled({"bert.embeddings.position_embeddings": (WIDTH, WIDTH)})
    del tensors[name]
    assert told(tensors, config) == [("fault", "there is no token embedding")]


def test_the_norm_of_an_embedding_that_is_lost(told):
    tensors, _, name = encoder("bert", "")
    del tensors[name], tensors["embeddings.position_embeddings.weight"]
    del tensors["embeddings.token_type_embeddings.weight"]
    wanted = "there is no token embedding before embeddings.LayerNorm.weight"
    assert told(tensors, None) == [("fault", wanted)]


# -- encoders with decoders


def with_decoder(model_type, *, tied=True):
    """A T5, BART or Whisper, and the names of its embeddings of tokens."""
    prefix = "" if "t5" in model_type else "model."
    path, modules = ("block", T5) if "t5" in model_type else ("layers", BART)
    sizes = {}
    for half in ("encoder", "decoder"):
        sizes |= blocks_of(f"{prefix}{half}.{path}", modules)
        if "t5" in model_type:
            sizes[f"{half}.final_layer_norm"] = (WIDTH,)
        else:
            sizes[f"{prefix}{half}.embed_positions"] = (128, WIDTH)
    names = {"bart": "model.shared", "whisper": "model.decoder.embed_tokens"}
    sizes[names.get(model_type, "shared")] = (TOKENS, WIDTH)
    if not tied:
        sizes["proj_out" if model_type == "whisper" else "lm_head"] = (TOKENS, WIDTH)
    cls = {"t5": "T5", "mt5": "MT5", "bart": "Bart", "whisper": "Whisper"}[model_type]
    config = {
        **{"model_type": model_type, "architectures": [f"{cls}ForConditionalGeneration"]},
        **{"d_model": WIDTH, "vocab_size": TOKENS, "tie_word_embeddings": tied},
    }
    tensors = filled(sizes)
    if model_type == "whisper":
        rng = np.random.default_rng(1)
        for name, inputs in (("conv1", 80), ("conv2", WIDTH)):
            conv = models.trained(rng, WIDTH, 3 * inputs).reshape(WIDTH, inputs, 3)
            tensors[f"model.encoder.{name}.weight"] = conv.astype(models.BF16)
    return tensors, config


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("model_type", ["t5", "mt5", "bart", "whisper"])
def test_encoders_with_decoders(model_type, tied, told):
    tensors, config = with_decoder(model_type, tied=tied)
    assert told(tensors, config) == []
    tensors = models.without(tensors, "shared", "embed_tokens")
    assert told(tensors, config) == [("fault", "there is no token embedding")]


@pytest.mark.parametrize("tied", [True, False])
def test_t5_without_a_configuration(tied, told):
    tensors, _ = with_decoder("t5", tied=tied)
    assert told(tensors, None) == []
    ((level, message),) = told(models.without(tensors, "shared"), None)
    assert (level, message.partition(";")[0]) == ("fault", "there is no token embedding")


@pytest.mark.parametrize("with_config", [True, False])
def test_t5_may_store_its_embedding_with_the_encoder(with_config, told):
    tensors, config = with_decoder("t5")
    tensors["encoder.embed_tokens.weight"] = tensors.pop("shared.weight")
    assert told(tensors, config if with_config else None) == []
    del tensors["encoder.embed_tokens.weight"]
    assert len(told(tensors, config if with_config else None)) == 1


def test_the_encoder_of_whisper_alone_needs_no_tokens(told):
    tensors, config = with_decoder("whisper")
    tensors = models.without(tensors, "decoder")
    assert told(tensors, config) == []
    assert told(tensors, None) == []


# -- without any name of a family


@pytest.mark.parametrize("with_config", [True, False])
def test_a_head_and_a_first_block_without_an_embedding(with_config, told):
    tensors, config = models.llama(seed=1, hidden=64, inner=96, vocab=320, kv=64)
    del tensors["model.embed_tokens.weight"]
    ((level, _),) = told(tensors, config if with_config else None)
    assert level == ("fault" if with_config else "warning")


@pytest.mark.parametrize(
    "other",
    ["tok_emb.weight", "model.embed_tokens.packed", "model.fc.weight", "model.conv1.weight"],
)
def test_something_else_may_be_what_is_read(other, told):
    tensors, _ = models.llama(seed=1, hidden=64, inner=96, vocab=320, kv=64)
    tensors[other] = tensors.pop("model.embed_tokens.weight")
    assert told(tensors, None) == []


def test_the_last_blocks_and_the_head_are_a_part_of_a_model(told):
    tensors, _ = models.llama(seed=1, hidden=64, inner=96, vocab=320, kv=64)
    tensors = models.without(tensors, "embed_tokens", "layers.0.", "layers.1.")
    assert told(tensors, None) == []


def test_a_classifier_of_sounds_reads_no_tokens(told):
    sizes = {
        **blocks_of("model.encoder.layers", BART),
        **{"model.feature_projection.projection": (WIDTH, 32), "classifier": (5, WIDTH)},
    }
    config = {"model_type": "wave", "architectures": ["WaveForSequenceClassification"]}
    assert told(filled(sizes), config | {"vocab_size": 32}) == []
    assert told(filled(sizes), config | {"vocab_size": 30}) == []


def bare(architecture, *, path="", blocks=3):
    """Return a Llama-like model without a head, as it is saved by itself, and its configuration."""
    tensors, config = models.llama(seed=1, blocks=blocks)
    del tensors["lm_head.weight"]
    tensors = {name.replace("model.", path, 1): values for name, values in tensors.items()}
    return tensors, config | {"architectures": [architecture]}


@pytest.mark.parametrize(
    ("architecture", "path", "others"),
    [
        ("LlamaModel", "", {}),
        ("MistralModel", "model.", {}),
        # What reads pictures may lie beside a model of text that has a name.
        ("LlavaModel", "language_model.", {"multi_modal_projector.linear_1": (128, 64)}),
    ],
)
def test_models_without_a_head_read_text(architecture, path, others, told):
    tensors, config = bare(architecture, path=path)
    tensors |= filled(others)
    assert told(tensors, config) == []
    del tensors[f"{path}embed_tokens.weight"]
    assert told(tensors, config) == [("fault", "there is no token embedding")]


@pytest.mark.parametrize(
    ("architecture", "blocks", "others", "more"),
    [
        ("FooVisionModel", 3, {}, {}),
        ("FooDecoderModel", 3, {}, {}),
        ("LlamaModel", 2, {}, {}),  # such as draft tokens
        ("FooModel", 3, {}, {"vocab_size": None}),
        ("BeitModel", 3, {"patch_embeddings.projection": (128, 768)}, {}),
    ],
)
def test_models_without_a_head_that_may_read_something_else(
    architecture, blocks, others, more, told
):
    tensors, config = bare(architecture, blocks=blocks)
    del tensors["embed_tokens.weight"]
    assert told(tensors | filled(others), config | more) == []
