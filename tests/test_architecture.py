"""Facts about a model from its configuration, from its shapes, and from both."""

from __future__ import annotations

import json

import pytest

from names import Tensor
from towers import LATENT_CONFIG, Shapes, described, latent, llama
from weightgauge.anatomy.architecture import MLA, Architecture, TowerFacts, architecture_of
from weightgauge.anatomy.components import classify


def heads(facts: TowerFacts) -> tuple[object, ...]:
    return facts.attention, facts.heads, facts.kv_heads, facts.head_dim


@pytest.mark.parametrize(
    "config",
    [
        {"num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 16},
        {"num_attention_heads": 8, "num_key_value_heads": 2},
        {"num_attention_heads": 8},
        {"n_head": 8, "num_kv_heads": 2, "d_kv": 16},
        {"n_heads": 8, "attn_config": {"kv_n_heads": 2}},
        {"num_heads": 8, "kv_channels": 16},
        {"num_attention_heads": 8, "multi_query_attention": True, "multi_query_group_num": 2},
        {"n_head": 8, "n_head_kv": 2, "multi_query": True, "new_decoder_architecture": True},
    ],
)
@pytest.mark.parametrize("hidden", [96, 128])
def test_heads_under_every_spelling(config, hidden) -> None:
    found = described(llama(hidden=hidden), config)
    assert found.warnings == ()
    assert heads(found.of(None)) == ("GQA", 8, 2, 16)
    assert found.of(None).hidden == hidden


@pytest.mark.parametrize(
    ("kv_heads", "attention"), [(8, "MHA"), (4, "GQA"), (2, "GQA"), (1, "MQA")]
)
def test_attention(kv_heads, attention) -> None:
    facts = described(llama(8, kv_heads), {"num_attention_heads": 8}).of(None)
    assert heads(facts) == (attention, 8, kv_heads, 16)


def test_values_of_another_length() -> None:
    """As of gated DeltaNet, whose values are twice as long as its queries and keys."""
    attention = "model.layers.0.self_attn"
    shapes: Shapes = {f"{attention}.{each}_proj.weight": (128, 64) for each in "qk"}
    shapes |= {f"{attention}.v_proj.weight": (256, 64), f"{attention}.o_proj.weight": (64, 256)}
    config = {"num_heads": 8, "head_dim": 16}
    found = described(shapes, config)
    assert found.contradictions == () and heads(found.of(None)) == ("MHA", 8, 8, 16)
    # Heads that fill neither are contradicted, and so are those that v does not explain.
    assert described(shapes, {"num_heads": 6, "head_dim": 16}).contradictions
    narrow = shapes | {f"{attention}.v_proj.weight": (128, 64)}
    assert described(narrow, config).contradictions


def test_norms_of_single_heads_tell_without_a_configuration() -> None:
    facts = described(llama(norms=(16, 16))).of(None)
    assert heads(facts) == ("GQA", 8, 2, 16)
    assert facts.qk_norm is True


def test_norms_of_all_heads_at_once_tell_nothing_of_one() -> None:
    facts = described(llama(norms=(128, 32))).of(None)
    assert heads(facts) == (None, None, None, None)
    assert facts.qk_norm is True


@pytest.mark.parametrize("lone", ["", "k_norm"])
def test_a_norm_of_queries_tells_of_a_single_key_head(lone: str) -> None:
    """A norm of all queries at once would be as long as their projection is wide."""
    shapes = llama(heads=8, kv_heads=1, head_dim=16, hidden=64, norms=(16, 16))
    shapes = {name: shape for name, shape in shapes.items() if not lone or lone not in name}
    facts = described(shapes).of(None)
    assert (facts.heads, facts.kv_heads, facts.head_dim) == (8, 1, 16)
    assert facts.attention == "MQA"


def test_a_norm_of_keys_alone_tells_of_several_key_heads_only() -> None:
    for kv_heads, expected in ((2, (8, 2, 16)), (1, (None, None, None))):
        shapes = llama(heads=8, kv_heads=kv_heads, head_dim=16, hidden=64, norms=(16, 16))
        shapes = {name: shape for name, shape in shapes.items() if "q_norm" not in name}
        facts = described(shapes).of(None)
        # As long as the projection is wide, it may be that of several heads at once.
        assert (facts.heads, facts.kv_heads, facts.head_dim) == expected


def test_norms_with_a_row_per_head() -> None:
    shapes = llama() | {
        "model.layers.0.self_attn.q_norm.weight": (8, 16),
        "model.layers.0.self_attn.k_norm.weight": (2, 16),
    }
    assert heads(described(shapes).of(None)) == ("GQA", 8, 2, 16)


@pytest.mark.parametrize("shapes", [llama(8, 8), llama(8, 8, hidden=128)])
def test_shapes_alone_tell_that_every_head_has_its_key(shapes) -> None:
    assert heads(described(shapes).of(None)) == ("MHA", None, None, None)


def test_shapes_alone_do_not_tell_grouped_from_multi_query() -> None:
    facts = described(llama(8, 1)).of(None)
    assert heads(facts) == (None, None, None, None)
    assert (facts.hidden, facts.blocks, facts.qk_norm, facts.storage) == (96, 2, False, "separate")


@pytest.mark.parametrize(
    ("tail", "shape"),
    [("self_attn.sinks", (8,)), ("SelfAttention.relative_attention_bias.weight", (32, 8))],
)
def test_a_number_per_head_tells_the_heads(tail, shape) -> None:
    facts = described(llama() | {f"model.layers.0.{tail}": shape}).of(None)
    assert heads(facts) == ("GQA", 8, 2, 16)


def fused(rows: int, *, hidden: int = 64, name: str = "self_attention.query_key_value") -> Shapes:
    prefix = f"transformer.h.0.{name.partition('.')[0]}"
    return {
        "transformer.h.0.ln_1.weight": (hidden,),
        f"transformer.h.0.{name}.weight": (rows, hidden),
        f"{prefix}.dense.weight": (hidden, hidden),
    }


@pytest.mark.parametrize(
    ("rows", "config", "expected"),
    [
        # Falcon's three: one key head, groups, and one for each query.
        (80, {"multi_query": True, "num_kv_heads": 8}, ("MQA", 8, 1, 8)),
        (96, {"new_decoder_architecture": True, "num_kv_heads": 2}, ("GQA", 8, 2, 8)),
        (192, {"multi_query": False, "num_kv_heads": 3}, ("MHA", 8, 8, 8)),
        (192, {}, ("MHA", 8, 8, 8)),
    ],
)
def test_fused_projections(rows, config, expected) -> None:
    found = described(fused(rows), {"num_attention_heads": 8, **config})
    assert found.warnings == ()
    assert heads(found.of(None)) == expected
    assert found.of(None).storage == "merged"


def test_transposed_projections() -> None:
    shapes = {
        "h.0.ln_1.weight": (64,),
        "h.0.attn.c_attn.weight": (64, 192),
        "h.0.attn.c_proj.weight": (64, 64),
    }
    found = described(shapes, {"n_head": 4, "n_embd": 64, "n_layer": 1})
    assert found.warnings == ()
    assert heads(found.of(None)) == ("MHA", 4, 4, 16)


def test_queries_with_a_gate_are_twice_as_wide() -> None:
    shapes = llama()
    for block in range(2):
        shapes[f"model.layers.{block}.self_attn.q_proj.weight"] = (2 * 8 * 16, 96)
    found = described(shapes, {"num_attention_heads": 8, "head_dim": 16})
    assert found.warnings == ()
    assert heads(found.of(None)) == ("GQA", 8, 2, 16)


@pytest.mark.parametrize("config", [LATENT_CONFIG, {"num_attention_heads": 4}])
def test_latent_attention(config) -> None:
    found = described(latent(), {**config, "head_dim": 8, "num_key_value_heads": 4})
    assert found.warnings == ()
    facts = found.of(None)
    assert facts.mla == MLA(24, 16, 12, 8, 10)
    assert heads(facts) == ("MLA", 4, 4, None)
    assert facts.storage == "mixed"


def test_latent_attention_with_full_queries() -> None:
    shapes = latent()
    del shapes["model.layers.0.self_attn.q_a_proj.weight"]
    del shapes["model.layers.0.self_attn.q_b_proj.weight"]
    shapes["model.layers.0.self_attn.q_proj.weight"] = (80, 96)
    found = described(shapes, {**LATENT_CONFIG, "q_lora_rank": None})
    assert (found.warnings, found.of(None).mla) == ((), MLA(None, 16, 12, 8, 10))


def test_latent_attention_without_a_configuration() -> None:
    facts = described(latent()).of(None)
    assert (facts.attention, facts.mla, facts.heads) == ("MLA", None, None)


@pytest.mark.parametrize(
    "key", ["num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"]
)
@pytest.mark.parametrize(
    "shapes",
    [
        {f"model.layers.0.mlp.experts.{e}.up_proj.weight": (64, 96) for e in range(4)},
        {"model.layers.0.mlp.experts.gate_up_proj": (4, 128, 96)},
    ],
)
def test_experts(key, shapes) -> None:
    assert described(shapes).of(None).experts == 4
    assert described(shapes, {key: 4}).of(None).experts == 4
    assert described(llama(), {key: 0}).of(None).experts is None


def test_a_shard_with_some_of_the_experts_is_no_contradiction() -> None:
    found = described({"model.layers.7.mlp.experts.1.up_proj.weight": (64, 96)}, {"num_experts": 8})
    assert (found.warnings, found.of(None).experts) == ((), 8)


def test_blocks() -> None:
    assert described(llama(blocks=3)).of(None).blocks == 3
    assert described(llama(blocks=3), {"n_layer": 12}).of(None).blocks == 12  # a shard
    tail = {name: shape for name, shape in llama(blocks=3).items() if "layers.0." not in name}
    assert described(tail).of(None).blocks is None


def test_blocks_that_draft_tokens_are_not_counted() -> None:
    config = {"num_hidden_layers": 2, "num_nextn_predict_layers": 1}
    found = described(llama(blocks=3), config)
    assert (found.warnings, found.of(None).blocks) == ((), 2)


def test_several_stacks_are_counted_together() -> None:
    names = [f"transformer_blocks.{i}.attn.to_q.weight" for i in range(19)]
    names += [f"single_transformer_blocks.{i}.attn.to_q.weight" for i in range(38)]
    found = described(dict.fromkeys(names, (64, 64)), {"num_layers": 19, "num_single_layers": 38})
    assert (found.warnings, found.of(None).blocks) == ((), 57)


@pytest.mark.parametrize("groups", ["", "albert_layer_groups.0.albert_layers.0."])
def test_blocks_that_share_their_weights(groups) -> None:
    path = f"albert.encoder.{groups}attention"
    shapes = {f"{path}.{name}.weight": (96, 96) for name in ("query", "key", "value", "dense")}
    found = described(shapes, {"num_attention_heads": 8, "num_hidden_layers": 12})
    assert found.warnings == ()
    assert heads(found.of("encoder")) == ("MHA", 8, 8, 12)
    assert found.of("encoder").blocks == 12


def test_stages_of_different_width() -> None:
    shapes = {}
    for stage, width in enumerate((32, 64)):
        for name in ("query", "key", "value"):
            path = f"swin.encoder.layers.{stage}.blocks.0.attention.self.{name}.weight"
            shapes[path] = (width, width)
    config = {"depths": [1, 1], "num_heads": [2, 4], "num_layers": 2, "hidden_size": 64}
    found = described(shapes, config)
    facts = found.of("encoder")
    assert found.warnings == ()
    assert (facts.blocks, facts.hidden, *heads(facts)) == (2, None, None, None, None, 16)


def unet(*widths: int) -> Shapes:
    """Attention in the stages of an image model, each as wide as its stage."""
    return {
        f"down_blocks.{stage}.attentions.0.transformer_blocks.0.attn1.to_{kind}.weight": (w, w)
        for stage, w in enumerate(widths)
        for kind in "qkv"
    }


@pytest.mark.parametrize(
    ("types", "length", "expected"),
    [
        # Stable Diffusion 1.5 has 8 heads of 40, 80 and 160; the second has 5 to 20 heads of 64.
        (["CrossAttnDownBlock2D", "DownBlock2D"], 8, (8, None)),
        (["CrossAttnDownBlockMotion", "DownBlockMotion"], 8, (8, None)),
        (["CrossAttnDownBlock2D"], [5, 10, 20, 20], (None, 64)),
        (["CrossAttnDownBlock2D"], [5, 10, 15, 20], (None, 64)),
        (["CrossAttnDownBlock2D"], [5, 9, 20, 20], (None, None)),
        # Their blocks say that they mean lengths.
        (["CrossAttnDownBlock3D", "DownBlock3D"], 64, (None, 64)),
        (["ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"], 64, (None, 64)),
        (["KDownBlock2D", "KCrossAttnDownBlock2D"], 64, (None, 64)),
        (["DownBlock2D", "AttnDownBlock2D"], 8, (None, 8)),
        ("CrossAttnDownBlock2D", 8, (None, 8)),
        ([None, 3], 8, (None, 8)),
    ],
)
def test_a_length_of_heads_that_is_their_number(types, length, expected) -> None:
    config = {"attention_head_dim": length, "down_block_types": types, "num_attention_heads": None}
    found = described(unet(320, 640, 1280), config)
    assert found.warnings == ()
    assert (found.of(None).heads, found.of(None).head_dim) == expected


@pytest.mark.parametrize(
    ("widths", "numbers"),
    # Stages without channels, and two numbers of which one or both may be used.
    [((0, 0), [5, 10]), ((640, 640), [5, 10])],
)
def test_numbers_of_stages_that_widths_do_not_tell_apart(widths, numbers) -> None:
    found = described(unet(*widths), {"num_attention_heads": numbers})
    assert (found.of(None).heads, found.of(None).head_dim) == (None, None)


def test_long_names_of_blocks_cost_no_more_than_their_length() -> None:
    """A pattern that looks for the end of a name from each of its parts takes minutes here."""
    types = ["CrossAttn" * 100_000 + "3D"]
    found = described(unet(320), {"attention_head_dim": 8, "down_block_types": types})
    assert found.of(None).head_dim == 8


def test_a_number_of_heads_beside_their_length() -> None:
    config = {"attention_head_dim": 40, "num_attention_heads": 8}
    found = described(unet(320), config | {"down_block_types": ["CrossAttnDownBlock2D"]})
    assert (found.warnings, heads(found.of(None))) == ((), ("MHA", 8, 8, 40))


def test_norms_of_heads_whose_length_differs() -> None:
    """64 heads in each stage, of 5, 10 and 20 channels, with one head for keys and values."""
    shapes = unet(320, 640, 1280)
    for name, (width, _) in list(shapes.items()):
        if "to_q" not in name:
            shapes[name] = (width // 64, 2048)
        shapes[name.replace("to_k", "norm_k").replace("to_q", "norm_q")] = (width // 64,)
    config = {"attention_head_dim": 64, "num_kv_heads": 1}
    found = described(shapes, config | {"down_block_types": ["CrossAttnDownBlock2D"]})
    assert found.warnings == ()
    assert (found.of(None).heads, found.of(None).kv_heads) == (64, 1)


def test_lists_say_that_blocks_differ() -> None:
    shapes = {
        "model.layers.0.self_attn.q_proj.weight": (32, 64),
        "model.layers.1.self_attn.q_proj.weight": (64, 64),
    }
    found = described(shapes, {"num_attention_heads": [2, 4], "head_dim": 16})
    assert (found.warnings, found.of(None).heads) == ((), None)


def test_packed_integers_have_no_shape_to_compare_with() -> None:
    name = "model.layers.0.self_attn.q_proj.weight"
    tensors = [Tensor(name, (8192, 1), "U8")]
    config = {"num_attention_heads": 8, "head_dim": 16, "hidden_size": 128}
    found = architecture_of(tensors, classify(tensors), config)
    assert (found.warnings, found.of(None).heads, found.of(None).hidden) == ((), 8, 128)


def test_nothing_is_known_of_what_is_not_there() -> None:
    assert described({}) == Architecture()
    assert described(llama()).of("vision") == TowerFacts("vision")
    assert described({}, {"model_type": "llama"}).of(None).model_type == "llama"


def test_plain_values() -> None:
    found = described(latent(), {**LATENT_CONFIG, "model_type": "deepseek_v3"})
    (tower,) = json.loads(json.dumps(found.to_dict(), allow_nan=False))["towers"]
    assert list(tower) == [
        *("tower", "model_type", "hidden", "blocks", "heads", "kv_heads", "head_dim", "experts"),
        *("attention", "storage", "qk_norm", "mla"),
    ]
    assert tower["mla"]["kv_lora_rank"] == 16
