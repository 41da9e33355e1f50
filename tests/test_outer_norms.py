"""Norms outside the blocks: which losses are told, and which models only seem to lack one."""

from __future__ import annotations

import numpy as np
import pytest

import health_models as models
import weightgauge as wg


@pytest.fixture
def told(write_checkpoint, tmp_path):
    """Return the rules and messages about what a model lacks."""

    def told(tensors, config):
        found = wg.fit(models.put(write_checkpoint, tmp_path / "m", tensors, config)).findings
        return [(each.id, each.message) for each in found if each.id.startswith("missing-")]

    return told


def llama(**config):
    tensors, whole = models.llama(seed=1, hidden=64, inner=96, vocab=320, kv=64)
    return tensors, whole | config


def drop(tensors, part):
    for name in [name for name in tensors if part in name]:
        del tensors[name]


@pytest.mark.parametrize("model_type", ["llama", "foo"])
def test_last_norm(model_type, told):
    tensors, config = llama(model_type=model_type)
    del tensors["model.norm.weight"]
    expected = [("missing-part", "there is no norm after the last block")]
    assert told(tensors, config) == (expected if model_type == "llama" else [])


def test_the_last_norm_of_a_model_that_makes_embeddings(told):
    """What the model inside is called says nothing of its norms."""
    tensors, config = llama()
    tensors = {name.replace("model.", "embedding_model."): each for name, each in tensors.items()}
    assert told(tensors, config) == []
    del tensors["embedding_model.norm.weight"]
    assert told(tensors, config) == [("missing-part", "there is no norm after the last block")]


@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_the_last_norm_of_gpt2(prefix, told):
    tensors, config = models.gpt2(seed=1)
    tensors = {f"{prefix}{name}": each for name, each in tensors.items()}
    drop(tensors, "ln_f.")
    expected = [("missing-part", "there is no norm after the last block")]
    assert told(tensors, config) == told(tensors, None) == expected


def test_the_last_norm_of_mamba(told):
    tensors, config = models.mamba()
    assert told(tensors, config) == []
    drop(tensors, "norm_f")
    assert told(tensors, config) == [("missing-part", "there is no norm after the last block")]


def test_the_last_norm_is_a_warning_where_only_the_names_of_blocks_tell(write_checkpoint, tmp_path):
    tensors, _ = llama()
    del tensors["model.norm.weight"]
    found = wg.diagnose(models.put(write_checkpoint, tmp_path / "m", tensors)).findings
    assert [(each.level, each.kind) for each in found if each.id == "missing-part"] == [
        ("warning", "norm")
    ]


@pytest.mark.parametrize("other", ["model.ln_out", "model.embed_norm"])
def test_another_norm_may_be_the_last_one_without_a_configuration(other, told):
    tensors, _ = llama()
    tensors[f"{other}.weight"] = tensors.pop("model.norm.weight")
    assert told(tensors, None) == []


def test_the_norm_of_an_embedding_is_no_last_norm(told):
    tensors, config = models.gpt2(seed=1)
    tensors["word_embeddings_layernorm.weight"] = tensors.pop("ln_f.weight")
    tensors["word_embeddings_layernorm.bias"] = tensors.pop("ln_f.bias")
    expected = [("missing-part", "there is no norm after the last block")]
    assert told(tensors, config) == expected


@pytest.mark.parametrize("with_config", [True, False])
@pytest.mark.parametrize(
    ("half", "why"), [("bias", "all other norms have one"), ("weight", "its bias is there")]
)
def test_half_of_a_norm_outside_the_blocks(half, why, with_config, told):
    tensors, config = models.gpt2(seed=1)
    del tensors[f"ln_f.{half}"]
    wanted = [("missing-part", f"ln_f.{half}: missing; {why}")]
    found = told(tensors, config if with_config else None)
    assert [each for each in found if "ln_f" in each[1]] == wanted


def test_the_weight_of_a_norm_may_be_its_scale(told):
    """As in Flax."""
    tensors, config = models.gpt2(seed=1)
    tensors["ln_f.scale"] = tensors.pop("ln_f.weight")
    assert told(tensors, config) == []
    del tensors["ln_f.bias"]
    lost = [("missing-part", "ln_f.bias: missing; all other norms have one")]
    assert told(tensors, config) == lost


def test_norms_without_biases_lack_none(told):
    tensors, config = models.gpt2(seed=1)
    tensors = {name: each for name, each in tensors.items() if "ln_1.bias" not in name}
    del tensors["ln_f.bias"]
    assert told(tensors, config) == []


@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_each_half_of_a_model_has_a_last_norm(half, told):
    tensors = {"shared.weight": models.normal(np.random.default_rng(0), 320, 64)}
    for each in ("encoder", "decoder"):
        for block in range(3):
            path = f"{each}.block.{block}.layer.0"
            for name in "qkvo":
                tensors[f"{path}.SelfAttention.{name}.weight"] = models.normal(
                    np.random.default_rng(block), 64, 64
                )
            tensors[f"{path}.layer_norm.weight"] = np.ones(64)
        tensors[f"{each}.final_layer_norm.weight"] = np.ones(64)
    tensors = {name: each.astype(models.BF16) for name, each in tensors.items()}
    config = {"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}
    assert told(tensors, config) == []
    del tensors[f"{half}.final_layer_norm.weight"]
    what = f"there is no norm after the last block of {half}.block"
    assert told(tensors, config) == [("missing-part", what)]
