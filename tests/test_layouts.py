"""Fused tensors: every part has the fit of the matrix that it was made of, to the last bit."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import weightgauge as wg
from fused_ffn import expert_stack
from fused_models import FUSED
from fused_parts import DIM, EXPERTS, HEADS, HIDDEN, Draw, Model
from remarks import remarks

WITH_HEADS = [
    family for family in FUSED if any(head is not None for *_, head in FUSED[family]().pieces)
]
DTYPES = {"F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16}
# The same counts in the same order give the same bits.
NUMBERS = ("n", "zeros", "k", "k_se", "lam", "ln_lambda_se", "r2", "ks", "rms", "max", "status")


def key(item):
    return item.tensor, item.part, item.expert, item.head


def assert_same_fit(item, values):
    alone = wg.fit_weibull(np.ascontiguousarray(values))
    # repr() tells every float from every other, and NaN is NaN.
    assert {name: repr(getattr(item, name)) for name in NUMBERS} == {
        name: repr(getattr(alone, name)) for name in NUMBERS
    }


def assert_pieces(found, expected):
    """All pieces that are expected, no others, each with its kind, shape and numbers."""
    assert {key(item) for item in found} == expected.keys()
    for item in found:
        kind, values = expected[key(item)]
        assert (item.kind, item.shape) == (kind, values.shape), key(item)
        assert_same_fit(item, values)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FUSED)
def test_whole_and_parts(family, dtype, tmp_path):
    model = FUSED[family]()
    result = wg.fit(model.save(tmp_path / "model", DTYPES[dtype]))
    expected = {piece: made for piece, made in model.pieces.items() if piece[3] is None}
    fused = {piece[0] for piece in expected}
    assert fused
    parts = [item for item in result.slices if item.part is not None or item.expert is not None]
    assert_pieces(parts, expected)
    wholes = [item for item in result.slices if item not in parts]
    assert {item.tensor for item in wholes} == model.tensors.keys()
    for item in wholes:
        assert item.head is None and "not split" not in item.reason
        assert item.shape == model.tensors[item.tensor].shape
        assert_same_fit(item, model.tensors[item.tensor])
    assert remarks(result) == ()


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
@pytest.mark.parametrize("family", WITH_HEADS)
def test_heads_take_the_place_of_the_whole(family, dtype, tmp_path):
    model = FUSED[family]()
    expected = {piece: made for piece, made in model.pieces.items() if piece[3] is not None}
    result = wg.fit(model.save(tmp_path / "model", DTYPES[dtype]), per="head")
    expected = {piece: model.pieces[piece] for piece in expected}
    divided = {piece[0] for piece in expected}
    assert_pieces([item for item in result.slices if item.tensor in divided], expected)
    assert remarks(result) == ()


SEPARATE = {
    "q_proj": (24, 24),
    "k_proj": (8, 24),
    "v_proj": (8, 24),
    "o_proj": (24, 24),
}


def separate(config):
    """Grouped-query attention of six heads and two kv heads, each matrix a tensor of its own."""
    draw = Draw()
    model = Model(config=config)
    for name, shape in SEPARATE.items():
        model.tensors[f"model.layers.0.self_attn.{name}.weight"] = draw(*shape)
    model.tensors["model.layers.0.mlp.down_proj.weight"] = draw(24, 40)
    return model


def test_heads_of_separate_matrices(tmp_path):
    config = {"model_type": "llama", "num_attention_heads": 6, "num_key_value_heads": 2}
    model = separate(config)
    expected = {}
    for name, heads in (("q", 6), ("k", 2), ("v", 2), ("o", 6)):
        tensor = f"model.layers.0.self_attn.{name}_proj.weight"
        values = model.tensors[tensor]
        # Inputs of o are what the heads put out: head h feeds columns 4 h to 4 h + 3.
        pieces = np.split(values, heads, axis=1 if name == "o" else 0)
        expected |= {(tensor, None, None, h): (name, piece) for h, piece in enumerate(pieces)}
    result = wg.fit(model.save(tmp_path / "model"), per="head")
    assert_pieces(result.slices[:-1], expected)
    # Sorted by kind, then head; what has no heads stays whole.
    order = [(item.kind, item.head) for item in result.slices]
    heads = [("q", h) for h in range(6)] + [(kind, h) for kind in "kv" for h in range(2)]
    assert order == [*heads, *(("o", h) for h in range(6)), ("ffn_out", None)]
    assert {kind.kind: kind.slices for kind in result.kinds} == {
        **{"q": 6, "k": 2, "v": 2, "o": 6, "ffn_out": 1}
    }


@pytest.mark.parametrize("storage", ["rows", "columns", "interleaved"])
def test_per_expert_leaves_out_the_stack(storage, tmp_path):
    model = expert_stack(storage)
    path = model.save(tmp_path / "model")
    result = wg.fit(path, per="expert", exclude="*_bias")
    assert_pieces(result.slices, model.pieces)
    # The stack as a whole is no further member of the kind of its experts.
    for per in ("tensor", "expert"):
        counts = {kind.kind: kind.slices for kind in wg.fit(path, per=per).kinds}
        assert [counts[kind] for kind in ("gate", "up", "down")] == [EXPERTS] * 3


def test_experts_that_are_tensors_of_their_own_stay_as_they_are(tmp_path):
    draw = Draw()
    model = Model(config={"model_type": "mixtral", "num_local_experts": 2})
    for expert in range(2):
        for name in ("w1", "w2", "w3"):
            tensor = f"model.layers.0.block_sparse_moe.experts.{expert}.{name}.weight"
            model.tensors[tensor] = draw(24, 24)
    path = model.save(tmp_path / "model")
    whole, each = wg.fit(path), wg.fit(path, per="expert")
    assert [item.expert for item in each.slices] == [0, 1] * 3
    assert whole.slices == each.slices


def test_parts_count_in_the_summaries_of_their_kinds(tmp_path):
    model = FUSED["GPT-NeoX"]()
    result = wg.fit(model.save(tmp_path / "model"))
    assert [(kind.kind, kind.slices) for kind in result.kinds] == [
        *(("q", 1), ("k", 1), ("v", 1), ("qkv", 1))
    ]
    by_part = {item.part: item for item in result.slices}
    for kind in result.kinds:
        part = None if kind.kind == "qkv" else kind.kind
        assert kind.k_median == by_part[part].k


def test_a_mixed_matrix_is_no_member_of_the_kind_of_its_part(tmp_path):
    result = wg.fit(FUSED["Qwen3-Next"]().save(tmp_path / "model"))
    q = next(kind for kind in result.kinds if kind.kind == "q")
    part = next(item for item in result.slices if item.part == "q")
    assert (q.slices, q.k_median) == (1, part.k)


def test_patterns_choose_tensors_before_they_are_cut(tmp_path):
    path = expert_stack("rows").save(tmp_path / "model")
    result = wg.fit(path, include="*gate_up_proj")
    # The down projection tells the storage order though it is not fitted.
    assert {item.part for item in result.slices} == {None, "gate", "up"}


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("family", ["GPT-2", "gpt-oss", "Falcon 40B"])
def test_ways_of_reading_and_threads_do_not_matter(family, io, tmp_path):
    path = FUSED[family]().save(tmp_path / "model", ml_dtypes.bfloat16)
    expected = wg.fit(path, per="head", threads=1)
    assert repr(list(wg.fit(path, per="head", threads=3, io=io))) == repr(list(expected))


def test_progress_counts_what_is_read(tmp_path):
    path = FUSED["GPT-NeoX"]().save(tmp_path / "model")
    seen = []
    wg.fit(path, progress=lambda done, total: seen.append((done, total)))
    nbytes = 3 * HEADS * DIM * HIDDEN * 4
    # Once as a whole and once in parts.
    assert seen[-1] == (2 * nbytes, 2 * nbytes)


def test_an_unknown_way_to_cut_is_refused(tmp_path):
    path = separate(None).save(tmp_path / "model")
    with pytest.raises(ValueError, match="per must be one of 'tensor', 'head', 'expert'"):
        wg.fit(path, per="block")


@pytest.mark.parametrize(
    ("length", "expected"), [(2, {16: 2, 32: 2, 64: 2}), ([2, 4, 8], {16: 2, 32: 4, 64: 8})]
)
def test_heads_of_stages_of_different_width(length, expected, tmp_path):
    rng = np.random.default_rng(11)
    path = "down_blocks.{}.attentions.0.transformer_blocks.0.attn1.to_{}.weight"
    tensors = {
        path.format(stage, kind): rng.standard_normal((width, width))
        for stage, width in enumerate(expected)
        for kind in ("q", "k", "v", "out.0")
    }
    config = {"attention_head_dim": length, "down_block_types": ["CrossAttnDownBlock2D"]}
    found = wg.fit(Model(tensors, config).save(tmp_path / "model"), per="head")
    cut = [item for item in found.slices if item.head is not None]
    for name, values in tensors.items():
        heads = expected[values.shape[0]]
        each = np.split(values.astype(np.float32), heads, axis=1 if "out" in name else 0)
        parts = [item for item in cut if item.tensor == name]
        assert [item.head for item in parts] == list(range(heads))
        for item, part in zip(parts, each, strict=True):
            assert_same_fit(item, part)
