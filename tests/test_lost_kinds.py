"""Kinds that no block has: the rest is of no use without them, or the family has them."""

from __future__ import annotations

import numpy as np
import pytest

import health_models as models
from weightgauge.anatomy.architecture import architecture_of
from weightgauge.anatomy.completeness import missing_findings
from weightgauge.anatomy.components import classify_by_form
from weightgauge.anatomy.family_blocks import FAMILY_BLOCKS


@pytest.fixture
def told(write_checkpoint, tmp_path):
    return models.missing_parts(write_checkpoint, tmp_path / "m")


def llama(blocks=6):
    return models.llama(seed=1, blocks=blocks, hidden=64, inner=96, vocab=320, kv=64)


@pytest.mark.parametrize(
    ("lost", "kind"),
    [
        *(("q_proj", "q"), ("k_proj", "k"), ("v_proj", "v"), ("o_proj", "o")),
        *(("gate_proj", "gate"), ("up_proj", "up"), ("down_proj", "down")),
        *(("self_attn", None), (".mlp.", None), ("layernorm", "norm")),
        *(("input_layernorm", "norm"), ("post_attention_layernorm", "norm")),
    ],
)
@pytest.mark.parametrize("blocks", [3, 6])
def test_a_llama_without_a_kind(lost, kind, blocks, told):
    tensors, config = llama(blocks)
    (found,) = told(models.without(tensors, lost), config)
    assert (found.level, found.kind, found.value, found.expected) == ("fault", kind, 0, blocks)
    assert found.message.startswith("model.layers: no block has ")
    names = {name for name in tensors if lost in name and ".layers.0." in name}
    modules = {name.removeprefix("model.layers.0.").removesuffix(".weight") for name in names}
    assert all(module in found.message for module in modules)


@pytest.mark.parametrize("lost", ["v_proj", "o_proj", "up_proj", "down_proj"])
def test_what_the_others_are_useless_without_is_missed_without_a_configuration(lost, told):
    tensors, _ = llama()
    (found,) = told(models.without(tensors, lost), None)
    assert found.kind == lost.partition("_")[0] and "no block has the " in found.message


def test_a_gate_that_has_the_way_up_in_it_lacks_nothing(told):
    """As in HGRN: twice as many rows as the way down has columns."""
    tensors, _ = llama()
    for name in [name for name in tensors if "gate_proj" in name]:
        up = tensors.pop(name.replace("gate_proj", "up_proj"))
        tensors[name] = np.concatenate([tensors[name], up])
    assert told(tensors, None) == []


def test_values_and_outputs_are_missed_together(told):
    tensors, _ = llama()
    assert [each.kind for each in told(models.without(tensors, "v_proj", "o_proj"), None)] == ["v"]


@pytest.mark.parametrize(
    ("lost", "kind"), [("attn.c_attn", "qkv"), ("attn.c_proj", "o"), ("mlp.c_proj", "ffn_out")]
)
@pytest.mark.parametrize("with_config", [True, False])
def test_a_gpt2_without_a_kind(lost, kind, with_config, told):
    tensors, config = models.gpt2(seed=1)
    found = told(models.without(tensors, lost), config if with_config else None)
    if kind == "qkv" and not with_config:
        assert found == []  # an output alone may be a network without attention
    else:
        assert [each.kind for each in found] == [kind]


@pytest.mark.parametrize("with_config", [True, False])
def test_experts_without_routers(with_config, told):
    tensors, config = models.llama(seed=1, blocks=4, experts=4)
    found = told(models.without(tensors, "moe.gate"), config if with_config else None)
    assert [each.kind for each in found] == ["router"]


@pytest.mark.parametrize("size", ["num_attention_heads", "intermediate_size"])
def test_an_unknown_family_lacks_what_its_configuration_states(size, told):
    tensors, config = llama()
    config |= {"model_type": "foo", "architectures": ["FooModel"]}
    lost = "self_attn" if size == "num_attention_heads" else ".mlp."
    (found,) = told(models.without(tensors, lost), config)
    assert f"config.json says {size} = {config[size]}" in found.message
    del config[size]
    assert told(models.without(tensors, lost), config) == []


def test_norms_of_an_unknown_family(told):
    tensors, config = llama()
    config |= {"model_type": "foo", "architectures": ["FooModel"], "rms_norm_eps": 1e-6}
    (found,) = told(models.without(tensors, "layernorm"), config)
    assert found.kind == "norm"
    # Where no norm has weights, none is missed.
    assert told(models.without(tensors, "norm"), config) == []


def test_norms_of_a_family_that_has_none_with_weights(told):
    tensors, config = models.gpt2(seed=1)
    assert told(models.without(tensors, "ln_"), config) == []


# -- well


@pytest.mark.parametrize("fused", ["qkv_proj", "gate_up_proj"])
def test_fused_matrices_stand_for_their_parts(fused, told):
    tensors, config = llama()
    parts = {"qkv_proj": "qkv", "gate_up_proj": ("gate", "up")}[fused]
    layer = "self_attn" if fused == "qkv_proj" else "mlp"
    for block in range(6):
        path = f"model.layers.{block}.{layer}."
        pieces = [tensors.pop(f"{path}{part}_proj.weight") for part in parts]
        tensors[f"{path}{fused}.weight"] = np.concatenate(pieces)
    assert told(tensors, config) == []


def test_packed_matrices_are_there(told):
    tensors, config = llama()
    for block in range(6):
        path = f"model.layers.{block}.self_attn.o_proj."
        del tensors[f"{path}weight"]
        tensors[f"{path}qweight"] = np.ones((8, 64), np.int32)
        tensors[f"{path}qzeros"] = np.ones((1, 16), np.int32)  # eight bits each
        tensors[f"{path}scales"] = np.ones((1, 64), np.float16)
    assert told(tensors, config) == []


def test_factors_may_stand_for_a_matrix(told):
    tensors, config = llama()
    small = models.normal(np.random.default_rng(0), 64, 8).astype(models.BF16)
    for block in range(6):
        path = f"model.layers.{block}.self_attn."
        del tensors[f"{path}o_proj.weight"]
        tensors |= {f"{path}o_{half}.weight": small for half in "ab"}
    assert told(tensors, config) == []


def test_names_of_another_program_are_not_judged_by_those_of_transformers(told):
    tensors, config = llama()
    renamed = {
        name.replace("self_attn", "mix").replace("mlp", "net").replace("_layernorm", "_n"): each
        for name, each in tensors.items()
    }
    assert told(models.without(renamed, "_n."), config) == []


def test_a_network_with_a_norm_of_its_own_has_no_gate(told):
    tensors, _ = llama()
    tensors = models.without(tensors, "up_proj")
    for block in range(6):
        tensors[f"model.layers.{block}.mlp.layer_norm.weight"] = np.ones(64, models.BF16)
    assert told(tensors, None) == []


SHAPES = {"norm": (48,), "other": (48, 1, 4)}


@pytest.mark.parametrize("model_type", FAMILY_BLOCKS)
def test_every_module_of_a_family_is_missed(model_type):
    """Models made of the names of the table alone, whole and without each module."""

    def found(modules):
        tensors = [
            _Tensor(f"model.layers.{block}.{module}.weight", SHAPES.get(kind, (48, 48)))
            for block in range(4)
            for module, kind in modules.items()
        ]
        tensors.append(_Tensor("model.norm.weight", (48,)))
        places, forms = classify_by_form(tensors)
        config = {"model_type": model_type, "num_hidden_layers": 4}
        architecture = architecture_of(tensors, places, config, complete=True, forms=forms)
        return missing_findings(tensors, places, forms, architecture, config)

    modules = FAMILY_BLOCKS[model_type]
    assert found(modules) == []
    for lost in modules:
        (told,) = found({each: kind for each, kind in modules.items() if each != lost})
        assert told.id == "missing-part" and told.kind == modules[lost]
        assert f"{lost}; {model_type} models have it" in told.message


class _Tensor:
    dtype = "BF16"

    def __init__(self, name, shape):
        self.name, self.shape = name, shape
