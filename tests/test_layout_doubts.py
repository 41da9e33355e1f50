"""Fused tensors without a right config.json: shapes decide, or the tensor stays whole."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import weightgauge as wg
from builders import write_safetensors
from fused_models import FUSED, concatenated
from fused_parts import DIM, FFN, HEADS, HIDDEN, KV, Draw, Model, rows
from remarks import remarks

NEOX = "gpt_neox.layers.0.attention.query_key_value.weight"

# Shapes and neighbours say enough of these, without a configuration.
TOLD_BY_SHAPES = (
    *("GPT-BigCode", "MPT", "ModernBERT", "timm", "torch", "Baichuan", "GPT-2", "Qwen3-Next"),
    *("GPT-2, cross-attention", "Phi-3 FFN", "ModernBERT FFN", "GLM FFN", "DINOv2 FFN"),
    *("GEGLU of diffusers", "key and value of cross-attention"),
    *("stacked experts", "Llama 4", "DBRX"),
)


def parts_of(result):
    return {
        (item.tensor, item.part, item.expert, item.head)
        for item in result.slices
        if item.part is not None or item.expert is not None
    }


def assert_whole(result, name, *words):
    """The tensor was fitted as a whole only, and both slice and warnings say why."""
    (item,) = (item for item in result.slices if item.tensor == name)
    assert (item.status, item.part, item.head) == ("ok", None, None)
    assert item.k == item.k
    assert item.reason.startswith("not split: ")
    (warning,) = (w for w in remarks(result) if "is not split into its parts" in w)
    assert name in warning
    for word in words:
        assert word in item.reason and word in warning
    assert item.to_dict()["reason"] == item.reason


@pytest.mark.parametrize("family", TOLD_BY_SHAPES)
def test_shapes_decide(family, tmp_path):
    model = FUSED[family]()
    model.config = None
    result = wg.fit(model.save(tmp_path / "model"))
    assert parts_of(result) == {piece for piece in model.pieces if piece[3] is None}
    for item in result.slices:
        piece = (item.tensor, item.part, item.expert, item.head)
        if piece in model.pieces:
            kind, values = model.pieces[piece]
            alone = wg.fit_weibull(np.ascontiguousarray(values))
            assert (item.kind, item.k, item.lam) == (kind, alone.k, alone.lam)


def test_the_output_projection_tells_the_rows_of_q(tmp_path):
    # 24 rows of q, 8 of k and 8 of v: no thirds.
    model = concatenated("model.layers.0.self_attn.qkv_proj.weight", "phi3")
    model.config = None
    model.tensors["model.layers.0.self_attn.o_proj.weight"] = Draw(1)(HIDDEN, HEADS * DIM)
    result = wg.fit(model.save(tmp_path / "model"))
    shapes = {item.part: item.shape for item in result.slices if item.part}
    assert shapes == {"q": (24, HIDDEN), "k": (8, HIDDEN), "v": (8, HIDDEN)}


@pytest.mark.parametrize("kv", [1, 2, 3, 6])
@pytest.mark.parametrize("heads", [6, 9])
def test_thirds_are_no_last_resort(heads, kv, tmp_path):
    """Without configuration and output projection, q may have more rows than k and v."""
    draw, name = Draw(), "model.layers.0.attn.Wqkv.weight"
    q_rows, kv_rows = heads * DIM, kv * DIM
    model = Model({name: draw(q_rows + 2 * kv_rows, HIDDEN)})
    result = wg.fit(model.save(tmp_path / "model"))
    if heads == kv == 6:
        assert {item.part: item.shape[0] for item in result.slices if item.part} == {
            **{"q": 24, "k": 24, "v": 24}
        }
    else:
        assert_whole(result, name, "rows")


@pytest.mark.parametrize(
    "family", ["GPT-NeoX", "BLOOM", "Falcon 7B", "Falcon 40B", "InternLM2", "CodeGen", "GLM"]
)
def test_families_that_share_a_name_are_not_told_apart_without_config(family, tmp_path):
    model = FUSED[family]()
    model.config = None
    (name,) = model.tensors
    result = wg.fit(model.save(tmp_path / "model"))
    assert_whole(result, name, "different ways", "no config.json")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"num_attention_heads": 7}, "heads"),
        ({"num_attention_heads": "six"}, "heads"),
        ({"num_attention_heads": -6}, "heads"),
        ({"num_attention_heads": True}, "heads"),
        ({"num_attention_heads": 10**30}, "heads"),
        ({"num_attention_heads": [6]}, "heads"),
        ({"num_attention_heads": 6, "head_dim": 5}, "heads"),
        ({}, "the number of heads is not known"),
    ],
)
def test_impossible_heads(config, words, tmp_path):
    model = FUSED["GPT-NeoX"]()
    model.config = {"model_type": "gpt_neox", **config}
    result = wg.fit(model.save(tmp_path / "model"))
    assert_whole(result, NEOX, words)


@pytest.mark.parametrize(
    ("family", "change", "word"),
    [
        ("Falcon 40B", {"multi_query": 1, "new_decoder_architecture": "yes"}, "neither true"),
        ("Falcon 7B", {"multi_query": "yes"}, "neither true"),
        ("Falcon 40B", {"num_kv_heads": 4}, "heads"),
        # Six query heads and two others would be 5 long: 30 rows, and the input has 24 channels.
        ("Falcon 40B", {"num_kv_heads": 1}, "heads"),
        ("Falcon 40B", {"new_decoder_architecture": False}, "heads"),
        ("Falcon-rw", {"multi_query": True}, "heads"),
        ("GPT-BigCode, all heads", {"multi_query": True}, "heads"),
        ("GPT-NeoX", {"model_type": "falcon"}, "heads"),
        ("InternLM2", {"num_key_value_heads": 5}, "heads"),
        ("DBRX attention", {"attn_config": {"kv_n_heads": 5}}, "output projection"),
        ("GLM", {"multi_query_group_num": None}, "multi_query_group_num"),
        ("GLM", {"multi_query_group_num": 2.0}, "multi_query_group_num"),
        ("Qwen3-Next, linear attention", {"linear_key_head_dim": 7}, "rows"),
        ("Qwen3-Next, linear attention", {"linear_num_key_heads": 0}, "linear_num_key_heads"),
        ("Qwen3-Next, linear attention", {"linear_num_value_heads": 5}, "heads"),
    ],
)
def test_configuration_that_contradicts_the_shapes(family, change, word, tmp_path):
    model = FUSED[family]()
    model.config = {**model.config, **change}
    (name,) = model.tensors
    assert_whole(wg.fit(model.save(tmp_path / "model")), name, word)


def test_shapes_decide_where_the_configuration_leaves_kv_heads_open(tmp_path):
    model = FUSED["InternLM2"]()
    model.config["num_key_value_heads"] = None
    result = wg.fit(model.save(tmp_path / "model"))
    assert parts_of(result) == {piece for piece in model.pieces if piece[3] is None}
    assert remarks(result) == ()


def test_a_configuration_may_be_about_another_tower(tmp_path):
    tensors = {
        "model.layers.0.self_attn.o_proj.weight": Draw()(24, 24),
        "vision_tower.encoder.layers.0.self_attn.q_proj.weight": Draw(1)(24, 24),
    }
    path = Model(tensors, {"num_attention_heads": 6}).save(tmp_path / "model")
    (warning,) = remarks(wg.fit(path, per="head"))
    assert "vision_tower" in warning and "no config.json that tells" in warning


def test_latent_attention_of_contradicting_sizes_stays_whole(tmp_path):
    model = FUSED["DeepSeek"]()
    model.config["qk_nope_head_dim"] = 7
    result = wg.fit(model.save(tmp_path / "model"))
    whole = {item.tensor: item for item in result.slices}
    assert "not split" in whole["model.layers.0.self_attn.kv_b_proj.weight"].reason
    assert remarks(result)


def test_a_wrong_number_of_experts_keeps_the_stack_whole(tmp_path):
    model = FUSED["DBRX"]()
    model.config["ffn_config"]["moe_num_experts"] = 7
    result = wg.fit(model.save(tmp_path / "model"))
    # The router has a row for every expert, and the configuration is found out by it or by
    # the division: either way nothing is cut at a wrong place.
    for item in result.slices:
        assert item.expert is None or item.shape == (FFN, HIDDEN)
    assert all(item.fitted for item in result.slices)


@pytest.mark.parametrize("config", [None, {"model_type": "something new"}])
def test_experts_with_biases_of_an_unknown_family(config, tmp_path):
    """Gate and up alternate in gpt-oss, and are halves in a model of the same shapes."""
    model = FUSED["gpt-oss"]()
    model.config = config
    result = wg.fit(model.save(tmp_path / "model"))
    assert_whole(result, "model.layers.0.mlp.experts.gate_up_proj", "biases")


def test_gate_and_up_in_an_unknown_order(tmp_path):
    draw = Draw()
    model = Model({"blocks.0.mlp.fc1.weight": draw(2 * FFN, HIDDEN)})
    model.tensors["blocks.0.mlp.fc2.weight"] = draw(HIDDEN, FFN)
    result = wg.fit(model.save(tmp_path / "model"))
    assert_whole(result, "blocks.0.mlp.fc1.weight", "which half is the gate")


def test_heads_that_are_not_known_leave_the_matrix_whole(tmp_path):
    draw = Draw()
    prefix = "model.layers.0.self_attn."
    model = Model({prefix + "q_proj.weight": draw(24, 24), prefix + "o_proj.weight": draw(24, 24)})
    result = wg.fit(model.save(tmp_path / "model"), per="head")
    assert [(item.kind, item.head) for item in result.slices] == [("q", None), ("o", None)]
    assert [item.reason for item in result.slices] == ["", ""]
    (warning,) = remarks(result)
    assert "and 1 more" in warning and "no config.json" in warning


def staged(heads, **config):
    """Queries of a model of two stages, eight and sixteen channels wide."""
    model = Model(config={"model_type": "swin", "depths": [1, 1], "num_heads": heads, **config})
    for stage, width in enumerate((8, 16)):
        name = f"encoder.layers.{stage}.blocks.0.attention.self.query.weight"
        model.tensors[name] = Draw()(width, width)
    return model


def test_stages_have_heads_of_their_own(tmp_path):
    result = wg.fit(staged([2, 4]).save(tmp_path / "model"), per="head")
    heads = [(item.block, item.head, item.shape) for item in result.slices]
    assert heads == [
        *((0, head, (4, 8)) for head in range(2)),
        *((1, head, (4, 16)) for head in range(4)),
    ]
    assert remarks(result) == ()
    assert result.architecture.of("encoder").heads is None


@pytest.mark.parametrize(
    "heads", [[3, 3], [0, 0], [-2, -4], [True, True], [2.0, 4.0], [10**30] * 2, [[2], [4]]]
)
def test_heads_of_stages_that_make_no_sense(heads, tmp_path):
    result = wg.fit(staged(heads).save(tmp_path / "model"), per="head")
    assert [item.head for item in result.slices] == [None, None]
    assert any("is not divided into heads" in line for line in remarks(result))


def test_a_stage_for_which_no_number_is_given(tmp_path):
    result = wg.fit(staged([2]).save(tmp_path / "model"), per="head")
    assert {item.head for item in result.slices if item.block == 1} == {None}


def test_stages_whose_queries_share_a_key_head(tmp_path):
    model = staged([2, 4], num_key_value_heads=1)
    for name, query in list(model.tensors.items()):
        model.tensors[name.replace("query", "key")] = Draw()(4, query.shape[1])
    result = wg.fit(model.save(tmp_path / "model"), per="head")
    heads = {(item.block, item.kind): [] for item in result.slices}
    for item in result.slices:
        heads[item.block, item.kind].append(item.head)
    assert heads == {(0, "q"): [0, 1], (1, "q"): [0, 1, 2, 3], (0, "k"): [0], (1, "k"): [0]}


def test_parts_are_given_where_only_the_heads_are_not_known(tmp_path):
    model = FUSED["timm"]()
    model.config = None
    result = wg.fit(model.save(tmp_path / "model"), per="head")
    assert [(item.kind, item.part, item.head) for item in result.slices] == [
        *((part, part, None) for part in "qkv"),
        ("qkv", None, None),
    ]
    (warning,) = remarks(result)
    assert "not divided into heads" in warning


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"model_type": None}, "config.json gives no model_type"),
        ({"model_type": ["gpt_neox"]}, "config.json gives no model_type"),
        ({"model_type": "new_family"}, "model_type 'new_family'"),
    ],
)
def test_a_family_that_is_not_named_is_missed_by_its_key(change, word, tmp_path):
    model = FUSED["GPT-NeoX"]()
    model.config = {**model.config, **change}
    result = wg.fit(model.save(tmp_path / "model"))
    name = next(name for name in model.tensors if "query_key_value" in name)
    assert_whole(result, name, word)


def test_many_blocks_make_one_warning(tmp_path):
    draw = Draw()
    tensors = {
        f"gpt_neox.layers.{i}.attention.query_key_value.weight": draw(72, 24) for i in range(30)
    }
    result = wg.fit(Model(tensors).save(tmp_path / "model"))
    (warning,) = remarks(result)
    assert "(and 29 more)" in warning


def test_a_stack_of_absurdly_many_experts_stays_whole(tmp_path):
    tensors = {
        "model.layers.0.mlp.experts.down_proj": Draw()(5000, 2, 1),
        "model.layers.0.mlp.experts.gate_up_proj": Draw()(5000, 2, 2),
    }
    result = wg.fit(Model(tensors).save(tmp_path / "model"))
    assert len(result.slices) == 2
    assert all("pieces" in item.reason for item in result.slices)


def test_tensors_without_elements_or_without_numbers_are_not_cut(tmp_path):
    path = write_safetensors(
        tmp_path / "model.safetensors",
        {
            "blocks.0.attn.qkv.weight": ("F32", [0, 24], b""),
            "blocks.1.attn.qkv.weight": ("I8", [72, 24], bytes(72 * 24)),
            "blocks.2.attn.qkv.weight": ("F32", [73, 24], bytes(73 * 24 * 4)),
        },
    )
    result = wg.fit(path)
    assert [item.status for item in result.slices] == ["empty", "not_applicable", "empty"]
    assert "no multiple of 3" in result.slices[-1].reason


def test_packed_four_bit_weights_are_cut_between_bytes(tmp_path):
    codes = np.random.default_rng(0).integers(0, 16, (72, 24), dtype=np.uint8)
    # The first of two elements lies in the low four bits.
    packed = codes[:, ::2] | codes[:, 1::2] << 4
    path = write_safetensors(
        tmp_path / "model.safetensors",
        {"blocks.0.attn.qkv.weight": ("F4", [72, 24], packed.tobytes())},
    )
    result = wg.fit(path)
    assert [item.part for item in result.slices] == ["q", "k", "v", None]
    for item, values in zip(result.slices, np.split(codes, 3), strict=False):
        alone = wg.fit_weibull(values.view(ml_dtypes.float4_e2m1fn))
        assert (item.shape, item.n, item.k, item.lam) == ((24, 24), alone.n, alone.k, alone.lam)


def test_interleaved_four_bit_weights_stay_whole(tmp_path):
    shape = [2, 24, 40]
    path = write_safetensors(
        tmp_path / "model.safetensors",
        {
            "layers.0.mlp.experts.gate_up_proj": ("F4", shape, bytes(range(240)) * 4),
            "layers.0.mlp.experts.gate_up_proj_bias": ("F32", [2, 40], bytes(320)),
            "layers.0.mlp.experts.down_proj": ("F4", [2, 20, 24], bytes(range(240)) * 2),
        },
    )
    (tmp_path / "config.json").write_text('{"model_type": "gpt_oss"}')
    result = wg.fit(path)
    (item,) = (item for item in result.slices if item.tensor.endswith("gate_up_proj"))
    assert "two elements share a byte" in item.reason


def test_a_scale_beside_a_fused_tensor_is_applied_to_every_part(tmp_path):
    values = Draw()(72, 24).astype(ml_dtypes.float8_e4m3fn)
    path = write_safetensors(
        tmp_path / "model.safetensors",
        {
            "blocks.0.attn.qkv.weight": ("F8_E4M3", [72, 24], values.tobytes()),
            "blocks.0.attn.qkv.weight_scale_inv": ("F32", [1, 1], np.float32(0.5).tobytes()),
        },
    )
    slices = [item for item in wg.fit(path).slices if item.tensor.endswith(".weight")]
    found = {item.part: item for item in slices}
    parts = {None: values} | dict(zip("qkv", np.split(values, 3), strict=True))
    assert found.keys() == parts.keys()
    for part, matrix in parts.items():
        alone = wg.fit_weibull(matrix)
        item = found[part]
        assert (item.status, item.decoded) == ("ok", "F8_E4M3 x weight_scale_inv per tensor")
        assert (item.k, item.lam) == (alone.k, alone.lam / 2)


def test_kv_heads_of_a_layer_may_differ_from_the_model(tmp_path):
    """Sizes that vary from block to block are told by each block's own output projection."""
    draw = Draw()
    model = Model(config={"model_type": "openelm", "num_query_heads": [6, 3], "head_dim": DIM})
    for block, (heads, kv) in enumerate([(6, KV), (3, 1)]):
        prefix = f"transformer.layers.{block}.attn."
        parts = [draw(n * DIM, HIDDEN) for n in (heads, kv, kv)]
        model.tensors[prefix + "qkv_proj.weight"] = rows(*parts)
        model.tensors[prefix + "out_proj.weight"] = draw(HIDDEN, heads * DIM)
    result = wg.fit(model.save(tmp_path / "model"))
    shapes = [(item.block, item.part, item.shape[0]) for item in result.slices if item.part]
    assert shapes == [
        *((0, "q", 24), (0, "k", 8), (0, "v", 8)),
        *((1, "q", 12), (1, "k", 4), (1, "v", 4)),
    ]
