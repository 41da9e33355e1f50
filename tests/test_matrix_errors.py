"""Errors of whole matrices against NumPy, and how often they hold."""

from __future__ import annotations

import json
import math

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy.stats import binom

import weightgauge as wg
from matrix_coverage import (
    SHAPES,
    coverage_of,
    coverage_of_heads,
    numbers,
    of_heads,
    only_slice,
)
from matrix_samples import MATRICES, coverage, next_step, rescaled_rows
from oracle import influences, magnitudes, order_fit
from oracle_matrix import fresh_z, layout_variance, spread

UP = "model.layers.0.mlp.up_proj.weight"
FORMATS = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E5M2": ml_dtypes.float8_e5m2,
}


def oracle_errors(values, heads=1, turned=False):
    """Errors from all rows and columns, not below those of independent weights."""
    x = magnitudes(values)
    found = influences(x, "mid_80")
    laid = [np.ascontiguousarray(phi.T) if turned else phi for phi in found.of(values)]
    n = int(found.counts.sum())
    of_shape, of_scale = (layout_variance(phi, phi.shape, n, heads) for phi in laid)
    of_shape = of_shape.with_scales(of_scale, order_fit(x, "mid_80").k)
    return [math.sqrt(of_shape.variance(of_k=True)), math.sqrt(of_scale.variance(of_k=False))]


def scaled_matrix(seed, rows, columns, sd=0.2):
    rng = np.random.default_rng(seed)
    scale = np.exp(sd * (rng.standard_normal((rows, 1)) + rng.standard_normal((1, columns))))
    return rng.standard_normal((rows, columns)) * scale * 0.3


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("shape", [(64, 200), (300, 40), (9, 500), (5, 400), (400, 5)])
def test_errors_of_all_rows_and_columns(dtype, shape):
    values = scaled_matrix(1, *shape).astype(FORMATS[dtype])
    found = only_slice(values, errors="full")
    of_k, of_lambda = oracle_errors(values.astype(np.float64))
    assert found.k_se_matrix == pytest.approx(max(of_k, found.k_se), rel=1e-3)
    assert found.ln_lambda_se_matrix == pytest.approx(max(of_lambda, found.ln_lambda_se), rel=1e-3)
    lines = {5: "columns"}.get(shape[0]) or {5: "rows"}.get(shape[1]) or "rows and columns"
    assert found.errors_from == f"all {lines}"


def test_errors_of_large_matrices_in_bins():
    values = scaled_matrix(2, 400, 700).astype(np.float32)  # counted in bins
    exact = only_slice(values, errors="full", exact=True)
    found = only_slice(values, errors="full")
    of_k, of_lambda = oracle_errors(values.astype(np.float64))
    for each in (found, exact):
        assert each.k_se_matrix == pytest.approx(of_k, rel=2e-3)
        assert each.ln_lambda_se_matrix == pytest.approx(of_lambda, rel=2e-3)


@pytest.mark.parametrize("deviation", [1e-2, 1e-4, 1e-6])
def test_errors_of_magnitudes_close_together(deviation):
    rng = np.random.default_rng(3)
    rows = 1 + deviation * rng.standard_normal((60, 1))
    values = rows * (1 + deviation * rng.standard_normal((60, 300)))
    found = only_slice(values, errors="full")
    of_k, of_lambda = oracle_errors(values)
    assert found.k_se_matrix == pytest.approx(of_k, rel=0.02)
    assert found.ln_lambda_se_matrix == pytest.approx(of_lambda, rel=0.02)


@pytest.mark.parametrize("dtype", ["F32", "F64"])
def test_magnitudes_close_together_but_for_a_few(dtype):
    rng = np.random.default_rng(25)
    values = 1 + 1e-6 * (rng.standard_normal((60, 1)) + rng.standard_normal((60, 300)))
    values[0, :4] = (1e-30, 1e30, 1e-3, 1e3)
    values = values.astype(FORMATS[dtype])
    found = only_slice(values, errors="full")
    of_k, of_lambda = oracle_errors(values.astype(np.float64))
    assert found.k_se_matrix == pytest.approx(of_k, rel=0.02)
    assert found.ln_lambda_se_matrix == pytest.approx(of_lambda, rel=0.02)


@pytest.mark.parametrize("kind", ["q", "k", "v", "o"])
@pytest.mark.parametrize("heads", [2, 8])
def test_heads_are_clusters(tmp_path, kind, heads):
    rng = np.random.default_rng(4)
    of_rows = np.repeat(np.exp(0.3 * rng.standard_normal((heads, 1))), 8, axis=0)
    values = (scaled_matrix(5, heads * 8, 96, 0.1) * of_rows).astype(np.float32)
    if kind == "o":
        values = np.ascontiguousarray(values.T)
    found = of_heads(tmp_path, kind, values, heads, errors="full")
    of_k, of_lambda = oracle_errors(values.astype(np.float64), heads, kind == "o")
    assert found.k_se_matrix == pytest.approx(max(of_k, found.k_se), rel=1e-3)
    assert found.ln_lambda_se_matrix == pytest.approx(max(of_lambda, found.ln_lambda_se), rel=1e-3)
    assert "in groups of 8" in found.errors_from


def test_experts_of_a_stack_are_clusters():
    rng = np.random.default_rng(6)
    scale = np.exp(0.3 * rng.standard_normal((6, 1, 1)))
    values = (rng.standard_normal((6, 16, 32)) * scale).astype(np.float32)
    name = "model.layers.0.mlp.experts.down_proj"
    found = wg.fit({name: values}, errors="full")
    whole = next(item for item in found.slices if item.expert is None)
    of_k, of_lambda = oracle_errors(values.reshape(96, 32).astype(np.float64), 6)
    assert whole.k_se_matrix == pytest.approx(max(of_k, whole.k_se), rel=1e-3)
    assert whole.ln_lambda_se_matrix == pytest.approx(of_lambda, rel=1e-3)


def kernels(seed, *shape, spread=0.3):
    """Kernels of a convolution; what reads one channel shares a scale."""
    rng = np.random.default_rng(seed)
    of_channels = np.exp(spread * rng.standard_normal((1, shape[1], *[1] * (len(shape) - 2))))
    of_outputs = np.exp(0.1 * rng.standard_normal((shape[0], *[1] * (len(shape) - 1))))
    return (rng.standard_normal(shape) * of_channels * of_outputs).astype(np.float32)


@pytest.mark.parametrize("shape", [(48, 12, 3, 3), (40, 24, 3), (16, 9, 5, 5)])
def test_channels_of_kernels_are_clusters(shape):
    values = kernels(21, *shape)
    (found,) = wg.fit({"down.0.conv1.weight": values}, errors="full").slices
    of_k, of_lambda = oracle_errors(values.reshape(shape[0], -1).astype(float), shape[1], True)
    assert found.k_se_matrix == pytest.approx(max(of_k, found.k_se), rel=1e-3)
    assert found.ln_lambda_se_matrix == pytest.approx(of_lambda, rel=1e-3)
    assert found.errors_from == f"all rows, and columns in groups of {math.prod(shape[2:])}"


def test_channels_are_clusters_beside_few_outputs():
    """The last layer of a decoder has three outputs, which tell nothing of how they differ."""
    values = kernels(22, 3, 120, 3, 3)
    (found,) = wg.fit({"conv_out.weight": values}, errors="full").slices
    assert found.errors_from == "all columns"
    phi = influences(magnitudes(values), "mid_80").of(values.reshape(3, -1).astype(float))[1]
    places = phi.mean(axis=0).reshape(120, 9)
    channels = places.mean(axis=1)
    of_places = ((places - channels[:, None]) ** 2).sum() / (120 * 8)
    of_channels = channels.var(ddof=1) - of_places / 9
    variance = of_channels / 120 + of_places / (120 * 9)
    assert found.ln_lambda_se_matrix == pytest.approx(math.sqrt(variance), rel=0.02)  # T(119)
    assert found.ln_lambda_se_matrix > 1.5 * phi.mean(axis=0).std() / math.sqrt(120 * 9)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("encoder.layers.0.mlp.fc1.weight", (90, 60, 1)),
        ("encoder.mid.attn_1.q.weight", (90, 60, 1, 1)),
        ("embeddings.position_embeddings", (1, 90, 60)),
    ],
)
def test_dimensions_of_one_do_not_hide_a_matrix(name, shape):
    values = scaled_matrix(23, 90, 60).astype(np.float32)
    (found,) = wg.fit({name: values.reshape(shape)}).slices
    plain = only_slice(values)
    assert found.errors_from == plain.errors_from == "all rows and columns"
    assert found.k_se_matrix == plain.k_se_matrix
    assert found.ln_lambda_se_matrix == plain.ln_lambda_se_matrix


def test_convolutions_in_the_place_of_a_feed_forward_matrix_are_no_stack():
    values = kernels(24, 64, 32, 3)
    found = [wg.fit({name: values}).slices[0] for name in (UP, "down.0.conv1.weight")]
    assert found[0].kind == "ffn_in"
    assert found[0].ln_lambda_se_matrix == found[1].ln_lambda_se_matrix


@pytest.mark.parametrize("shape", [(64, 64, 3, 3), (128, 96, 3)])
@pytest.mark.parametrize("spread", [0.1, 0.3])
def test_coverage_with_channels(shape, spread):
    def measure(values):
        return numbers(wg.fit({"down.0.conv1.weight": values}).slices[0])

    def make(rng, *of):
        return kernels(rng.integers(1 << 30), *of, spread=spread)

    held = coverage(measure, make, shape, draws=400, seed=25)
    assert could_be(held, 400), held


def neighbours(correlation):
    """Rows whose scales go with those of the rows beside them."""

    def make(rng, rows, columns):
        scale = rng.standard_normal(rows)
        for i in range(1, rows):
            scale[i] = correlation * scale[i - 1] + math.sqrt(1 - correlation**2) * scale[i]
        values = rng.standard_normal((rows, columns), dtype=np.float32)
        return values * np.exp(0.2 * scale, dtype=np.float32)[:, None]

    return make


def squares_of_matrix(rng, rows, columns):
    scale = np.exp(0.3 * rng.standard_normal((rows // 16, columns // 16), dtype=np.float32))
    values = rng.standard_normal((rows, columns), dtype=np.float32)
    return values * np.kron(scale, np.ones((16, 16), np.float32))


def rows_twice(rng, rows, columns):
    scale = np.exp(0.1 * rng.standard_normal((rows // 2, 1), dtype=np.float32))
    values = scale * rng.standard_normal((rows // 2, columns), dtype=np.float32)
    return np.concatenate([values, values])


@pytest.mark.parametrize(
    ("make", "share"),
    [
        (neighbours(0.9), 0.35),
        (neighbours(0.5), 0.70),
        (squares_of_matrix, 0.57),
        (rows_twice, 0.85),
    ],
)
def test_what_errors_do_not_cover(make, share):
    """The shares of docs/statistics.md: intervals of ln lambda that are too narrow."""
    measure = lambda values: numbers(only_slice(values))  # noqa: E731
    held = coverage(measure, make, (256, 256), draws=200, seed=26)[1]
    assert held == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 200))


def test_zeros_have_no_influence():
    rng = np.random.default_rng(7)
    values = scaled_matrix(8, 80, 120).astype(np.float32)
    values[rng.random(values.shape) < rng.random((80, 1)) * 0.6] = 0
    found = only_slice(values, errors="full")
    of_k, of_lambda = oracle_errors(values.astype(np.float64))
    assert found.k_se_matrix == pytest.approx(of_k, rel=1e-3)
    assert found.ln_lambda_se_matrix == pytest.approx(of_lambda, rel=1e-3)


def test_spread_and_fresh_z():
    for seed, sd in ((9, 0.0), (10, 0.1), (11, 0.5)):
        values = scaled_matrix(seed, 120, 90, sd)
        found = only_slice(values.astype(np.float32), errors="full")
        assert found.fresh_z == pytest.approx(max(fresh_z(values.astype(np.float32))), abs=0.02)
        assert tuple(found.spread) == pytest.approx(spread(values.astype(np.float32)), abs=2e-3)


def test_fresh_matrices_are_within_four_deviations():
    rng = np.random.default_rng(12)
    draws = {
        "normal": lambda: rng.standard_normal((256, 300)),
        "uniform": lambda: rng.random((256, 300)) - 0.5,
        "t3": lambda: rng.standard_t(3, (256, 300)),
    }
    for draw in draws.values():
        z = [only_slice(draw().astype(np.float32)).fresh_z for _ in range(60)]
        assert max(map(abs, z)) < 4.5
        assert 0.5 < np.std(z) < 1.2  # that of the larger of two is 0.83


def could_be(held, draws):
    """Whether intervals that hold 90 to 98 % could hold this share of so many draws.

    One in a hundred at either end could not.
    """
    least, most = binom.ppf(0.01, draws, 0.90), binom.ppf(0.99, draws, 0.98)
    assert 0 < least < most < draws  # all, or none, is too many or too few
    return bool(((held * draws >= least - 0.5) & (held * draws <= most + 0.5)).all())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", MATRICES)
def test_coverage(name, shape):
    draws = 300 if shape[0] == 768 else 600
    held = coverage_of(name, shape, draws, 13)
    assert could_be(held, draws), held


@pytest.mark.parametrize("heads", [4, 8, 12])
@pytest.mark.parametrize("spread", [0.12, 0.25, 0.5])
def test_coverage_with_heads(heads, spread, tmp_path):
    held = coverage_of_heads(tmp_path / "model", heads, spread, 400, 14)
    assert could_be(held, 400), held


def changes(make, draws, seed):
    """z of k and of ln lambda between two states of one matrix, many times."""
    rng = np.random.default_rng(seed)
    before, after = {}, {}
    for draw in range(draws):  # compared all at once, which takes a tenth of the time
        name = f"model.layers.{draw}.mlp.up_proj.weight"
        before[name], after[name] = make(rng)
    pairs = wg.compare(before, after).pairs
    assert len(pairs) == draws
    assert all(pair.errors_from.startswith("paired") for pair in pairs)
    return np.abs([(pair.z, pair.dln_lambda_z) for pair in pairs])


@pytest.mark.parametrize("correlation", [0.9, 0.995, 0.99995])
@pytest.mark.parametrize("sd", [0.0, 0.3])
def test_steps_that_only_wander_rarely_differ(correlation, sd):
    def make(rng):
        before, after = next_step(rng, 128, 256, correlation, sd)
        return before.astype(np.float32), after.astype(np.float32)

    rejected = (changes(make, 200, 15) > 1.96).mean(axis=0)
    assert (rejected < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)).all(), rejected


def of_layers(folder, heads, matrices):
    """A model whose layers have these as q."""
    names = [f"model.layers.{layer}.self_attn.q_proj.weight" for layer in range(len(matrices))]
    width = matrices[0].shape[0]
    sizes = {"hidden_size": width, "head_dim": width // heads}
    counts = {"num_attention_heads": heads, "num_key_value_heads": heads}
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", **sizes, **counts}))
    save_file(dict(zip(names, matrices, strict=True)), folder / "model.safetensors")
    return folder


def rescaled_heads(rng, heads, of_heads):
    before = rng.standard_normal((96, 96)) * np.exp(0.1 * rng.standard_normal((96, 1)))
    scale = np.repeat(np.exp(of_heads * rng.standard_normal((heads, 1))), 96 // heads, axis=0)
    return before.astype(np.float32), (before * scale).astype(np.float32)


def test_changes_of_heads_are_not_known_better_than_normal_scales_tell(tmp_path):
    before, after = rescaled_heads(np.random.default_rng(31), 4, 0.3)
    a, b = (of_layers(tmp_path / str(i), 4, [each]) for i, each in enumerate((before, after)))
    (pair,) = wg.compare(a, b, errors="full").pairs
    old, new = (
        influences(magnitudes(each), "mid_80").of(each.astype(float)) for each in (before, after)
    )
    of_k, of_scale = (
        layout_variance(moved - start, before.shape, before.size, 4)
        for start, moved in zip(old, new, strict=True)
    )
    least = of_k.with_scales(of_scale, pair.k_b)
    assert least.heads > of_k.heads
    assert pair.dk_se == pytest.approx(math.sqrt(least.variance(of_k=True)), rel=2e-3)
    assert pair.dln_lambda_se == pytest.approx(math.sqrt(of_scale.variance(of_k=False)), rel=2e-3)


@pytest.mark.parametrize(("heads", "least"), [(2, 0.8), (4, 0.88), (8, 0.9)])
def test_coverage_of_changes_of_few_heads(tmp_path, heads, least):
    rng = np.random.default_rng(32)
    sides = zip(*(rescaled_heads(rng, heads, 0.05) for _ in range(250)), strict=True)
    a, b = (of_layers(tmp_path / str(i), heads, side) for i, side in enumerate(sides))
    pairs = wg.compare(a, b).pairs
    changes = np.array([(pair.dk, pair.dln_lambda) for pair in pairs])
    errors = np.array([(pair.dk_se, pair.dln_lambda_se) for pair in pairs])
    held = (np.abs(changes - changes.mean(axis=0)) < 1.96 * errors).mean(axis=0)
    assert held[0] > least
    assert held[1] > 0.9


def test_rounding_to_bf16_is_no_change():
    def make(rng):
        before = (rng.standard_normal((128, 256)) * 0.02).astype(np.float32)
        return before, before.astype(ml_dtypes.bfloat16)

    assert ((changes(make, 100, 16) > 1.96).mean(axis=0) < 0.12).all()


def test_rescaled_rows_are_seen():
    def make(rng):
        before, after = rescaled_rows(rng, 256, 256)
        return before.astype(np.float32), after.astype(np.float32)

    assert (changes(make, 60, 17)[:, 0] > 1.96).mean() > 0.9


def test_the_same_bits_for_any_number_of_threads_and_way_to_read(tmp_path):
    values = scaled_matrix(18, 300, 500).astype(np.float32)
    path = tmp_path / "model.safetensors"
    save_file({"model.layers.0.mlp.up_proj.weight": values}, path)
    found = [
        wg.fit(path, errors=errors, threads=threads, io=io).slices[0]
        for errors in ("sampled", "full")
        for threads in (1, 3)
        for io in ("mmap", "pread")
    ]
    assert len({repr(item.to_dict()) for item in found}) == 2


def test_why_there_are_no_errors_of_a_matrix():
    rng = np.random.default_rng(19)
    few = "counts alone: too few rows or columns"
    for shape in ((50,), (1, 50), (50, 1), (6, 7)):
        found = only_slice(rng.standard_normal(shape).astype(np.float32))
        assert found.errors_from == few, shape
        assert found.k_se_matrix == found.k_se
        assert found.ln_lambda_se_matrix == found.ln_lambda_se
        assert found.spread is None
    asked = only_slice(rng.standard_normal((64, 64)).astype(np.float32), errors="independent")
    assert asked.errors_from == "counts alone"
    nothing = only_slice(np.zeros((64, 64), np.float32))
    assert nothing.errors_from == ""
    assert math.isnan(nothing.k_se_matrix)
    sample = np.zeros((4000, 600), np.float32)
    sample[17, :40] = rng.standard_normal(40)
    hidden = only_slice(sample)
    assert hidden.errors_from == "counts alone: no two rows or columns with weights in the sample"
    assert hidden.k_se_matrix == hidden.k_se


def test_heads_that_do_not_divide_the_rows(tmp_path):
    values = scaled_matrix(20, 50, 90).astype(np.float32)
    found = of_heads(tmp_path, "q", values, 7, errors="full")
    assert found.errors_from == "all rows and columns"
    of_k, _ = oracle_errors(values.astype(np.float64))
    assert found.k_se_matrix == pytest.approx(max(of_k, found.k_se), rel=1e-3)


def test_transposed_arrays_have_the_errors_of_their_rows_and_columns():
    values = scaled_matrix(21, 70, 90).astype(np.float32)
    straight = only_slice(values, errors="full")
    turned = only_slice(np.asfortranarray(values), errors="full")
    assert turned.k_se_matrix == pytest.approx(straight.k_se_matrix, rel=1e-6)
    assert tuple(turned.spread) == pytest.approx(tuple(straight.spread), rel=1e-6)


def test_saved_counts_keep_errors(tmp_path):
    values = scaled_matrix(22, 100, 200).astype(np.float32)
    kept = wg.scan({"model.layers.0.mlp.up_proj.weight": values})
    kept.save(tmp_path / "kept.wghist")
    before, after = (wg.fit(each).slices[0] for each in (kept, tmp_path / "kept.wghist"))
    assert before == after
    assert after.spread is not None
    again = wg.fit(tmp_path / "kept.wghist", trim="mid_90").slices[0]
    assert again.errors_from.startswith("counts alone")
    assert again.k_se_matrix == again.k_se


def test_rows_and_columns_of_zeros():
    values = scaled_matrix(23, 90, 130).astype(np.float32)
    assert (only_slice(values).zero_rows, only_slice(values).zero_columns) == (0, 0)
    values[[3, 50]] = 0
    values[:, [7, 8, 129]] = 0
    found = only_slice(values)
    assert (found.zero_rows, found.zero_columns) == (2, 3)


@pytest.mark.parametrize("dtype", ["BF16", "F32"])
def test_censored_zeros_have_an_influence(dtype):
    """Rows pruned more or less: without their zeros' influence the rows would seem alike."""
    rng = np.random.default_rng(24)

    def make():
        values = rng.standard_normal((96, 200))
        limit = np.exp(0.5 * rng.standard_normal((96, 1))) * 0.5
        return np.where(np.abs(values) < limit, 0, values).astype(FORMATS[dtype])

    def measure(values):
        found = only_slice(values, zeros="censor", errors="full")
        return found.k, math.log(found.lam), found.k_se_matrix, found.ln_lambda_se_matrix

    found = np.array([measure(make()) for _ in range(200)])
    off = np.abs(found[:, :2] - found[:, :2].mean(axis=0))
    held = (off < 1.96 * found[:, 2:]).mean(axis=0)
    assert (held > 0.9 - 2.5 * math.sqrt(0.09 / 200)).all(), held
    assert (found[:, 2:].mean(axis=0) > 0).all()


def test_rows_of_very_unequal_scale():
    """The sample's own squares decide: those of all elements belong to other rows."""
    for seed in range(4):
        values = scaled_rows(seed, 1024, 1.5)
        sampled, full = (only_slice(values, errors=each) for each in ("sampled", "full"))
        assert sampled.spread.core == pytest.approx(full.spread.core, abs=0.1)
        assert sampled.k_se_matrix == pytest.approx(full.k_se_matrix, rel=0.5)


def scaled_rows(seed, size, sd):
    rng = np.random.default_rng(seed)
    scale = np.exp(sd * rng.standard_normal((size, 1)))
    return (rng.standard_normal((size, size)) * scale).astype(np.float32)


def test_rows_of_one_magnitude_each():
    rng = np.random.default_rng(27)
    signs = np.sign(rng.standard_normal((512, 600)))
    values = (signs * np.exp(rng.standard_normal((512, 1)))).astype(np.float32)
    sampled, full = (only_slice(values, errors=each) for each in ("sampled", "full"))
    assert sampled.errors_from == "a sample of rows and columns"
    assert sampled.k_se_matrix == pytest.approx(full.k_se_matrix, rel=0.5)
    assert sampled.k_se_matrix > 5 * sampled.k_se


@pytest.mark.parametrize(
    ("place", "chance"),
    [
        (np.s_[7], True),
        (np.s_[5, 5], True),
        (np.s_[:, :20], False),
    ],
    ids=["a row", "an element", "columns"],
)
def test_a_change_of_few_elements_is_not_missed(place, chance):
    rng = np.random.default_rng(28)
    before = (rng.standard_normal((600, 800)) * 0.02).astype(np.float32)
    after = before.copy()
    after[place] *= 30
    name = "model.layers.0.mlp.up_proj.weight"
    (pair,) = wg.compare({name: before}, {name: after}).pairs
    (full,) = wg.compare({name: before}, {name: after}, errors="full").pairs
    assert pair.errors_from == "paired: all rows and columns"
    assert pair.dk_se == full.dk_se
    if chance:  # one row, or one element, might as well have been another one
        assert abs(pair.z) < 1.5


def test_equal_values_in_another_format_have_not_moved():
    values = np.random.default_rng(29).standard_normal((512, 512)).astype(np.float32)
    name = "model.layers.0.mlp.up_proj.weight"
    found = wg.compare({name: values}, {name: values.astype(np.float64)})
    assert [each.id for each in found.findings if each.id in ("identical", "moved")] == [
        "identical"
    ]


def test_clusters_that_are_none_are_not_named(tmp_path):
    values = scaled_matrix(30, 32, 128).astype(np.float32)
    found = of_heads(tmp_path, "k", values, 1, errors="full")
    assert found.errors_from == "all rows and columns"
    assert only_slice(values[:5], errors="full").errors_from == "all columns"


@pytest.mark.parametrize("columns", [300_000, 700_001])
def test_rows_longer_than_what_is_copied_of_them_at_once(columns, tmp_path):
    weights = np.random.default_rng(11).normal(0, 0.02, (9, columns)).astype(np.float32)
    path = tmp_path / "model.safetensors"
    save_file({"model.layers.0.mlp.up_proj.weight": weights}, path)
    mapped, read = (wg.fit(path, errors="full", io=io).slices[0] for io in ("mmap", "pread"))
    assert mapped.k_se_matrix is not None
    assert (mapped.k_se_matrix, mapped.ln_lambda_se_matrix) == (
        read.k_se_matrix,
        read.ln_lambda_se_matrix,
    )
