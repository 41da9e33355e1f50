"""`compare` on pairs of matrices whose differences are known."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
from scipy import stats

import oracle
import weightgauge as wg
from compared import DOWN, Q, by_tensor, normal, run
from oracle_matrix import layout_variance
from samples import FORMATS
from weightgauge import demo


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
