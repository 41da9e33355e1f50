"""`compare` on pairs of models whose differences are known."""

from __future__ import annotations

import json
import math
import re

import ml_dtypes
import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

import oracle
import weightgauge as wg
from oracle_matrix import layout_variance
from samples import FORMATS
from weightgauge import demo
from weightgauge.cli import main

Q = "model.layers.{}.self_attn.q_proj.weight"
DOWN = "model.layers.{}.mlp.down_proj.weight"
UP = "model.layers.0.mlp.up_proj.weight"
EMBED = "model.embed_tokens.weight"


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)), prog_name="weightgauge")


def normal(shape, seed=0, scale=0.02):
    return np.random.default_rng(seed).normal(0.0, scale, shape)


@pytest.fixture
def made(tmp_path, write_checkpoint):
    """Write a model of these arrays, or of (spelling, array); return its directory."""

    def make(name, tensors, config=None):
        directory = tmp_path / name
        directory.mkdir()
        rows = {}
        for tensor, value in tensors.items():
            spelling, array = value if isinstance(value, tuple) else ("F32", value)
            array = np.asarray(array).astype(FORMATS.get(spelling, np.int64))
            rows[tensor] = (spelling, array.shape, array.tobytes())
        write_checkpoint(directory / "model.safetensors", rows)
        if config is not None:
            (directory / "config.json").write_text(json.dumps(config))
        return directory

    return make


def by_tensor(found):
    return {(pair.tensor, pair.part): pair for pair in found.pairs}


# -- pairs


def paired_errors(before, after):
    """Errors of the changes of k and ln lambda, from what each element does to either, all seen."""
    fitted = [oracle.influences(oracle.magnitudes(values)) for values in (before, after)]
    n = int(fitted[1].counts.sum())
    errors = []
    for old, new, of_k in zip(
        fitted[0].of(before), fitted[1].of(after), (True, False), strict=True
    ):
        change = new - old
        variance = layout_variance(change, change.shape, n).variance(of_k=of_k)
        errors.append(math.sqrt(max(variance, (change**2).sum() / n**2)))
    return errors


@pytest.mark.parametrize("spelling", ["BF16", "F16", "F32", "F64"])
@pytest.mark.parametrize("shape", [(64, 64), (400, 400)])
def test_numbers_of_a_pair(made, spelling, shape):
    base = normal(shape).astype(FORMATS[spelling])
    tuned = base.astype(np.float64).copy()
    tuned[: shape[0] // 4] += normal((shape[0] // 4, shape[1]), 1, 0.01)
    tuned = tuned.astype(FORMATS[spelling])
    a, b = made("a", {Q.format(0): (spelling, base)}), made("b", {Q.format(0): (spelling, tuned)})
    (pair,) = wg.compare(a, b, errors="full").pairs
    fit_a, fit_b = wg.fit(a).slices[0], wg.fit(b).slices[0]
    assert (pair.k_a, pair.k_b, pair.lambda_a, pair.lambda_b) == (
        *(fit_a.k, fit_b.k),
        *(fit_a.lam, fit_b.lam),
    )
    assert pair.dk == fit_b.k - fit_a.k
    # From bins influences are known along straight lines between the means of bins.
    assert (pair.dk_se, pair.dln_lambda_se) == pytest.approx(paired_errors(base, tuned), rel=1e-4)
    assert pair.errors_from == "paired: all rows and columns"
    assert pair.z == pytest.approx(pair.dk / pair.dk_se)
    assert pair.dln_lambda == pytest.approx(math.log(fit_b.lam / fit_a.lam), abs=1e-14)
    assert pair.dln_lambda_z == pytest.approx(pair.dln_lambda / pair.dln_lambda_se)
    w_a, w_b = base.astype(np.float64), tuned.astype(np.float64)
    assert pair.changed == np.mean(w_a != w_b)
    assert pair.ks == pytest.approx(
        stats.ks_2samp(np.abs(w_a).ravel(), np.abs(w_b).ravel()).statistic, abs=2e-4
    )
    difference = w_b - w_a
    if spelling != "F64":
        difference = difference.astype(np.float32)
    wanted = oracle.order_fit(oracle.magnitudes(difference))
    assert (pair.difference_k, pair.difference_lambda) == pytest.approx(
        (wanted.k, wanted.lam), rel=1e-7
    )
    rms = math.sqrt(np.mean(difference.astype(np.float64) ** 2) / np.mean(w_a**2))
    assert pair.difference_rms == pytest.approx(rms, rel=1e-7)
    assert pair.note == ""


@pytest.mark.parametrize(
    ("options", "errors"),
    [
        ({"elements": False}, ("k_se_matrix", "ln_lambda_se_matrix")),
        ({"errors": "independent"}, ("k_se", "ln_lambda_se")),
    ],
)
def test_without_elements_two_matrices_are_independent(made, options, errors):
    scales = np.exp(0.3 * normal((400, 1), 3, 1.0))  # rows differ, so that both kinds of errors do
    base, tuned = normal((400, 200)) * scales, normal((400, 200), 1) * scales
    a, b = made("a", {Q.format(0): base}), made("b", {Q.format(0): tuned})
    (pair,) = wg.compare(a, b, **options).pairs
    fits = wg.fit(a).slices[0], wg.fit(b).slices[0]
    wanted = [math.hypot(*(getattr(fit, name) for fit in fits)) for name in errors]
    assert (pair.dk_se, pair.dln_lambda_se) == pytest.approx(wanted)
    assert pair.errors_from.startswith("two independent matrices: ")
    assert pair.z == pytest.approx(pair.dk / pair.dk_se)


def test_a_model_and_itself(made):
    path = demo.paths()["step-last"]
    found = wg.compare(path, path)
    assert {pair.changed for pair in found.pairs} == {0.0}
    assert {pair.dk for pair in found.pairs if pair.kind != "norm"} == {0.0}
    assert {pair.ks for pair in found.pairs} == {0.0}
    assert found.only_a == found.only_b == ()


def test_what_moved_most_comes_first(made):
    base = {DOWN.format(i): normal((96, 96), i) for i in range(6)}
    other = dict(base)
    other[DOWN.format(4)] = np.random.default_rng(9).laplace(0, 0.0125, (96, 96))
    other[DOWN.format(2)] = base[DOWN.format(2)] * 1.5
    found = wg.compare(made("a", base), made("b", other))
    first = [pair.block for pair in found.pairs[:2]]
    assert sorted(first) == [2, 4]
    moved = [pair.moved for pair in found.pairs]
    assert moved == sorted(moved, reverse=True)
    assert moved == [pair.difference_rms for pair in found.pairs]
    assert [pair.changed for pair in found.pairs[2:]] == [0.0] * 4


def test_what_no_z_tells_comes_before_what_is_the_same(made):
    base = {DOWN.format(i): normal((64, 64), i) for i in range(8)}
    other = dict(base)
    other[DOWN.format(1)] = -base[DOWN.format(1)]  # the same magnitudes
    other[DOWN.format(3)] = base[DOWN.format(3)][::-1]  # in other places
    other[DOWN.format(5)] = np.zeros((64, 64))
    other[DOWN.format(6)] = np.full((64, 64), 0.5)
    other[DOWN.format(7)] = np.where(np.arange(64) == 9, np.nan, base[DOWN.format(7)])
    found = wg.compare(made("c", base), made("d", other)).pairs
    assert [pair.block for pair in found[:5]] == [7, 6, 1, 3, 5]
    # NaN; constant; twice, sqrt(2) times and once the weights.
    assert [pair.moved for pair in found[2:5]] == pytest.approx([2, math.sqrt(2), 1], rel=0.03)
    assert {pair.changed for pair in found[5:]} == {0.0}


def test_what_moved_beyond_chance_is_told(made):
    """Noise that keeps the distribution, rows that grew apart, and a matrix that grew."""
    base = {DOWN.format(i): normal((96, 128), i) for i in range(3)}
    wander, apart, grown = base
    other = {
        wander: 0.995 * base[wander] + math.sqrt(1 - 0.995**2) * normal((96, 128), 9),
        apart: base[apart] * np.exp(normal((96, 1), 8, 1.0)),
        grown: 1.5 * base[grown],
    }
    a, b = made("a", base), made("b", other)
    found = wg.compare(a, b)
    told = {each.tensor: each for each in found.findings if each.id == "moved"}
    assert told.keys() == {apart, grown} and {each.level for each in told.values()} == {"note"}
    pairs = {pair.tensor: pair for pair in found.pairs}
    for name, finding in told.items():
        z = max(abs(pairs[name].z), abs(pairs[name].dln_lambda_z))
        assert finding.value == min(z, 1000) > 5
        number = "more than 1,000" if z > 1000 else f"{z:.3g}"
        assert finding.message.endswith(f"{number} standard errors (paired)")
    assert told[apart].message.startswith(f"{apart}: k")
    assert told[grown].message.startswith(f"{grown}: lambda moved by")
    assert "moved" not in {each.id for each in wg.compare(a, b, elements=False).findings}


def test_a_flip_stands_out_among_small_changes(made):
    base = {DOWN.format(i): normal((64, 64), i) for i in range(12)}
    other = {name: w + normal(w.shape, 77, 2e-5) for name, w in base.items()}
    other[DOWN.format(8)] *= -1
    found = wg.compare(made("a", base), made("b", other)).pairs
    assert found[0].block == 8 and max(pair.moved for pair in found[1:]) < 0.01


@pytest.mark.parametrize("by", [1.0, 1.2])
def test_without_elements_the_least_difference_ranks(made, by):
    w = normal((64, 64))
    a, b = made("a", {DOWN.format(0): w}), made("b", {DOWN.format(0): -w[::-1] * by})
    (pair,) = wg.compare(a, b, elements=False).pairs
    x, y = np.sort(np.abs(w), None), np.sort(np.abs(w * by), None)
    wanted = math.sqrt(np.mean((x - y) ** 2) / np.mean(w**2))
    assert pair.moved == pytest.approx(wanted, rel=1e-5, abs=1e-7)


def test_constant_tensors_are_ranked_by_their_distributions(made):
    a = {f"h.{i}.ln_1.weight": np.ones(64) for i in range(3)} | {DOWN.format(0): normal((64, 64))}
    b = {**a, "h.1.ln_1.weight": np.full(64, 1.5)}
    first = wg.compare(made("a", a), made("b", b)).pairs[0]
    assert (first.tensor, first.ks, first.changed) == ("h.1.ln_1.weight", 1.0, 1.0)
    assert first.moved == 0.5


def test_towers_do_not_meet(made):
    name = "{}.encoder.layers.0.self_attn.q_proj.weight".format
    a = made("a", {name("vision_model"): normal((64, 64))})
    b = made("b", {name("text_model"): normal((64, 64))})
    assert wg.compare(a, b).pairs == ()


def test_experts_are_named_and_counted_once(made):
    stack = "model.layers.0.mlp.experts.down_proj"
    gates = "model.layers.0.mlp.experts.gate_up_proj"
    tensors = {stack: normal((4, 48, 48)), gates: normal((4, 48, 96))}
    other = {**tensors, stack: tensors[stack] * np.array([1, 1, 2, 1]).reshape(4, 1, 1)}
    lines = run("compare", made("a", tensors), made("b", other)).stdout.splitlines()
    medians = next(line for line in lines if line.startswith("down "))
    assert medians.split()[1] == "4"
    assert lines[lines.index("What moved most") + 3].startswith(f"{stack} (expert 2)")


def test_chance_moves_within_its_standard_error(made):
    models = [
        made(name, {DOWN.format(i): normal((128, 128), 50 * n + i) for i in range(20)})
        for n, name in enumerate("ab")
    ]
    z = [pair.z for pair in wg.compare(*models).pairs]
    # Twenty standard normal numbers: their mean square is 1 with a standard deviation of 0.32.
    assert 0.3 < np.mean(np.square(z)) < 2.2


def test_values_that_are_not_finite(made):
    a, b = normal((40, 40)), normal((40, 40))
    a[0, :4] = (np.nan, np.inf, -np.inf, np.inf)
    b[0, :4] = (np.nan, np.inf, np.inf, 1.0)
    (pair,) = wg.compare(made("a", {Q.format(0): a}), made("b", {Q.format(0): b})).pairs
    assert pair.changed == pytest.approx(2 / 1600)


def test_formats_may_differ(made):
    weights = normal((256, 256))
    half = weights.astype(ml_dtypes.bfloat16)
    a, b = made("a", {Q.format(0): weights}), made("b", {Q.format(0): ("BF16", half)})
    (pair,) = wg.compare(a, b).pairs
    w = weights.astype(np.float32)
    assert pair.changed == np.mean(w != half.astype(np.float32))
    assert 0.001 < pair.difference_rms < 0.003  # half a step of eight bits of mantissa
    assert abs(pair.z) < 1


def test_a_quantised_model_is_compared_by_its_values(made):
    weights = normal((256, 256), scale=1.0)
    codes = weights.astype(ml_dtypes.float8_e4m3fn)
    scales = np.array([[0.5, 2.0], [1.0, 0.25]], np.float32)
    values = codes.astype(np.float32) * np.kron(scales, np.ones((128, 128), np.float32))
    tensors = {Q.format(0): ("F8_E4M3", codes), Q.format(0) + "_scale_inv": scales}
    pairs = by_tensor(wg.compare(made("a", {Q.format(0): values}), made("b", tensors)))
    assert pairs[Q.format(0), None].changed == 0.0
    assert pairs[Q.format(0), None].ks == 0.0
    one = {Q.format(0): ("F8_E4M3", codes), Q.format(0) + "_scale": np.float32(3.0)}
    third = codes.astype(np.float32) * np.float32(3.0)
    pairs = by_tensor(wg.compare(made("c", {Q.format(0): third}), made("d", one)))
    assert pairs[Q.format(0), None].changed == pairs[Q.format(0), None].ks == 0.0


# -- matching


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


# -- saved counts, options, documents


def test_saved_counts_take_the_place_of_models(made, tmp_path):
    a = made("a", {DOWN.format(i): normal((96, 96), i) for i in range(3)})
    b = made("b", {DOWN.format(i): normal((96, 96), 10 + i, 0.03) for i in range(3)})
    wg.scan(a).save(tmp_path / "a.wghist")
    kept, fresh = wg.compare(tmp_path / "a.wghist", b), wg.compare(a, b, elements=False)
    assert "saved counts" in kept.pairs[0].note and "not compared" in fresh.pairs[0].note
    for one, other in zip(kept.pairs, fresh.pairs, strict=True):
        assert {**one.to_dict(), "note": ""} == {**other.to_dict(), "note": ""}
    whole = {pair.tensor: pair for pair in wg.compare(a, b).pairs}
    assert {pair.tensor: (pair.dk, pair.ks) for pair in kept.pairs} == {
        tensor: (pair.dk, pair.ks) for tensor, pair in whole.items()
    }


@pytest.mark.parametrize("options", [{"zeros": "censor"}, {"errors": "independent"}])
def test_saved_counts_are_compared_as_asked_for(made, tmp_path, options):
    """Magnitudes of which the smallest third is zero, in rows of unequal scale."""
    models = []
    for name, seed in (("a", 0), ("b", 1)):
        weights = normal((96, 128), seed) * np.exp(0.3 * normal((96, 1), 3, 1.0))
        weights[np.abs(weights) < np.quantile(np.abs(weights), 1 / 3)] = 0
        models.append(made(name, {DOWN.format(0): weights}))
        wg.scan(models[-1]).save(tmp_path / f"{name}.wghist")
    counts = [tmp_path / f"{name}.wghist" for name in "ab"]
    kept = wg.compare(*counts, **options).pairs[0]
    fresh = wg.compare(*models, elements=False, **options).pairs[0]
    assert (kept.k_a, kept.k_b, kept.dk, kept.withheld) == pytest.approx(
        (fresh.k_a, fresh.k_b, fresh.dk, fresh.withheld), nan_ok=True
    )
    if options == {"errors": "independent"}:
        assert (kept.dk_se, kept.errors_from) == (fresh.dk_se, fresh.errors_from)


def test_threads_and_io_change_nothing(made):
    a = made("a", {DOWN.format(i): normal((400, 400), i) for i in range(2)})
    b = made("b", {DOWN.format(i): normal((400, 400), 5 + i) for i in range(2)})
    documents = [
        json.dumps(wg.compare(a, b, threads=threads, io=io).to_dict())
        for threads, io in ((1, "mmap"), (4, "mmap"), (2, "pread"))
    ]
    assert len(set(documents)) == 1


def test_patterns_and_heads(made):
    config = {"model_type": "llama", "num_attention_heads": 4, "hidden_size": 64}
    tensors = {Q.format(0): normal((64, 64)), DOWN.format(0): normal((64, 64))}
    a, b = made("a", tensors, config), made("b", tensors, config)
    found = wg.compare(a, b, include="*q_proj*", per="head")
    assert sorted(pair.head for pair in found.pairs) == [0, 1, 2, 3]
    assert {pair.changed for pair in found.pairs} == {0.0}


def test_the_document(made):
    a, b = made("a", {Q.format(0): normal((64, 64))}), made("b", {Q.format(0): normal((64, 64), 1)})
    document = wg.compare(a, b).to_dict()
    assert document["schema_version"] == 1
    assert (document["a"], document["b"]) == (str(a), str(b))
    wanted = {"tensor", "part", "kind", "block", "k_a", "k_b", "dk", "dk_se", "z", "dln_lambda"}
    assert wanted | {"changed", "ks"} <= document["pairs"][0].keys()
    assert document["only_a"] == document["only_b"] == []
    assert json.loads(run("compare", a, b, "--json").stdout) == document
    rows = run("compare", a, b, "--format", "csv").stdout.splitlines()
    assert rows[0].startswith("tensor,tensor_b,part,kind,block") and len(rows) == 2


@pytest.mark.parametrize(
    ("blocks", "differing", "words"),
    [
        (1, 0, "1 pair of slices; the one that was compared by element is the same"),
        (1, 1, "1 pair of slices; the one that was compared by element differs"),
        (3, 0, "3 pairs of slices; all 3 that were compared by element are the same"),
        (3, 2, "3 pairs of slices; 1 of 3 that were compared by element are the same"),
        (3, 3, "3 pairs of slices; all 3 that were compared by element differ"),
    ],
)
def test_how_many_are_the_same(made, blocks, differing, words):
    tensors = {DOWN.format(i): normal((8, 8), i) for i in range(blocks)}
    other = tensors | {DOWN.format(i): normal((8, 8), 50 + i) for i in range(differing)}
    assert words in run("compare", made("a", tensors), made("b", other)).stdout.splitlines()


def test_the_page(made):
    tensors = {DOWN.format(i): normal((64, 64), i) for i in range(25)}
    other = {**tensors, DOWN.format(7): normal((64, 64), 99, 0.2), "only.here": normal((4, 4))}
    text = run("compare", made("a", tensors), made("b", other)).stdout
    lines = text.splitlines()
    assert "25 pairs of slices; 24 of 25 that were compared by element are the same" in lines
    assert lines[lines.index("What moved most") + 3].startswith(DOWN.format(7))
    assert "Only in b: only.here." in lines


def test_a_result_does_not_replace_weights(made, tmp_path):
    a = made("a", {Q.format(0): normal((8, 8))})
    result = run("compare", a, a, "-o", a / "model.safetensors", "--force")
    assert result.exit_code == 1 and "weights" in result.stderr


# -- words


def test_the_title_names_both_models_and_the_verdict_follows(made):
    base = {Q.format(0): normal((64, 64))}
    a, b = made("a", base), made("b", {Q.format(0): normal((64, 64), 1)})
    lines = run("compare", a, b).stdout.splitlines()
    assert lines[:2] == [f"a: {a}, b: {b}", "No fault found"]


def test_a_share_that_is_not_zero_is_not_shown_as_zero(made):
    base = normal((64, 64)).astype(np.float32)
    tuned = base.copy()
    tuned[0, 0] += 1e-6
    page = run("compare", made("a", {Q.format(0): base}), made("b", {Q.format(0): tuned})).stdout
    (row,) = [line for line in page.splitlines() if line.startswith("q ")]
    assert row.split()[-2:] == ["<0.1%", "<0.01%"]


def test_medians_of_shapes_are_over_the_same_pairs(made):
    """A matrix that only one of the two has numbers of says nothing of the change."""
    heavy = stats.t(4).rvs((64, 64), random_state=1) * 0.02
    a = {Q.format(0): normal((64, 64)), Q.format(1): heavy}
    b = {Q.format(0): normal((64, 64), 2), Q.format(1): np.zeros((64, 64))}
    a, b = made("a", a), made("b", b)
    (pair,) = [pair for pair in wg.compare(a, b).pairs if math.isfinite(pair.k_b)]
    (row,) = [line for line in run("compare", a, b).stdout.splitlines() if line.startswith("q ")]
    assert row.split()[2:5] == [f"{pair.k_a:.4f}", f"{pair.k_b:.4f}", f"{pair.dk:+.4f}"]


def legend(*arguments):
    """The sentence on errors, in one line."""
    text = " ".join(run("compare", *arguments).stdout.split())
    (told,) = re.findall(r"z = change over its standard error ±: (.*?)\. KS:", text)
    return told


def test_pages_say_what_the_errors_of_changes_are(made):
    values = normal((96, 128))
    changed = values * np.exp(0.1 * np.random.default_rng(1).standard_normal((96, 1)))
    a, b = made("a", {UP: values}), made("b", {UP: changed})
    (plain,) = wg.compare(a, b).pairs
    (ranked,) = wg.compare(a, b, zeros="censor").pairs  # there are no zeros to be ranked
    assert ranked.to_dict() == plain.to_dict()
    assert legend(a, b).startswith("the error of the change itself")
    assert legend(a, b, "--zeros", "censor") == legend(a, b)
    assert legend(a, b, "--no-elements").startswith("that of two independent matrices")
    assert legend(a, b, "--errors", "independent").startswith("that of independent weights")


def test_pairs_whose_errors_differ_in_kind_are_counted(made):
    values, pruned = normal((96, 128)), normal((96, 128), 1)
    pruned[np.abs(pruned) < 0.001] = 0
    a = made("a", {UP: values, Q.format(0): pruned})
    b = made("b", {UP: 1.1 * values, Q.format(0): 1.1 * pruned})
    found = {pair.kind: pair.errors_from for pair in wg.compare(a, b, zeros="censor").pairs}
    assert found["ffn_in"].startswith("paired")
    assert found["q"].startswith("two independent")
    told = legend(a, b, "--zeros", "censor")
    assert re.search("in 1 pair the error of the change itself", told)
    assert re.search("in 1 pair that of two independent matrices", told)


def test_a_changed_pair_without_a_fit_says_why(made):
    few = np.zeros((64, 64))
    few[0, :9] = normal(9, 2)
    a = made("a", {UP: normal((64, 64)), Q.format(1): few})
    b = made("b", {UP: 1.1 * normal((64, 64)), Q.format(1): 2 * few})
    text = run("compare", a, b).stdout
    rows = [line for line in text.splitlines() if line.startswith(("q ", Q.format(1)))]
    assert len(rows) == 2
    assert all("no fit" in row for row in rows), text
    assert "1 pair: no fit of a: 9 finite non-zero elements; at least 10 are needed" in text


def test_flipped_signs_are_no_other_order(made):
    values, tall = normal((64, 80)), normal((96, 64), 1)
    some = np.where(np.arange(64)[:, None] < 20, -tall[:64].T[:64, :64], tall[:64].T[:64, :64])
    square = tall[:64].T[:64, :64]
    a = made("a", {UP: values, Q.format(0): square, DOWN.format(0): tall})
    b = made("b", {UP: -values, Q.format(0): some, DOWN.format(0): -tall.T.copy()})
    found = wg.compare(a, b).findings
    assert "reordered" not in {each.id for each in found}
    told = {each.kind: each.message for each in found if each.id == "signs-differ"}
    assert "all signs are flipped; the magnitudes and their order are the same" in told["ffn_in"]
    assert f"{int((some < 0).sum()):,} negative weights instead of" in told["q"]
    assert "as if all signs were flipped" in told["ffn_out"]
    for each in (UP, Q.format(0)):
        assert each in "".join(told.values())


def test_flipped_signs_show_in_saved_counts(made, tmp_path):
    values = normal((64, 80)) + 0.001
    kept = []
    for name, sign in (("a", 1), ("b", -1)):
        wg.scan(made(name, {UP: sign * values})).save(tmp_path / f"{name}.wghist")
        kept.append(tmp_path / f"{name}.wghist")
    (told,) = (each for each in wg.compare(*kept).findings if each.id == "signs-differ")
    assert "as if all signs were flipped" in told.message


def test_changes_too_small_to_see_are_written_with_their_errors_and_no_zero_has_a_minus():
    from weightgauge.reporting.views.compare import compare_document
    from weightgauge.reporting.writers.formats import FORMATS
    from weightgauge.reporting.writers.medium import Medium

    noise = np.random.default_rng(0).normal(size=(2, 300, 300)).astype("f4")
    found = wg.compare({"w": noise[0]}, {"w": noise[0] * (1 - 1e-6 * np.abs(noise[1]))})
    (pair,) = found.pairs
    assert 0 > pair.dln_lambda > -5e-5 and 0 < pair.dk_se < 5e-5
    text = FORMATS["human"].write(compare_document(found), Medium())
    assert "-0.0000 " not in text and "-0.00%" not in text and "±0.0000 " not in text
    assert re.search(r"±0\.0000+[1-9] ", text)
