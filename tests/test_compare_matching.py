"""Which slices of two models `compare` takes for pairs, and what it says of the others."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import weightgauge as wg
from compared import DOWN, EMBED, UP, Q, normal, run


def neox(prefix, fused, heads):
    config = {"model_type": "gpt_neox", "num_attention_heads": heads, "hidden_size": fused.shape[1]}
    return {f"{prefix}.layers.0.attention.query_key_value.weight": fused}, config


def test_parts_of_a_fused_tensor_meet_separate_ones(made):
    heads, dim = 4, 24
    parts = {part: normal((heads * dim, heads * dim), i) for i, part in enumerate("qkv")}
    fused = np.stack([parts[p].reshape(heads, dim, -1) for p in "qkv"], axis=1)
    tensors, config = neox("gpt_neox", fused.reshape(3 * heads * dim, -1), heads)
    separate = {
        f"model.layers.0.self_attn.{part}_proj.weight": array for part, array in parts.items()
    }
    found = wg.compare(made("a", tensors, config), made("b", separate))
    assert [(pair.kind, pair.part) for pair in sorted(found.pairs, key=lambda pair: pair.kind)] == [
        ("k", "k"),
        ("q", "q"),
        ("v", "v"),
    ]
    for pair in found.pairs:
        assert pair.tensor_b == f"model.layers.0.self_attn.{pair.kind}_proj.weight"
        assert (pair.dk, pair.ks) == (0.0, 0.0)
        assert math.isnan(pair.changed) and "different layouts" in pair.note
    assert found.only_a == found.only_b == ()


def test_names_with_another_prefix_meet(made):
    weights = {DOWN.format(i): normal((64, 64), i) for i in range(12)}
    short = {name.removeprefix("model."): array for name, array in weights.items()}
    found = wg.compare(made("a", weights), made("b", short))
    assert len(found.pairs) == 12
    assert all(pair.tensor_b == pair.tensor.removeprefix("model.") for pair in found.pairs)


def test_what_has_no_counterpart(made):
    a = made(
        "a",
        {Q.format(0): normal((64, 64)), "a.extra": normal((8, 8)), Q.format(1): normal((64, 64))},
    )
    b = made("b", {Q.format(0): normal((64, 64)), "b.extra": normal((8, 8))})
    found = wg.compare(a, b)
    assert [pair.tensor for pair in found.pairs] == [Q.format(0)]
    assert found.only_a == (Q.format(1), "a.extra") and found.only_b == ("b.extra",)


def test_different_architectures_are_told(made):
    a, b = made("a", {"x.weight": normal((8, 8))}), made("b", {"y.weight": normal((8, 8))})
    found = wg.compare(a, b)
    assert found.pairs == () and "no slice of a has a counterpart" in found.warnings[-1]
    assert found.to_dict()["warnings"] == list(found.warnings)
    result = run("compare", a, b)
    assert result.exit_code == 0 and "warning: no slice of a" in result.stderr


def test_shapes_that_differ_are_compared_by_distribution(made):
    a, b = made("a", {Q.format(0): normal((64, 64))}), made("b", {Q.format(0): normal((64, 65), 1)})
    (pair,) = wg.compare(a, b).pairs
    assert math.isnan(pair.changed) and "shapes (64, 64) and (64, 65)" in pair.note
    assert abs(pair.z) < 4


def test_rows_that_both_have_are_compared(made):
    longer = normal((71, 64))
    other = longer.copy()
    other[3, 5] += 1
    a, b = made("a", {EMBED: longer}), made("b", {EMBED: other[:64]})
    (pair,) = wg.compare(a, b).pairs
    assert pair.rows == 64 and pair.changed == 1 / (64 * 64)
    assert pair.note == "the first 64 rows are compared; 7 rows only in a"
    assert "1 pair: the first 64 rows are compared; 7 rows only in a" in run("compare", a, b).stdout
    (same,) = wg.compare(made("c", {EMBED: longer}), made("d", {EMBED: longer[:64]})).pairs
    assert same.changed == 0 and same.difference_rms == 0


@pytest.mark.parametrize(
    "wrapped",
    [
        "_orig_mod.{}",
        "module.{}",
        "module._orig_mod.{}",
        "transformer.{}",
        "base_model.model.{}",
        "_fsdp_wrapped_module.{}",
    ],
)
def test_wrappers_and_the_top_of_a_model_hide_no_pair(made, wrapped):
    names = [Q.format(0), DOWN.format(0), "model.layers.0.input_layernorm.weight"]
    tensors = {
        name: normal((64, 64) if "norm" not in name else (64,), i) for i, name in enumerate(names)
    }
    bare = {name.removeprefix("model."): value for name, value in tensors.items()}
    plain, other = made("a", tensors), made("b", {wrapped.format(k): v for k, v in bare.items()})
    for a, b in ((plain, other), (other, plain)):
        found = wg.compare(a, b)
        assert [pair.changed for pair in found.pairs] == [0.0] * 3
        assert (found.only_a, found.only_b) == ((), ())


def test_names_that_would_be_the_same_without_their_top_stay_apart(made):
    a = made(
        "a", {"model.layers.0.mlp.up_proj.weight": normal((64, 64)), "x.weight": normal((4, 4))}
    )
    b = made(
        "b",
        {
            "model.layers.0.mlp.up_proj.weight": normal((64, 64)),
            "transformer.layers.0.mlp.up_proj.weight": normal((64, 64), 1),
        },
    )
    found = wg.compare(a, b)
    assert [(pair.tensor, pair.tensor_b) for pair in found.pairs] == [(UP, UP)]


def test_elements_that_became_nan_have_no_difference(made):
    broken = normal((64, 64))
    broken[:10] = np.nan
    a, b = made("a", {Q.format(0): normal((64, 64))}), made("b", {Q.format(0): broken})
    found = wg.compare(a, b)
    (pair,) = found.pairs
    assert (pair.nonfinite_a, pair.nonfinite_b) == (0, 640)
    row = pair.to_dict()
    assert row["difference_rms"] is None and row["moved"] is None and row["difference_k"] is None
    assert row["changed"] == 640 / 4096
    (fault,) = found.findings
    assert (fault.id, fault.level, fault.model) == ("non-finite", "fault", "b")
    page = run("compare", a, b).stdout
    assert "fault  non-finite  b: " in page and "640 elements became NaN or infinite" in page


def test_equal_models_are_called_identical_and_fill_no_table(made):
    tensors = {DOWN.format(i): normal((64, 64), i) for i in range(3)}
    found = wg.compare(made("a", tensors), made("b", tensors))
    (note,) = found.findings
    assert note.id == "identical" and note.message == "IDENTICAL: all 3 tensors have equal values"
    page = run("compare", made("c", tensors), made("d", tensors)).stdout
    assert "IDENTICAL: all 3 tensors" in page and "What moved most" not in page


def test_integers_beside_equal_weights_do_not_hide_that_they_are_equal(made):
    tensors = {DOWN.format(0): normal((64, 64)), "position_ids": ("I64", np.arange(8))}
    a, b = made("a", tensors), made("b", tensors)
    (note,) = wg.compare(a, b).findings
    assert note.message == "IDENTICAL: the one tensor that was compared has equal values"
    assert "Medians by kind" not in run("compare", a, b).stdout


def test_the_same_values_in_another_order_are_told(made):
    square, tall = normal((64, 64)), normal((96, 64), 1)
    a = made("a", {Q.format(0): square, DOWN.format(0): tall, DOWN.format(1): tall})
    b = made("b", {Q.format(0): square[::-1].copy(), DOWN.format(0): tall.T.copy(),
                   DOWN.format(1): tall})  # fmt: skip
    found = [each for each in wg.compare(a, b).findings if each.id == "reordered"]
    assert {each.tensor for each in found} == {Q.format(0), DOWN.format(0)}
    assert {each.level for each in found} == {"warning"}


@pytest.mark.parametrize("changed", [1, 2, 300])
@pytest.mark.parametrize("bits", [1, 4])
def test_bits_that_counts_in_bins_do_not_show_are_no_other_order(made, changed, bits):
    """A large F32 matrix is counted in bins, which a low bit seldom leaves."""
    before = normal((768, 768)).astype(np.float32)
    after = before.copy()
    after.view(np.uint32).flat[1000 : 1000 + changed] ^= bits
    ids = {x.id for x in wg.compare(made("a", {DOWN.format(0): before}),
                                    made("b", {DOWN.format(0): after})).findings}  # fmt: skip
    assert "reordered" not in ids and "identical" not in ids


def test_another_order_of_a_large_matrix_is_told(made):
    before = normal((768, 768)).astype(np.float32)
    a, b = made("a", {DOWN.format(0): before}), made("b", {DOWN.format(0): before[::-1].copy()})
    assert [x.id for x in wg.compare(a, b).findings if x.level != "note"] == ["reordered"]


def test_an_update_is_not_taken_for_the_weight(made):
    prefix = "base_model.model.model.layers.0.self_attn.q_proj"
    adapter = made(
        "a",
        {f"{prefix}.lora_A.weight": normal((4, 64)), f"{prefix}.lora_B.weight": normal((64, 4))},
    )
    found = wg.compare(adapter, made("b", {Q.format(0): normal((64, 64))}))
    assert found.pairs == ()


def test_tensors_without_numbers(made):
    a = made(
        "a", {Q.format(0): np.zeros((20, 20)), "ids": ("I64", np.arange(5)), "s": normal((3,))}
    )
    b = made("b", {Q.format(0): normal((20, 20)), "ids": ("I64", np.arange(5)), "s": normal((3,))})
    pairs = {pair.tensor: pair for pair in wg.compare(a, b).pairs}
    assert math.isnan(pairs[Q.format(0)].z) and pairs[Q.format(0)].changed == 1.0
    assert pairs[Q.format(0)].ks == 1.0
    assert "no fit of a: all 400 elements are zero" in pairs[Q.format(0)].note
    assert "no floating-point weights" in pairs["ids"].note
    json.dumps([pair.to_dict() for pair in pairs.values()], allow_nan=False)
