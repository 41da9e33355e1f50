"""`weightgauge.fit` on small checkpoints: selection, order, summaries, statuses, exports."""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
import sys

import numpy as np
import pytest

import weightgauge as wg
from made_fits import NAN, made_fit, made_slice
from weightgauge.errors import (
    MissingExtraError,
    ModelNotFoundError,
    NothingSelectedError,
    WeightgaugeError,
)

SLICE_FIELDS = [
    *("tensor", "part", "kind", "block", "tower", "expert", "head", "dtype", "shape"),
    *("n", "zeros", "nonfinite", "status", "reason", "decoded"),
    *("k", "k_se", "lambda", "ln_lambda_se", "r2", "ks", "rms", "max"),
    *("negatives", "zero_blocks", "levels", "at_max", "second", "lowest", "digest"),
    *("k_se_matrix", "ln_lambda_se_matrix", "errors_from", "fresh_z"),
    *("spread", "zero_rows", "zero_columns", "unused_rows", "k_without_unused", "far_out"),
    *("row_levels", "large_rows", "large_columns"),
]
TABLE_FIELDS = [
    each
    for name in SLICE_FIELDS
    for each in (["spread_rows", "spread_columns", "spread_core"] if name == "spread" else [name])
]
KIND_FIELDS = [
    *("kind", "slices", "judged", "withheld"),
    *("k_median", "k_min", "k_max", "lambda_median", "r2_median"),
]
DOCUMENT_FIELDS = [
    *("schema_version", "weightgauge", "model", "protocol", "trim", "zero_handling", "exact"),
    *("architecture", "verdict", "findings", "slices", "kinds"),
]


def normal(shape, seed=0):
    values = np.random.default_rng(seed).normal(0.0, 0.02, shape).astype("<f4")
    return "F32", shape, values.tobytes()


def names(result):
    return [item.tensor for item in result.slices]


@pytest.fixture
def checkpoint(tmp_path, write_checkpoint):
    def write(tensors):
        return write_checkpoint(tmp_path / "model.safetensors", tensors)

    return write


@pytest.fixture
def llama(checkpoint):
    tensors = {"lm_head.weight": normal((40, 32), 1), "model.norm.weight": normal((32,), 2)}
    for block in (10, 2):
        prefix = f"model.layers.{block}"
        tensors |= {
            f"{prefix}.mlp.up_proj.weight": normal((48, 32), 3 + block),
            f"{prefix}.mlp.gate_proj.weight": normal((48, 32), 4 + block),
            f"{prefix}.self_attn.q_proj.weight": normal((32, 32), 5 + block),
        }
    tensors["model.embed_tokens.weight"] = normal((40, 32), 99)
    return checkpoint(tensors)


def test_order_is_embeddings_then_blocks_by_number_then_the_rest(llama):
    assert names(wg.fit(llama)) == [
        "model.embed_tokens.weight",
        "model.layers.2.self_attn.q_proj.weight",
        "model.layers.2.mlp.gate_proj.weight",
        "model.layers.2.mlp.up_proj.weight",
        "model.layers.10.self_attn.q_proj.weight",
        "model.layers.10.mlp.gate_proj.weight",
        "model.layers.10.mlp.up_proj.weight",
        "lm_head.weight",
        "model.norm.weight",
    ]


def test_order_of_towers_and_experts(checkpoint):
    ordered = [
        "shared.weight",
        "encoder.block.0.layer.0.SelfAttention.q.weight",
        "encoder.block.1.layer.0.SelfAttention.q.weight",
        "decoder.block.0.layer.0.SelfAttention.q.weight",
        "decoder.block.0.layer.2.mlp.experts.expert_2.wi.weight",
        "decoder.block.0.layer.2.mlp.experts.expert_10.wi.weight",
    ]
    path = checkpoint({name: normal((8, 8), i) for i, name in enumerate(reversed(ordered))})
    result = wg.fit(path)
    assert names(result) == ordered
    assert [item.expert for item in result.slices[-2:]] == [2, 10]
    assert {item.tower for item in result.slices} == {None, "encoder", "decoder"}


def test_numbers_are_those_of_the_array(llama, checkpoint):
    result = wg.fit(llama)
    values = np.frombuffer(normal((40, 32), 99)[2], "<f4")
    alone = wg.fit_weibull(values)
    item = result.slices[0]
    for field in ("k", "k_se", "lam", "ln_lambda_se", "r2", "ks", "rms", "max", "n", "zeros"):
        # The same counts in the same order give the same bits.
        assert getattr(item, field) == getattr(alone, field), field
    assert (item.dtype, item.shape, item.status, item.reason) == ("F32", (40, 32), "ok", "")


def test_summaries_are_medians_over_slices(llama):
    result = wg.fit(llama)
    assert [kind.kind for kind in result.kinds] == ["embed", "q", "gate", "up", "head", "norm"]
    for kind in result.kinds:
        members = [item for item in result.slices if item.kind == kind.kind]
        ks = [item.k for item in members]
        assert kind.slices == len(members)
        assert (kind.k_median, kind.k_min, kind.k_max) == (statistics.median(ks), min(ks), max(ks))
        assert kind.lambda_median == statistics.median(item.lam for item in members)
        assert kind.r2_median == statistics.median(item.r2 for item in members)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 17, 1000])
def test_medians_of_any_number_of_slices(size):
    rng = np.random.default_rng(size)
    ks, lams = rng.normal(1.2, 0.1, size).tolist(), np.exp2(rng.normal(0, 200, size)).tolist()
    r2 = [0.5, NAN] * size  # of the first ones, where there are more
    rows = [
        made_slice(f"{row}.q.weight", "q", row, k=ks[row], lam=lams[row], r2=r2[row])
        for row in range(size)
    ]
    (kind,) = made_fit(*rows).kinds
    assert (kind.k_median, kind.lambda_median) == (statistics.median(ks), statistics.median(lams))
    assert kind.r2_median == 0.5 if size == 1 else math.isnan(kind.r2_median)


def test_slices_without_numbers_stay_out_of_the_medians(checkpoint):
    path = checkpoint(
        {
            "h.0.attn.q_proj.weight": normal((16, 16), 1),
            "h.1.attn.q_proj.weight": ("F32", (16, 16), bytes(1024)),
            "h.0.attn.k_proj.weight": ("F32", (16, 16), bytes(1024)),
        }
    )
    result = wg.fit(path)
    q, k = result.kinds
    assert q.slices == 2
    assert q.k_median == q.k_min == q.k_max == result.slices[0].k
    assert k.slices == 1
    numbers = dataclasses.astuple(k)[4:]
    assert all(math.isnan(number) for number in numbers)
    assert k.to_dict() == {"kind": "k", "slices": 1, "judged": 0, **dict.fromkeys(KIND_FIELDS[3:])}


def test_statuses(checkpoint):
    path = checkpoint(
        {
            "a.weight": ("I64", (4,), bytes(32)),
            "b.weight": ("C64", (4,), bytes(32)),
            "c.weight": ("F32", (0, 4), b""),
            "d.weight": ("F32", (3,), np.float32([1, 2, 3]).tobytes()),
            "e.weight": ("F32", (20,), np.ones(20, "<f4").tobytes()),
            "f.weight": ("F32", (2, 20), np.float32([0] * 20 + list(range(1, 21))).tobytes()),
            "g.weight": ("F6_E2M3", (4,), bytes(3)),
        }
    )
    found = {item.tensor[0]: item for item in wg.fit(path).slices}
    assert {name: item.status for name, item in found.items()} == {
        "a": "not_applicable",
        "b": "unsupported_dtype",
        "c": "empty",
        "d": "too_few",
        "e": "degenerate",
        "f": "sparse",
        "g": "unsupported_dtype",
    }
    for item in found.values():
        assert item.fitted == (item.status == "sparse")
        assert item.reason
        assert (item.to_dict()["k"] is None) == math.isnan(item.k) == (not item.fitted)


def test_include_and_exclude(llama):
    only = wg.fit(llama, include="*_proj.weight", exclude=["*.10.*", "*q_proj*"])
    assert names(only) == [
        "model.layers.2.mlp.gate_proj.weight",
        "model.layers.2.mlp.up_proj.weight",
    ]
    assert only.warnings == ()
    assert len(wg.fit(llama, include=()).slices) == 9


def test_kinds_do_not_change_with_the_choice(llama):
    # Without its gate beside it, up_proj would be taken for the input projection of a GELU FFN.
    (kind,) = wg.fit(llama, include="*up_proj*").kinds
    assert kind.kind == "up"


def test_pattern_without_a_match_is_a_warning(llama):
    result = wg.fit(llama, include=["lm_head.*", "LM_HEAD.*"], exclude="no\x1bsuch")
    assert names(result) == ["lm_head.weight"]
    assert len(result.warnings) == 2
    assert "'LM_HEAD.*'" in result.warnings[0]
    assert "\x1b" not in result.warnings[1]


@pytest.mark.parametrize("options", [{"include": "x.*"}, {"exclude": "*"}])
def test_nothing_left(llama, options):
    with pytest.raises(NothingSelectedError, match="none of the 9 tensors") as caught:
        wg.fit(llama, **options)
    assert isinstance(caught.value, WeightgaugeError)
    assert isinstance(caught.value, ValueError)
    assert next(iter(options.values())) in str(caught.value)


def test_pattern_of_another_type(llama):
    with pytest.raises(TypeError, match="include=3"):
        wg.fit(llama, include=[3])


def test_checkpoint_without_tensors(checkpoint):
    result = wg.fit(checkpoint({}), include="*")
    assert (result.slices, result.kinds) == ((), ())
    assert "no tensors" in result.findings[0].message


@pytest.mark.parametrize(
    "option", [{"trim": "mid_70"}, {"protocol": "best"}, {"io": "tape"}, {"threads": 0}]
)
def test_bad_option_is_told_before_anything_is_opened(option):
    (name,) = option
    with pytest.raises(ValueError, match=name) as caught:
        wg.fit("no/such/model/at-all", **option)
    assert not isinstance(caught.value, ModelNotFoundError)


E4M3 = bytes(range(1, 120)) * 4


@pytest.mark.parametrize(
    ("weight", "scale"),
    [
        ("h.0.attn.q_proj.weight", "h.0.attn.q_proj.weight_scale_inv"),
        ("h.0.attn.q_proj.weight", "h.0.attn.q_proj.weight_scale"),
        ("h.0.attn.q_proj.weight", "h.0.attn.q_proj.scale"),
        ("h.0.mlp.experts.down_proj", "h.0.mlp.experts.down_proj_scale"),
    ],
)
def test_scale_beside_8_bit_codes(checkpoint, weight, scale):
    path = checkpoint({weight: ("F8_E4M3", (4, 119), E4M3), scale: normal((1, 1))})
    result = wg.fit(path, include=weight)
    (item,) = result.slices
    assert item.status == "ok"
    assert item.decoded == f"F8_E4M3 x {scale.rpartition('.')[2]} per tensor"
    assert result.kinds[0].k_median == item.k > 0


def test_scales_that_are_none_of_a_weight(checkpoint):
    path = checkpoint(
        {
            "h.0.attn.q_proj.weight": ("F8_E4M3", (4, 119), E4M3),
            "h.0.attn.q_proj.input_scale": normal((1,)),
            "h.0.attn.k_proj.weight": normal((8, 8)),
            "h.0.attn.k_proj.weight_scale": normal((1,)),
            "h.0.attn.v_proj.weight": ("F8_E4M3", (20,), bytes(20)),
            "h.0.attn.v_proj.weight_scale": normal((1,)),
        }
    )
    found = {item.kind: item.status for item in wg.fit(path, include="*.weight").slices}
    assert found == {"q": "ok", "k": "ok", "other": "empty"}


def test_reasons_of_scale_and_zeros_are_both_told(checkpoint):
    path = checkpoint(
        {
            "h.0.attn.q_proj.weight": ("F8_E4M3", (2, 476), E4M3 + bytes(476)),
            "h.0.attn.q_proj.weight_scale": normal((3, 1)),
        }
    )
    (item,) = wg.fit(path, include="*.weight").slices
    assert item.status == "scale_not_applied"
    assert "scale" in item.reason
    assert "zero" in item.reason


def test_document(llama):
    result = wg.fit(llama, protocol="paper", trim="mid_90")
    document = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert list(document) == DOCUMENT_FIELDS
    assert document["schema_version"] == 1
    assert document["weightgauge"] == wg.__version__
    assert document["model"] == str(llama)
    assert (document["protocol"], document["trim"], document["exact"]) == ("paper", "mid_90", False)
    assert all(list(row) == SLICE_FIELDS for row in document["slices"])
    assert all(list(row) == KIND_FIELDS for row in document["kinds"])
    assert document["slices"] == result.to_dicts()
    first = document["slices"][0]
    assert first["shape"] == [40, 32]
    assert first["lambda"] == result.slices[0].lam
    assert first["reason"] is None
    assert first["part"] is first["head"] is first["expert"] is first["block"] is None


def test_numbers_that_json_does_not_have_are_null():
    row = made_slice("t", "q", 0, k=NAN, max=math.inf).to_dict()
    assert row["k"] is None
    assert row["max"] is None


def test_where_the_spread_comes_from_is_three_numbers(llama):
    known = wg.fit(llama).slices[0]
    row = known.to_dict()
    assert row["spread"] == known.spread.to_dict() == known.spread._asdict()
    assert list(row["spread"]) == ["rows", "columns", "core"]
    assert row["spread"]["core"] > 0
    unknown = made_slice("t", "q", 0).to_dict()
    assert unknown["spread"] is None
    assert unknown["fresh_z"] is unknown["zero_rows"] is unknown["zero_columns"] is None
    assert made_slice("t", "q", 0, status="empty").to_dict()["errors_from"] is None


def test_pandas(llama):
    pd = pytest.importorskip("pandas")
    frame = wg.fit(llama).to_pandas()
    assert list(frame.columns) == TABLE_FIELDS
    assert len(frame) == 9
    assert frame["block"].dtype == "Int64"
    assert frame.loc[0, "block"] is pd.NA
    assert frame.loc[1, "block"] == 2
    assert frame["k"].dtype == frame["spread_core"].dtype == "float64"
    empty = made_fit().to_pandas()
    assert list(empty.columns) == TABLE_FIELDS
    assert len(empty) == 0


def test_kinds_are_a_table(llama):
    pd = pytest.importorskip("pandas")
    result = wg.fit(llama)
    assert result.kinds.to_dicts() == result.to_dict()["kinds"]
    frame = result.kinds.to_pandas()
    assert list(frame.columns) == KIND_FIELDS
    assert frame.loc[frame["kind"] == "q", "slices"].item() == 2
    assert (frame["slices"].dtype, frame["k_median"].dtype) == ("int64", "float64")
    assert isinstance(frame, pd.DataFrame)
    none = made_fit().kinds.to_pandas()
    assert list(none.columns) == KIND_FIELDS
    assert len(none) == 0


def test_a_fit_is_a_collection_of_slices(llama):
    result = wg.fit(llama)
    assert len(result) == 9
    assert list(result) == list(result.slices)
    assert result.slices[3] in result
    assert made_slice("elsewhere", "q", 0) not in result


def test_a_kind_by_its_name(llama):
    result = wg.fit(llama)
    assert result["q"].slices == 2
    assert result["q"] in result.kinds
    assert "q" in result and "v" not in result
    with pytest.raises(KeyError, match="there are: embed, q, gate, up, head, norm"):
        result["v"]
    with pytest.raises(KeyError, match="none"):
        made_fit()["q"]


def test_select(llama):
    result = wg.fit(llama)
    assert [item.block for item in result.select(kind="q")] == [2, 10]
    assert names(result) == [item.tensor for item in result.select()]
    chosen = result.select(kind=("q", "up"), block=range(3))
    assert [(item.kind, item.block) for item in chosen] == [("q", 2), ("up", 2)]
    assert result.select(kind="q", block=3) == ()
    assert [row["block"] for row in result.select(kind="q").to_dicts()] == [2, 10]
    towers = made_fit(made_slice("a", "q", 0, tower="vision"), made_slice("b", "q", 0, expert=1))
    assert [item.tensor for item in towers.select(tower="vision")] == ["a"]
    assert [item.tensor for item in towers.select(expert=1)] == ["b"]
    assert towers.select(head=0) == ()


def test_wholes_pieces_and_what_counts():
    whole = made_slice("h.0.mlp.experts.up", "ffn_in", 0)
    experts = [made_slice("h.0.mlp.experts.up", "ffn_in", 0, expert=i) for i in range(2)]
    fused = made_slice("h.0.qkv", "other", 0)
    parts = [made_slice("h.0.qkv", part, 0, part=part) for part in ("q", "k", "v")]
    product = made_slice("h.0.k", "k", 0, part="ba", decoded="B A with r = 8")
    alone = made_slice("h.0.o", "o", 0, part="ba", decoded="B A with r = 8")
    norm = made_slice("h.0.norm", "norm", 0)
    result = made_fit(whole, *experts, fused, *parts, product, alone, norm)
    assert dict(result.wholes) == {"h.0.mlp.experts.up": whole, "h.0.qkv": fused}
    # The whole of q, k and v is of no kind of its pieces, so it counts beside them.
    assert result.pieces == (*experts, fused, *parts, product, alone, norm)
    assert result.counted == (*experts, fused, *parts, alone, norm)
    assert result.matrices == (*experts, *parts, alone)
    assert result.matrices is result.matrices


def test_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"weightgauge\[pandas\]"):
        made_fit().to_pandas()


def test_results_are_frozen(llama):
    result = wg.fit(llama)
    for record, field in [(result, "trim"), (result.slices[0], "k"), (result.kinds[0], "kind")]:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, field, "x")


def test_reprs_are_short_and_inert():
    item = made_slice("\x1b[31m" * 1000, "q", 0)
    assert "\x1b" not in repr(item)
    assert len(repr(item)) < 400
    assert "k=1.2000±0.0213" in repr(item)
    assert "degenerate" in repr(made_slice("t", "q", 0, status="degenerate", reason="r"))
    shown = repr(made_fit(item, made_slice("t", "norm"), model="a\nb"))
    assert "2 of 2 slices" in shown
    assert "q 1.200" in shown
    assert "norm" not in shown
    assert "\n" not in shown
    assert repr(made_fit(item, item).kinds) == "<Table of 1 KindSummary>"


def test_progress_and_threads_do_not_change_results(llama):
    calls = []
    first = wg.fit(llama, progress=lambda done, total: calls.append((done, total)), threads=1)
    assert first == wg.fit(llama, threads=2, io="pread")
    done, total = calls[-1]
    assert done == total > 0


def test_minilm(minilm):
    result = wg.fit(minilm)
    kinds = {kind.kind: kind.slices for kind in result.kinds}
    assert {k: kinds[k] for k in ("q", "k", "v", "o", "ffn_in", "ffn_out")} == dict.fromkeys(
        ("q", "k", "v", "o", "ffn_in", "ffn_out"), 6
    )
    assert kinds["embed"] == 3
    assert [item.block for item in result.slices if item.kind == "q"] == [0, 1, 2, 3, 4, 5]
    (ids,) = (item for item in result.slices if item.tensor == "embeddings.position_ids")
    assert (ids.kind, ids.status) == ("other", "not_applicable")
