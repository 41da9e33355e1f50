"""What people make of published models, beside the same headers with a loss that is told of.

They prune heads, blocks and columns, cut single matrices into factors, and draft tokens.
"""

from __future__ import annotations

import pytest

import health_models as models

WIDTH, HEAD, HEADS, INNER, BLOCKS = 64, 8, 8, 160, 12
LAYER = "model.layers.{}."
CONFIG = {
    **{"architectures": ["FooForCausalLM"], "model_type": "foo", "hidden_size": WIDTH},
    **{"intermediate_size": INNER, "num_hidden_layers": BLOCKS, "num_attention_heads": HEADS},
    "vocab_size": 300,
}


@pytest.fixture
def told(write_checkpoint, tmp_path):
    """Return the messages of faults and warnings that headers and configuration give."""
    return models.told_by_headers(write_checkpoint, tmp_path / "m")


def block(number, *, heads=HEADS, keys=HEADS, inner=INNER, width=WIDTH, writes=WIDTH, experts=8):
    """Return a gated block without norms, which reads one width and may write another.

    Beside its network there are experts.
    """
    layer = LAYER.format(number)
    routed = {f"{layer}mlp.gate.weight": (experts, width)}
    for expert in range(experts):
        inside = f"{layer}mlp.experts.{expert}."
        routed |= {f"{inside}{each}_proj.weight": (16, width) for each in ("gate", "up")}
        routed |= {f"{inside}down_proj.weight": (width, 16)}
    return routed | {
        f"{layer}self_attn.q_proj.weight": (heads * HEAD, width),
        f"{layer}self_attn.k_proj.weight": (keys * HEAD, width),
        f"{layer}self_attn.v_proj.weight": (keys * HEAD, width),
        f"{layer}self_attn.o_proj.weight": (width, heads * HEAD),
        f"{layer}mlp.gate_proj.weight": (inner, width),
        f"{layer}mlp.up_proj.weight": (inner, width),
        f"{layer}mlp.down_proj.weight": (writes, inner),
    }


def model(others=None):
    """Return a model with other sizes in some of its blocks."""
    shapes = {"model.embed_tokens.weight": (300, WIDTH), "lm_head.weight": (300, WIDTH)}
    shapes["model.norm.weight"] = (WIDTH,)
    for number in range(BLOCKS):
        shapes |= block(number, **(others or {}).get(number, {}))
        for name in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"{LAYER.format(number)}{name}.weight"] = (WIDTH,)
    return shapes


@pytest.mark.parametrize(
    ("others", "stated"),
    [
        (
            {2: {"heads": 5, "keys": 5}, 7: {"heads": 7, "keys": 7}},
            {"pruned_heads": {"2": [0, 3, 4], "7": [1]}},
        ),
        (
            {3: {"keys": 3}, 7: {"keys": 3}},
            {"num_key_value_heads_per_layer": [3 if i in (3, 7) else 8 for i in range(BLOCKS)]},
        ),
        ({4: {"inner": 88}, 9: {"inner": 24}}, {"block_configs": [{"ffn": {"ffn_mult": 1.4}}]}),
        (
            {3: {"experts": 6}, 7: {"experts": 5}},
            {"num_experts": [{3: 6, 7: 5}.get(i, 8) for i in range(BLOCKS)]},
        ),
    ],
    ids=["heads", "keys", "networks", "experts"],
)
def test_sizes_of_single_blocks_that_are_told_in_other_words(told, others, stated):
    shapes = model(others)
    assert told(shapes, CONFIG | stated) == []
    # Where nothing tells of them, they contradict the sizes that are stated for all blocks.
    assert told(shapes, CONFIG)
    name = "model.layers.5.mlp.down_proj.weight"
    (message,) = told(shapes | {name: (WIDTH, INNER - 8)}, CONFIG | stated)
    assert message.startswith(name)


@pytest.mark.parametrize("part", ["attn", "mlp"])
def test_blocks_whose_attention_or_network_was_taken_out(told, part):
    """They may lie anywhere; a list names them, and an empty one none."""
    shapes = models.without(
        model(), *(f"layers.{i}.{each}" for i in (4, 5, 8) for each in PARTS[part])
    )
    lists = {"drop_attn_list": [], "drop_mlp_list": []}
    assert told(shapes, CONFIG | lists | {f"drop_{part}_list": [4, 5, 8]}) == []
    (message,) = told(shapes, CONFIG | lists)
    assert "missing; the other blocks have them" in message


PARTS = {"attn": ("self_attn", "input_layernorm"), "mlp": ("mlp", "post_attention_layernorm")}


def test_one_matrix_that_was_cut_into_factors(told):
    lost = models.without(model(), "layers.6.mlp.down_proj")
    inside = {"0": (16, INNER), "1": (WIDTH, 16)}
    factors = {f"model.layers.6.mlp.down_proj.{each}.weight": inside[each] for each in inside}
    assert told(lost | factors, CONFIG) == []
    (message,) = told(lost, CONFIG)
    assert message.startswith("model.layers.6.mlp.down_proj.weight: missing")
    # Factors of another matrix stand for that one alone.
    factors = {name.replace("down", "up"): shape for name, shape in factors.items()}
    assert told(lost | factors, CONFIG)


def sliced(*, leads=True):
    """Return a model whose columns were taken away, and whose last block writes what they were."""
    shapes = {"model.embed_tokens.weight": (300, 48), "lm_head.weight": (300, WIDTH)}
    for number in range(BLOCKS):
        writes = WIDTH if number == BLOCKS - 1 else 48
        shapes |= block(number, width=48, writes=writes)
        shapes[f"{LAYER.format(number)}attn_shortcut_Q"] = (48, 48)
        shapes[f"{LAYER.format(number)}mlp_shortcut_Q"] = (48, writes if leads else 48)
    return shapes


def test_a_matrix_that_leads_to_the_width_of_the_next_block(told):
    assert told(sliced()) == []
    (message,) = told(sliced(leads=False))
    assert message.startswith(f"model.layers.{BLOCKS - 1}.mlp.down_proj.weight")


def test_a_first_block_that_reads_two_streams_beside_each_other(told):
    shapes = model()
    first = {f"model.layers.0.self_attn.{each}_proj.weight": (WIDTH, 2 * WIDTH) for each in "qkv"}
    assert told(shapes | first, CONFIG) == told(shapes | first) == []
    one = {name: shape for name, shape in first.items() if "q_proj" in name}
    (message,) = told(shapes | one)
    assert message.startswith("model.layers.0.self_attn.q_proj.weight: shape [64, 128]")


def pictures():
    """Return the blocks of a part that reads pictures."""
    shapes = {}
    for number in range(4):
        layer = f"visual.blocks.{number}."
        shapes |= {f"{layer}attn.qkv.weight": (144, 48), f"{layer}attn.proj.weight": (48, 48)}
        shapes |= {f"{layer}mlp.fc1.weight": (96, 48), f"{layer}mlp.fc2.weight": (48, 96)}
        shapes |= {f"{layer}norm{each}.weight": (48,) for each in (1, 2)}
    return shapes


def test_a_part_that_was_saved_alone_with_the_configuration_of_the_whole(told):
    whole = CONFIG | {"architectures": ["FooForConditionalGeneration"]}
    whole |= {"tie_word_embeddings": False, "vision_config": {"hidden_size": 48}}
    assert told(pictures(), whole) == []
    # A text without its head is not excused by the pictures beside it.
    (message,) = told(models.without(model(), "lm_head") | pictures(), whole)
    assert "no output head" in message


def test_experts_below_each_other_in_one_matrix(told):
    """As of DBRX: all three matrices of an expert have the width of the blocks on one side."""
    shapes = {"transformer.wte.weight": (300, WIDTH), "transformer.norm_f.weight": (WIDTH,)}
    for number in range(6):
        layer = f"transformer.blocks.{number}."
        shapes |= {f"{layer}attn.Wqkv.weight": (128, WIDTH), f"{layer}attn.out.weight": (64, WIDTH)}
        shapes |= {f"{layer}norm_{each}.weight": (WIDTH,) for each in (1, 2)}
        shapes |= {f"{layer}ffn.router.layer.weight": (4, WIDTH)}
        shapes |= {f"{layer}ffn.experts.mlp.{each}": (160, WIDTH) for each in ("w1", "v1", "w2")}
    assert told(shapes) == []
    name = "transformer.blocks.3.ffn.experts.mlp.w2"
    (message,) = told(shapes | {name: (WIDTH, 160)})
    assert message.startswith(name) and "exchanged" in message


@pytest.mark.parametrize("comes_with_a_program", [True, False])
def test_a_head_of_another_name_in_a_program_that_comes_with_the_model(told, comes_with_a_program):
    config = CONFIG | {"architectures": ["LlamaForSequenceClassification"], "model_type": "llama"}
    config |= {"auto_map": {"AutoModel": "own.Model"}} if comes_with_a_program else {}
    shapes = models.without(model(), "lm_head")
    lost = ["there is no output head; LlamaForSequenceClassification has one"]
    assert told(shapes, config) == lost
    found = told(shapes | {"fc.weight": (2, WIDTH)}, config)
    assert found == ([] if comes_with_a_program else lost)
