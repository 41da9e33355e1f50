"""Several adapters of one matrix, adapters beside their base, and products cut into parts."""

from __future__ import annotations

import json

import numpy as np
import pytest

import weightgauge as wg
from closeness import relative
from names import Tensor
from test_lora import BASE, Q, adapter, assert_fit_of, factors, pair, product_of, stored
from weightgauge.anatomy.components import classify
from weightgauge.anatomy.survey import products, survey
from weightgauge.checkpoint import open_checkpoint

__all__ = ["adapter"]  # a fixture

C_ATTN = "transformer.h.0.attn.c_attn"


def named_pair(module, adapter_name, a, b):
    return {
        f"{BASE}{module}.lora_A.{adapter_name}.weight": stored(a),
        f"{BASE}{module}.lora_B.{adapter_name}.weight": stored(b),
    }


@pytest.mark.parametrize("name", ["default", "speech", "mine", "my-task_2", "7", "encoder"])
def test_factors_of_an_adapter_of_any_name(name):
    tensors = [
        Tensor(f"{BASE}{Q}.lora_A.{name}.weight", (8, 64)),
        Tensor(f"{BASE}{Q}.lora_B.{name}.weight", (64, 8)),
        Tensor(f"{BASE}lm_head.lora_A.{name}.weight", (8, 64)),
        Tensor(f"{BASE}model.embed_tokens.lora_embedding_A.{name}", (8, 64)),
        Tensor(f"{BASE}model.embed_tokens.lora_embedding_B.{name}", (64, 8)),
    ]
    found = classify(tensors)
    assert [each.kind for each in found] == ["lora_a", "lora_b", "lora_a", "lora_a", "lora_b"]
    assert [each.block for each in found] == [1, 1, None, None, None]
    assert {each.tower for each in found} == {None}


def test_adapters_of_one_matrix_are_told_apart(adapter):
    speech, vision, unnamed = (factors(40, 8, 50, seed) for seed in range(3))
    tensors = named_pair(Q, "speech", *speech) | named_pair(Q, "vision", *vision)
    tensors |= named_pair(Q, "default", *unnamed)
    result = wg.fit(adapter(tensors, {}))
    found = {item.tensor: item for item in result.slices if item.part == "ba"}
    assert found.keys() == {f"{BASE}{Q}", f"{BASE}{Q}.speech", f"{BASE}{Q}.vision"}
    for name, (a, b) in zip(("", ".speech", ".vision"), (unnamed, speech, vision), strict=True):
        assert found[f"{BASE}{Q}{name}"].kind == "q"
        assert_fit_of(found[f"{BASE}{Q}{name}"], b.astype(np.float64) @ a * 2)


def test_two_spellings_of_the_unnamed_adapter_stay_two(adapter):
    tensors = pair(Q, *factors(40, 8, 50)) | named_pair(Q, "default", *factors(40, 8, 50, 1))
    result = wg.fit(adapter(tensors, {}))
    names = [item.tensor for item in result.slices if item.part == "ba"]
    assert len(names) == len(set(names)) == 2


def test_an_adapter_beside_its_base(adapter):
    a, b = factors(40, 8, 50)
    base = np.random.default_rng(5).normal(0, 0.02, (40, 50)).astype(np.float32)
    tensors = named_pair(Q, "default", a, b) | {f"{BASE}{Q}.base_layer.weight": stored(base)}
    result = wg.fit(adapter(tensors, {}))
    q = next(kind for kind in result.kinds if kind.kind == "q")
    (stored_q,) = (item for item in result.slices if item.kind == "q" and item.part is None)
    assert (q.slices, q.k_median, q.k_min) == (1, stored_q.k, stored_q.k)
    assert_fit_of(product_of(result), b.astype(np.float64) @ a * 2)


def gpt2_factors():
    """Factors for GPT-2's fused projection, B with another spread for each of q, k and v."""
    a, b = factors(3 * 48, 8, 48)
    b[48:96] *= 10
    b[96:] *= 100
    return a, b


def test_the_update_of_gpt2s_fused_projection_is_divided(adapter):
    """The weight is [in, 3 in], so that the transposed product is added to it."""
    a, b = gpt2_factors()
    result = wg.fit(adapter(pair(C_ATTN, a, b), {"fan_in_fan_out": True}))
    found = {item.part: item for item in result.slices if item.tensor == BASE + C_ATTN}
    assert {part: item.kind for part, item in found.items()} == {
        **{"ba": "qkv", "q": "q", "k": "k", "v": "v"}
    }
    update = (b.astype(np.float64) @ a * 2).T
    assert found["ba"].shape == (48, 144)
    assert_fit_of(found["ba"], update)
    for i, part in enumerate("qkv"):
        assert found[part].shape == (48, 48)
        assert_fit_of(found[part], update[:, 48 * i : 48 * (i + 1)])


def test_heads_of_gpt2s_update(adapter, tmp_path):
    """Heads of q are columns of the weight, those of o its rows."""
    a, b = gpt2_factors()
    o_a, o_b = factors(48, 8, 48, 9)
    o_b *= np.repeat([1, 10, 100, 1000], 12)[:, None].astype(np.float32)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2", "n_head": 4, "n_embd": 48}')
    o = "transformer.h.0.attn.c_proj"
    tensors = pair(C_ATTN, a, b) | pair(o, o_a, o_b)
    result = wg.fit(adapter(tensors, {"fan_in_fan_out": True}), per="head")
    heads = {(item.kind, item.head): item for item in result.slices if item.head is not None}
    assert len(heads) == 16
    update, o_update = (b.astype(np.float64) @ a * 2).T, (o_b.astype(np.float64) @ o_a * 2).T
    for head in range(4):
        columns = slice(48 + 12 * head, 48 + 12 * (head + 1))
        assert_fit_of(heads["k", head], update[:, columns])
        assert_fit_of(heads["o", head], o_update[12 * head : 12 * (head + 1)])
        assert heads["o", head].shape == (12, 48)


def test_a_turned_update_of_a_family_that_is_not_turned_stays_whole(adapter, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "phi3", "num_attention_heads": 4}')
    module = "model.layers.0.self_attn.qkv_proj"
    result = wg.fit(adapter(pair(module, *factors(144, 8, 48)), {"fan_in_fan_out": True}))
    item = product_of(result, BASE + module)
    assert item.part == "ba" and item.reason.startswith("not split: ")


def warned(path, per):
    checkpoint = open_checkpoint(path)
    warnings: list[str] = []
    products(survey(checkpoint), checkpoint, checkpoint.tensors, per, warnings)
    return warnings


def test_products_without_known_heads_are_warned_about_once(adapter):
    modules = [f"model.layers.{i}.self_attn.q_proj" for i in range(3)]
    tensors: dict = {}
    for seed, module in enumerate(modules):
        tensors |= pair(module, *factors(40, 8, 50, seed))
    path = adapter(tensors, {})
    (line,) = warned(path, "head")
    assert line.startswith(f"'{BASE}{modules[0]}' (and 2 more) is not divided into heads: ")
    assert warned(path, "tensor") == []


def test_a_product_that_is_not_split_is_warned_about(adapter):
    module = "transformer.layers.0.attention.query_key_value"
    (line,) = warned(adapter(pair(module, *factors(144, 8, 48)), {}), "tensor")
    assert line.startswith(f"'{BASE}{module}' is not split into its parts: ")


def test_numbers_of_pieces_do_not_depend_on_the_number_of_adapters(adapter, tmp_path):
    a, b = factors(96, 8, 64)
    config = {"model_type": "llama", "num_attention_heads": 4, "hidden_size": 64, "head_dim": 24}
    (tmp_path / "config.json").write_text(json.dumps(config))
    alone = wg.fit(adapter(named_pair(Q, "x", a, b), {}), per="head")
    both = wg.fit(adapter(named_pair(Q, "x", a, b) | named_pair(Q, "y", 2 * a, b), {}), per="head")
    k = {item.head: item.k for item in alone.slices if item.part == "ba"}
    assert len(k) == 4
    for item in both.slices:
        if item.part == "ba":
            assert item.k == relative(k[item.head], rel=1e-6)
