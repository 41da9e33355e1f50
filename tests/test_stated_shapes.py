"""Shapes held against the sizes that the configuration states."""

from __future__ import annotations

import numpy as np
import pytest

import health_models as models
import weightgauge as wg

Q = "model.layers.2.self_attn.q_proj.weight"
DOWN = "model.layers.4.mlp.down_proj.weight"
NORM = "model.layers.1.input_layernorm.weight"
WIDE = {"hidden": 64, "inner": 176, "vocab": 250, "kv": 32}


@pytest.fixture
def told(write_checkpoint, tmp_path):
    """Returns what is told of shapes: level, tensor and message."""

    def found(tensors, config):
        fit = wg.fit(models.put(write_checkpoint, tmp_path / "m", tensors, config))
        assert not [line for line in fit.warnings if "config.json" in line]
        return [
            (each.level, each.tensor, each.message)
            for each in fit.findings
            if each.id == "shape-contradicts"
        ]

    return found


def test_a_healthy_model_contradicts_nothing(told):
    assert told(*models.llama(seed=1)) == []
    assert told(*models.gpt2(seed=1)) == []
    assert told(*models.llama(seed=1, blocks=4, experts=4, kv=32)) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden_size", 192),
        ("num_attention_heads", 7),
        ("num_key_value_heads", 3),
        ("head_dim", 24),
    ],
)
def test_the_configuration_of_another_model(told, key, value):
    tensors, config = models.llama(seed=1, kv=32)
    ((level, tensor, message),) = told(tensors, config | {key: value})
    assert (level, tensor) == ("fault", None)
    assert message.startswith(f"config.json: {key} = {value} ")


def test_another_number_of_experts(told):
    tensors, config = models.llama(seed=1, blocks=4, experts=4)
    ((level, _, message),) = told(tensors, config | {"num_local_experts": 8})
    assert level == "fault" and "num_local_experts = 8" in message


def test_another_inner_width(told):
    tensors, config = models.llama(seed=1)
    ((level, _, message),) = told(tensors, config | {"intermediate_size": 344})
    assert level == "warning"
    assert "intermediate_size = 344" in message and "256 inputs" in message


@pytest.mark.parametrize("name", ["model.embed_tokens.weight", "lm_head.weight"])
def test_fewer_rows_than_tokens(told, name):
    tensors, config = models.llama(seed=1)
    tensors[name] = tensors[name][:-1]
    ((level, tensor, message),) = told(tensors, config)
    assert (level, tensor) == ("fault", name)
    assert message == f"{name}: shape [511, 128]; config.json says vocab_size = 512"


@pytest.mark.parametrize("name", ["model.embed_tokens.weight", "lm_head.weight"])
def test_embeddings_of_another_width(told, name):
    tensors, config = models.llama(seed=1)
    tensors[name] = np.ascontiguousarray(tensors[name][:, :100])
    found = [each for each in told(tensors, config) if each[1] == name]
    wanted = f"{name}: shape [512, 100]; the blocks have a width of 128"
    assert found == [("fault", name, wanted)]


ENDS = ["model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"]


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("width", [100, 384, 512])
@pytest.mark.parametrize("name", ENDS)
def test_ends_that_are_not_as_wide_as_the_blocks(told, name, width, stated):
    """Be the width one of the model's other sizes, or stated nowhere: inner width, tokens."""
    tensors, config = models.llama(seed=1)
    shape = (width,) if "norm" in name else (512, width)
    tensors[name] = np.resize(tensors[name], shape)
    wanted = f"{name}: shape {list(shape)}; the blocks have a width of 128"
    assert told(tensors, config if stated else None) == [("fault", name, wanted)]


@pytest.mark.parametrize("name", ["wpe.weight", "wte.weight", "ln_f.weight"])
def test_ends_of_another_layout(told, name):
    tensors, config = models.gpt2(seed=1)
    tensors[name] = np.ascontiguousarray(tensors[name][..., :-8])
    ((level, tensor, message),) = told(tensors, config)
    assert (level, tensor) == ("fault", name) and "a width of 128" in message


def test_embeddings_of_a_width_of_their_own(told):
    """As in OPT-350m and ELECTRA: a matrix leads from the one width to the other."""
    tensors, config = models.llama(seed=1)
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        tensors[name] = np.ascontiguousarray(tensors[name][:, :48])
    narrow = {"model.project_in.weight": (128, 48), "model.project_out.weight": (48, 128)}
    bridged = tensors | {name: np.resize(tensors[Q], shape) for name, shape in narrow.items()}
    assert told(bridged, None) == []
    assert told(bridged, config | {"word_embed_proj_dim": 48}) == []
    assert told(tensors, config | {"embedding_size": 48}) == []
    assert len(told(tensors, config)) == 2


SWAPS = [
    ("mlp.gate_proj", "mlp.down_proj", {"mlp.gate_proj", "mlp.down_proj"}, 2),
    ("mlp.up_proj", "mlp.down_proj", {"mlp.up_proj", "mlp.down_proj"}, 2),
    ("self_attn.q_proj", "mlp.down_proj", {"self_attn.q_proj"}, 1),
    ("self_attn.q_proj", "mlp.up_proj", {"mlp.up_proj"}, 1),
    ("self_attn.k_proj", "self_attn.o_proj", {"self_attn.o_proj"}, 1),
]


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize(("one", "other", "named", "fewest"), SWAPS)
def test_exchanged_matrices_of_few_blocks(told, one, other, named, fewest, stated):
    """Their sides contradict those of the same block: nobody has to count blocks."""
    for blocks in range(fewest, 4):
        tensors, config = models.llama(seed=1, blocks=blocks, **WIDE)
        one_name, other_name = (f"model.layers.0.{each}.weight" for each in (one, other))
        tensors[one_name], tensors[other_name] = tensors[other_name], tensors[one_name]
        found = told(tensors, config if stated else None)
        assert {level for level, _, _ in found} == {"fault"}
        there = {tensor for _, tensor, _ in found}
        assert there >= {f"model.layers.0.{each}.weight" for each in named}
        assert there <= {one_name, other_name}


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_few_blocks_that_are_well(told, blocks):
    for make in (
        lambda: models.llama(seed=1, blocks=blocks, **WIDE),
        lambda: models.gpt2(seed=1, blocks=blocks),
    ):
        tensors, config = make()
        assert told(tensors, config) == told(tensors, None) == []


def test_keys_and_values_of_what_an_encoder_made(told):
    tensors, _ = models.llama(seed=1, blocks=2, **WIDE)
    for block in range(2):
        for name, shape in (("q", (64, 64)), ("k", (64, 200)), ("v", (64, 200)), ("o", (64, 64))):
            tensors[f"model.layers.{block}.cross_attn.{name}_proj.weight"] = np.resize(
                tensors["model.embed_tokens.weight"], shape
            )
    assert told(tensors, None) == []


def test_two_streams_beside_each_other(told):
    """As in Reformer, whose last norm and head read both."""
    tensors, _ = models.llama(seed=1)
    tensors["model.norm.weight"] = np.ones(256, np.float32)
    tensors["lm_head.weight"] = np.resize(tensors["lm_head.weight"], (512, 256))
    assert told(tensors, None) == []
    tensors["model.norm.weight"] = np.ones(128, np.float32)
    assert [tensor for _, tensor, _ in told(tensors, None)] == ["lm_head.weight"]


def test_norms_that_follow_no_blocks(told):
    """Those of embeddings, poolers and projectors have widths of their own."""
    tensors, config = models.llama(seed=1)
    for name in ("model.embed_norm", "model.pooler_norm", "projector.norm", "model.vision.norm"):
        tensors[f"{name}.weight"] = np.ones(48, np.float32)
    assert told(tensors, config) == told(tensors, None) == []


def test_blocks_of_two_widths_say_nothing_of_the_ends(told):
    """As in MobileBERT, whose blocks are narrow inside."""
    tensors, _ = models.llama(seed=1)
    for block in range(6):
        tensors[f"model.layers.{block}.bottleneck_layernorm.weight"] = np.ones(32, np.float32)
    tensors["lm_head.weight"] = np.ascontiguousarray(tensors["lm_head.weight"][:, :32])
    assert told(tensors, None) == []


def test_blocks_of_another_sort_at_a_fixed_distance(told):
    """Every third block has heads of another size, as where attention is of two sorts."""
    tensors, config = models.llama(seed=1, blocks=16)
    wide = config | {"head_dim_of_some": 20}
    for block in (3, 8, 13):
        name = f"model.layers.{block}.self_attn.q_proj.weight"
        tensors[name] = np.resize(tensors[name], (160, 128))
    assert told(tensors, wide) == []
    tensors["model.layers.4.self_attn.q_proj.weight"] = tensors[name]
    assert {tensor for _, tensor, _ in told(tensors, wide)} == {
        f"model.layers.{block}.self_attn.q_proj.weight" for block in (3, 4, 8, 13)
    }


def test_a_first_block_that_is_as_wide_as_what_comes_in(told):
    tensors, config = models.llama(seed=1)
    for name in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"):
        name = f"model.layers.0.{name}.weight"
        tensors[name] = np.resize(tensors[name], (128, 80))
    tensors["model.layers.0.input_layernorm.weight"] = np.ones(80, np.float32)
    assert told(tensors, config | {"input_size": 80}) == []


def test_a_head_for_some_of_the_tokens(told):
    """Those of pictures, or all but the one that begins."""
    tensors, config = models.llama(seed=1)
    tensors["lm_head.weight"] = np.ascontiguousarray(tensors["lm_head.weight"][:400])
    assert told(tensors, config | {"vision_vocab_size": 400}) == []
    tensors["lm_head.weight"] = np.resize(tensors["lm_head.weight"], (511, 128))
    assert told(tensors, config | {"model_type": "imagegpt"}) == []


def test_a_width_that_is_stated_by_another_name(told):
    tensors, config = models.llama(seed=1)
    config["breadth"] = config.pop("hidden_size")
    assert [each for each in told(tensors, config) if "no such width" in each[2]] == []


def test_fewer_tokens_than_a_row_has_elements(told):
    tensors, config = models.llama(seed=1, vocab=65)
    assert told(tensors, config) == []
    del config["vocab_size"]
    assert told(tensors, config) == []


@pytest.mark.parametrize("tokens", [512, 511, 500, 449])
def test_vocabularies_that_are_rounded_up(told, tokens):
    tensors, config = models.llama(seed=1)
    assert told(tensors, config | {"vocab_size": tokens}) == []


def test_far_more_rows_than_tokens(told):
    tensors, config = models.llama(seed=1, vocab=4096)
    found = told(tensors, config | {"vocab_size": 1000})
    assert [(level, tensor) for level, tensor, _ in found] == [
        ("warning", "model.embed_tokens.weight"),
        ("warning", "lm_head.weight"),
    ]


@pytest.mark.parametrize("stated", [True, False])
def test_single_tensors_that_are_cut(told, stated):
    """The others of their name tell, and those of their block, with and without a configuration."""
    tensors, config = models.llama(seed=1)
    tensors[Q] = np.ascontiguousarray(tensors[Q][:100])
    tensors[DOWN] = np.ascontiguousarray(tensors[DOWN][:, :250])
    tensors[NORM] = tensors[NORM][:60]
    found = told(tensors, config if stated else None)
    assert {(level, tensor) for level, tensor, _ in found} == {
        ("fault", Q),
        ("fault", DOWN),
        ("fault", NORM),
    }
    messages = {tensor: message for _, tensor, message in found}
    assert messages[Q].startswith(f"{Q}: shape [100, 128]; others of its kind have [128, 128]")


def block_2(name):
    return f"model.layers.2.{name}.weight"


TRANSPOSED = [block_2(f"self_attn.{name}_proj") for name in "kv"]
TRANSPOSED += [block_2(f"mlp.{name}_proj") for name in ("gate", "up", "down")]


@pytest.mark.parametrize("name", TRANSPOSED)
@pytest.mark.parametrize("blocks", [3, 6])
@pytest.mark.parametrize("stated", [True, False])
def test_a_matrix_that_is_transposed_in_one_block(told, name, blocks, stated):
    tensors, config = models.llama(seed=1, blocks=blocks, **WIDE)
    rows, columns = tensors[name].shape
    tensors[name] = np.ascontiguousarray(tensors[name].T)
    usual = f"[{rows}, {columns}]"
    wanted = f"{name}: shape [{columns}, {rows}]; others of its kind have {usual}; "
    found = told(tensors, config if stated else None)
    assert found == [("fault", name, wanted + "its sides are exchanged")]


@pytest.mark.parametrize("name", ["model.embed_tokens.weight", "lm_head.weight"])
def test_an_embedding_that_is_transposed(told, name):
    tensors, config = models.llama(seed=1, **WIDE)
    tensors[name] = np.ascontiguousarray(tensors[name].T)
    wanted = f"{name}: shape [64, 250]; config.json says vocab_size = 250; its sides are exchanged"
    assert told(tensors, config) == [("fault", name, wanted)]


@pytest.mark.parametrize("stated", [True, False])
def test_two_matrices_that_are_exchanged_in_one_block(told, stated):
    tensors, config = models.llama(seed=1, **WIDE)
    up, down = block_2("mlp.up_proj"), block_2("mlp.down_proj")
    tensors[up], tensors[down] = tensors[down], tensors[up]
    found = told(tensors, config if stated else None)
    assert {each[:2] for each in found} == {("fault", up), ("fault", down)}


@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [
        ("mlp.up_proj", 64, 64),
        ("mlp.gate_proj", 64, 64),
        ("mlp.down_proj", 64, 64),
        ("self_attn.q_proj", 32, 64),
        ("self_attn.v_proj", 64, 64),
    ],
)
@pytest.mark.parametrize("stated", [True, False])
def test_a_matrix_of_another_size_than_those_that_it_works_with(told, name, rows, columns, stated):
    """The sizes are ones that the configuration states, of something else."""
    tensors, config = models.llama(seed=1, **WIDE)
    odd = models.trained(np.random.default_rng(0), rows, columns)
    tensors[block_2(name)] = odd.astype(models.BF16)
    ((level, tensor, message),) = told(tensors, config if stated else None)
    assert (level, tensor) == ("fault", block_2(name))
    assert "works with in its block" in message


def test_a_norm_of_another_size(told):
    tensors, config = models.llama(seed=1, **WIDE)
    tensors[NORM] = np.ones(176, models.BF16)
    ((level, tensor, message),) = told(tensors, config)
    assert (level, tensor) == ("fault", NORM)
    assert message.endswith("others of its kind have [64], the width of the model")


def test_a_norm_that_is_as_wide_as_nothing_in_its_block(told):
    """Without a configuration, one as wide as the network inside may be that network's."""
    tensors, _ = models.llama(seed=1, **WIDE)
    tensors[NORM] = np.ones(176, models.BF16)
    assert told(tensors, None) == []
    tensors[NORM] = np.ones(60, models.BF16)
    ((level, tensor, message),) = told(tensors, None)
    assert (level, tensor) == ("fault", NORM)
    assert message.endswith("and the rest of its block is as in the others")


# -- well


@pytest.mark.parametrize(("linear", "convolved"), [(2, 6), (6, 2)])
def test_an_encoder_of_other_layers_than_its_decoder(told, linear, convolved):
    """As a picture is read by Linear layers, and GPT-2 tells of it with Conv1D layers."""
    encoder, _ = models.llama(seed=1, blocks=linear, **WIDE)
    decoder, _ = models.gpt2(seed=1, blocks=convolved)
    tensors = {f"encoder.{name}": values for name, values in encoder.items() if "layers" in name}
    tensors |= {f"decoder.transformer.{name}": values for name, values in decoder.items()}
    assert told(tensors, None) == []


@pytest.mark.parametrize("make", [models.llama, models.gpt2])
def test_models_that_are_stored_the_other_way_round_throughout(told, make):
    tensors, config = make(seed=1)
    for name, value in tensors.items():
        if value.ndim == 2 and (".layers." in name or name.startswith("h.")):
            tensors[name] = np.ascontiguousarray(value.T)
    assert [each for each in told(tensors, config) if each[1]] == []


def test_blocks_that_differ_by_design(told):
    """One block in six with longer heads and a wider network, as its configuration may say."""
    tensors, config = models.llama(seed=1, **WIDE)
    rng = np.random.default_rng(0)
    for name, rows, columns in (
        ("self_attn.q_proj", 128, 64),
        ("self_attn.k_proj", 64, 64),
        ("self_attn.v_proj", 64, 64),
        ("self_attn.o_proj", 64, 128),
        ("mlp.gate_proj", 128, 64),
        ("mlp.up_proj", 128, 64),
        ("mlp.down_proj", 64, 128),
    ):
        tensors[block_2(name)] = models.trained(rng, rows, columns).astype(models.BF16)
    for block in range(6):
        size = 16 if block == 2 else 8
        for name in ("q_norm", "k_norm"):
            tensors[f"model.layers.{block}.self_attn.{name}.weight"] = np.ones(size, models.BF16)
    assert told(tensors, config | {"head_dim": 8, "global_head_dim": 16}) == []


def test_a_norm_over_heads_that_is_odd_alone(told):
    tensors, config = models.llama(seed=1, blocks=6)
    for block in range(6):
        for name in ("q_norm", "k_norm"):
            tensors[f"model.layers.{block}.self_attn.{name}.weight"] = np.ones(16, models.BF16)
    assert told(tensors, config) == []
    odd = "model.layers.3.self_attn.k_norm.weight"
    tensors[odd] = np.ones(12, models.BF16)
    usual = f"{odd}: shape [12]; others of its kind have [16], and "
    stated = usual + "config.json states no such size"
    assert told(tensors, config) == [("fault", odd, stated)]
    beside = usual + "the rest of its block is as in the others"
    assert told(tensors, {**config, "hidden_sizes": [1, 2]}) == [("fault", odd, beside)]


def test_experts_with_a_width_of_their_own(told):
    tensors, config = models.llama(seed=1, blocks=4, experts=4)
    config |= {"intermediate_size": 512, "moe_intermediate_size": 256}
    assert told(tensors, config) == []


def test_inner_widths_that_are_listed_block_by_block(told):
    tensors, config = models.llama(seed=1)
    widths = {"intermediate_size": [256] * 4 + [200, 256]}
    tensors[DOWN] = np.ascontiguousarray(tensors[DOWN][:, :200])
    assert [tensor for _, tensor, _ in told(tensors, config | widths)] == [DOWN]
    for name in (DOWN.replace("down", each) for each in ("gate", "up")):
        tensors[name] = np.ascontiguousarray(tensors[name][:200])
    assert told(tensors, config | widths) == []


def test_an_embedding_with_a_width_of_its_own(told):
    tensors, config = models.llama(seed=1)
    tensors["model.embed_tokens.weight"] = tensors["model.embed_tokens.weight"][:, :32].copy()
    assert told(tensors, config | {"embedding_size": 32}) == []


def test_an_embedding_of_a_width_that_nothing_states(told):
    tensors, config = models.llama(seed=1)
    tensors["model.embed_tokens.weight"] = tensors["model.embed_tokens.weight"][:, :33].copy()
    ((level, tensor, _),) = told(tensors, config)
    assert (level, tensor) == ("fault", "model.embed_tokens.weight")


def test_packed_codes_have_other_shapes(told):
    tensors, config = models.llama(seed=1)
    stem = Q.removesuffix("weight")
    del tensors[Q]
    tensors[f"{stem}qweight"] = np.ones((16, 128), np.int32)
    tensors[f"{stem}qzeros"] = np.ones((1, 16), np.int32)
    tensors[f"{stem}scales"] = np.ones((1, 128), np.float16)
    assert told(tensors, config) == []


def test_adapters_are_not_asked(write_checkpoint, tmp_path):
    rng = np.random.default_rng(0)
    stem = "base_model.model.model.layers.0.self_attn.q_proj.lora_{}.weight"
    tensors = {
        stem.format("A"): models.normal(rng, 8, 128).astype(np.float32),
        stem.format("B"): models.normal(rng, 96, 8).astype(np.float32),
    }
    folder = models.put(
        write_checkpoint,
        tmp_path / "m",
        tensors,
        models.llama(seed=1)[1],
        name="adapter_model.safetensors",
    )
    assert "shape-contradicts" not in {each.id for each in wg.fit(folder).findings}


def test_values_of_another_length_than_queries(told):
    """Heads of 24 queries and 16 values, as `v_head_dim` says."""
    tensors, config = models.llama(seed=1, blocks=3)
    rng = np.random.default_rng(0)
    for block in range(3):
        for name, rows in (("q", 192), ("k", 192), ("v", 128)):
            tensors[f"model.layers.{block}.self_attn.{name}_proj.weight"] = models.trained(
                rng, rows, 128
            ).astype(models.BF16)
    assert told(tensors, config | {"head_dim": 24, "v_head_dim": 16}) == []


def test_sizes_of_another_tower_are_no_contradiction(write_checkpoint, tmp_path):
    """A predictor without a name of its own, whose sizes the configuration does not tell."""
    tensors, config = models.llama(seed=1, blocks=4)
    both = {f"encoder.{name.removeprefix('model.')}": each for name, each in tensors.items()}
    small, _ = models.llama(seed=2, blocks=2, hidden=96)
    both |= {
        name.replace("model.layers.", "predictor.layer."): each
        for name, each in small.items()
        if ".layers." in name
    }
    config = config | {"architectures": ["FooModel"], "model_type": "foo"}
    path = models.put(write_checkpoint, tmp_path / "m", both, config)
    assert [each for each in wg.fit(path).findings if each.level == "fault"] == []


def test_a_model_may_have_none_of_some_tokens(write_checkpoint, tmp_path):
    tensors, config = models.llama(seed=1)
    tensors["embeddings.register_tokens"] = np.zeros((1, 0, 128), models.BF16)
    tensors["model.other.weight"] = np.zeros((0, 128), models.BF16)
    found = wg.fit(models.put(write_checkpoint, tmp_path / "m", tensors, config)).findings
    assert {(each.tensor, each.level) for each in found if each.id == "empty"} == {
        ("embeddings.register_tokens", "note"),
        ("model.other.weight", "fault"),
    }


@pytest.mark.parametrize("name", [Q, DOWN, "model.embed_tokens.weight"])
@pytest.mark.parametrize("shape", [(-1,), (128,), (1,), ()], ids=str)
@pytest.mark.parametrize("stated", [True, False])
def test_a_matrix_that_has_lost_a_side(told, name, shape, stated):
    tensors, config = models.llama(seed=1)
    flat = tensors[name].reshape(-1)
    tensors[name] = flat[: int(np.prod(shape))].reshape(shape) if shape != (-1,) else flat
    found = told(tensors, config if stated else None)
    assert [each[:2] for each in found] == [("fault", name)]
    assert str(list(tensors[name].shape)) in found[0][2]


def test_an_expert_that_has_lost_a_side(told):
    tensors, config = models.llama(seed=1, blocks=4, experts=4)
    name = next(name for name in tensors if "layers.2" in name and "experts.3" in name)
    tensors[name] = tensors[name].reshape(-1)
    ((level, tensor, _),) = told(tensors, config)
    assert (level, tensor) == ("fault", name)


def test_norms_behind_matrices_in_one_list_are_no_flat_matrices(told):
    tensors, config = models.llama(seed=1)
    rng = np.random.default_rng(3)
    for block in range(6):
        for place in range(4):
            matrix = models.normal(rng, 128, 128)
            name = f"model.layers.{block}.side.{place}.weight"
            tensors[name] = matrix[0] if place == 3 else matrix
    assert told(tensors, config) == []
