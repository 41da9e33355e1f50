"""Numbers behind pictures: probability plots, counts by size, grids and profiles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import oracle
import weightgauge as wg
from made_fits import NAN, made_slice
from weightgauge import demo
from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.fits.columns import columns_of
from weightgauge.pictures import (
    block_grids,
    depth_profiles,
    depth_profiles_of_k,
    magnitude_counts,
    round_step,
    weibull_points,
)

_TRIMS = {"mid_80": (0.10, 0.90), "mid_90": (0.05, 0.95), "full": (0.0, 1.0)}


def _weights(n, dtype, seed=0):
    return np.random.default_rng(seed).normal(0.0, 0.02, n).astype(dtype)


def _all_points(sorted_magnitudes, zeros=0):
    """Every point of the probability plot by its definition; zeros have the lowest ranks."""
    n = zeros + sorted_magnitudes.size
    p = (np.arange(zeros, n) + 0.5) / n
    return np.log(sorted_magnitudes), np.log(-np.log1p(-p)), p


@pytest.mark.parametrize("trim", _TRIMS)
@pytest.mark.parametrize(("n", "dtype"), [(7, "f2"), (151, "f4"), (3000, "f2"), (100_003, "f4")])
def test_points_are_some_of_all_points_and_show_both_ends(n, dtype, trim):
    weights = _weights(n, dtype)
    found = weibull_points(wg.magnitude_histogram(weights), trim=trim)
    magnitudes = oracle.magnitudes(weights)
    x, y, _ = _all_points(magnitudes)
    ranks = np.searchsorted(y, np.array(found.y) - 1e-9)
    # The two ways to y round differently, by far less than two ordinates differ.
    np.testing.assert_allclose(found.y, y[ranks], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.x, x[ranks], rtol=1e-12)
    assert (ranks[0], ranks[-1]) == (0, magnitudes.size - 1)
    assert len(found.x) <= 150
    inside = oracle.window(magnitudes.size, trim)
    first, last = found.window
    assert (ranks[first], ranks[last - 1] + 1) == (inside.start, inside.stop)
    low, high = _TRIMS[trim]
    ends = [-math.inf if low == 0 else math.log(-math.log1p(-low))]
    ends.append(math.inf if high == 1 else math.log(-math.log1p(-high)))
    assert found.y_window == pytest.approx(ends)


def test_points_of_bins_are_within_a_bin_of_those_of_elements():
    weights = _weights(300_000, "f4")
    found = weibull_points(wg.magnitude_histogram(weights))
    x, y, _ = _all_points(oracle.magnitudes(weights))
    ranks = np.searchsorted(y, np.array(found.y) - 1e-9)
    np.testing.assert_allclose(found.x, x[ranks], atol=2.0**-13)  # a bin's relative width
    assert np.diff(found.x).min() >= 0
    # Evenly far apart in each part; ranks are whole numbers, so the sparse ends are less even.
    steps = np.diff(found.y[found.window[0] : found.window[1]])
    assert steps.max() < 1.01 * steps.min()


def test_censored_zeros_have_the_lowest_ranks_and_no_points():
    weights = _weights(4000, "f2")
    weights[:1000] = 0
    found = weibull_points(wg.magnitude_histogram(weights), zeros="censor")
    x, y, p = _all_points(oracle.magnitudes(weights), zeros=1000)
    ranks = np.searchsorted(y, np.array(found.y) - 1e-9)
    np.testing.assert_allclose(found.y, y[ranks], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.x, x[ranks], rtol=1e-12)
    assert found.window[0] == 0  # zeros fill more than the lower tail
    assert p[ranks[found.window[1] - 1]] <= 0.9 < p[ranks[found.window[1]]]


def test_line_is_the_fit_and_goes_with_the_scale():
    histogram = wg.magnitude_histogram(_weights(2000, "f2"))
    fit = histogram.fit()
    found = weibull_points(histogram, k=fit.k, lam=3 * fit.lam, scale=-3.0)
    x, y = np.array(found.x), np.array(found.y)
    inside = slice(*found.window)
    # R2 above 0.99: the line passes close to all points in the window.
    assert np.abs(x[inside] - [found.line(each) for each in y[inside]]).max() < 0.15
    assert found.line(0.0) == pytest.approx(math.log(3 * fit.lam))  # y = 0 at x = ln lambda
    assert found.x == pytest.approx(np.array(weibull_points(histogram).x) + math.log(3))


@pytest.mark.parametrize("values", [[], [0.0, -0.0], [math.nan, math.inf]])
def test_slices_without_magnitudes_have_no_points(values):
    histogram = wg.magnitude_histogram(np.array(values, np.float32))
    found = weibull_points(histogram)
    assert (found.x, found.y, found.window) == ((), (), (0, 0))
    assert magnitude_counts(histogram).edges == ()


def test_counts_hold_all_but_the_smallest_and_compare_with_the_distributions():
    weights = _weights(50_000, "f4")
    fit = wg.fit_weibull(weights)
    found = magnitude_counts(wg.magnitude_histogram(weights), k=fit.k, lam=fit.lam)
    edges = np.array(found.edges)
    magnitudes = oracle.magnitudes(weights)
    assert edges[-1] == magnitudes[-1]
    np.testing.assert_allclose(np.diff(np.log(edges)), np.log(edges[-1] / edges[0]) / 80)
    assert sum(found.counts) == (magnitudes >= edges[0]).sum() == 50_000 - 4  # ranks 1 to 4 of 5
    assert found.counts[-1] >= 1
    half_normal = stats.halfnorm(scale=magnitudes[24_999] / stats.norm.ppf(0.75))
    np.testing.assert_allclose(found.gaussian, 50_000 * np.diff(half_normal.cdf(edges)), rtol=1e-9)
    weibull = stats.weibull_min(fit.k, scale=fit.lam)
    np.testing.assert_allclose(found.weibull, 50_000 * np.diff(weibull.cdf(edges)), rtol=1e-9)
    # The weights are Gaussian: chi square of the bins that expect ten or more.
    expected, seen = np.array(found.gaussian), np.array(found.counts)
    many = expected >= 10
    chi2 = ((seen - expected)[many] ** 2 / expected[many]).sum()
    assert stats.chi2.sf(chi2, many.sum()) > 1e-4


def test_one_magnitude_gives_no_counts_by_size_but_its_points():
    histogram = wg.magnitude_histogram(np.full(1000, 0.5, np.float16))
    assert magnitude_counts(histogram).counts == ()
    assert set(weibull_points(histogram).x) == {math.log(0.5)}


def test_weights_far_beyond_the_fit_are_none_that_it_expects():
    """(|w| / lambda)^k is beyond all doubles there, with k = 50."""
    weights = np.random.default_rng(0).weibull(50.0, 5000)
    weights[0] = 1e12
    histogram = wg.magnitude_histogram(weights)
    fit = histogram.fit()
    found = magnitude_counts(histogram, k=fit.k, lam=fit.lam)
    assert found.counts[-1] == 1 and found.weibull[-1] == 0
    assert sum(found.weibull) == pytest.approx(5000, rel=0.01)


def _model():
    return [
        made_slice("e.0.q", "q", 0, tower="encoder", k=1.25, k_se_matrix=0.0078125),
        made_slice("e.2.q", "q", 2, tower="encoder", k=1.125, k_se_matrix=0.0625),
        made_slice("e.0.f", "ffn_in", 0, tower="encoder", status="empty", reason="all zero"),
        made_slice("d.0.v", "v", 0, tower="decoder", lam=0.5, ln_lambda_se_matrix=0.1),
        *(
            made_slice(f"d.1.{i}", "up", 1, tower="decoder", expert=i, k=1.0 + i / 10)
            for i in range(3)
        ),
        made_slice("d.1.x", "up", 1, tower="decoder", expert=3, status="too_few", reason="few"),
        made_slice("head", "head", None, tower="decoder"),
    ]


def test_grids_sort_by_tower_kind_and_block():
    encoder, decoder = block_grids(_model())
    assert (encoder.tower, encoder.kinds, encoder.blocks) == ("encoder", ("q", "ffn_in"), (0, 2))
    assert (decoder.tower, decoder.kinds, decoder.blocks) == ("decoder", ("v", "up"), (0, 1))
    assert encoder.row("q") == [1.25, 1.125]
    assert all(map(math.isnan, encoder.row("ffn_in")))
    cell = encoder.cells["q", 2]
    assert (cell.value, cell.error, cell.low, cell.high) == (1.125, 0.0625, 1.0625, 1.1875)
    assert [item.reason for item in encoder.cells["ffn_in", 0].slices] == ["all zero"]
    assert ("ffn_in", 2) not in encoder.cells
    several = decoder.cells["up", 1]
    assert (several.value, several.low, several.high) == (1.1, 1.0, 1.2)
    assert math.isnan(several.error) and len(several.slices) == 4


def test_other_quantities():
    _, decoder = block_grids(_model(), "ln_lambda")
    cell = decoder.cells["v", 0]
    assert (cell.value, cell.error) == (math.log(0.5), 0.1)
    encoder, _ = block_grids(_model(), "k_error")
    cell = encoder.cells["q", 0]
    assert (cell.value, cell.low, cell.high) == (0.0078125,) * 3 and math.isnan(cell.error)
    with pytest.raises(ValueError, match="quantity must be one of 'k', 'ln_lambda', 'k_error'"):
        block_grids(_model(), "mood")


def test_profiles_leave_out_blocks_and_kinds_without_a_fit():
    profiles = depth_profiles(_model())
    assert [(each.tower, each.kind) for each in profiles] == [
        ("encoder", "q"),
        ("decoder", "v"),
        ("decoder", "up"),
    ]
    q, _, up = profiles
    assert (q.blocks, q.values) == ((0, 2), (1.25, 1.125))
    assert (q.low, q.high) == ((1.2421875, 1.0625), (1.2578125, 1.1875))
    assert (up.blocks, up.values, up.low, up.high) == ((1,), (1.1,), (1.0,), (1.2,))


@pytest.mark.parametrize("per", ["tensor", "head"])
def test_profiles_of_columns_are_those_of_records(per):
    """Of heads several are in one block."""
    fit = wg.fit(demo.paths()["step-last"], per=per)
    rows = [row for row, item in enumerate(fit.slices) if item.kind in MATRIX_KINDS]
    found = depth_profiles_of_k(columns_of(fit.slices), np.array(rows, np.int64))
    assert found == depth_profiles([fit.slices[row] for row in rows])
    assert len({each.kind for each in found}) == 7


def test_models_without_blocks_have_no_grid():
    assert block_grids([made_slice("w", "head")]) == [] == depth_profiles([made_slice("w", "head")])
    without_error = block_grids([made_slice("a.0.q", "q", 0, k_se_matrix=NAN)])[0].cells["q", 0]
    assert (without_error.low, without_error.high) == (1.2, 1.2)


@pytest.mark.parametrize(
    ("least", "step"),
    [
        (-3, 1),
        (0, 1),
        (1, 1),
        (1.01, 2),
        (2, 2),
        (3, 5),
        (5.5, 10),
        (10, 10),
        (120, 200),
        (501, 1000),
    ],
)
def test_rulers_name_every_first_second_or_fifth(least, step):
    assert round_step(least) == step
