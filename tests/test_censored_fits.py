"""Zeros as left-censored magnitudes: the fit, its errors, and where nothing is left to fit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import interpolate, special, stats

import oracle
import weightgauge as wg
from samples import FORMATS, TRIMS
from weightgauge.diagnosis import init_anchor

EXACT = ("BF16", "F16", "F32", "F64", "F8_E4M3")


def pruned(n, share, rng, sigma=0.02):
    """Normal weights of which the smallest are zero, the share exactly."""
    values = rng.normal(0, sigma, n)
    values[np.argsort(np.abs(values))[: round(share * n)]] = 0
    return values


def same_as_oracle(fit, values, trim="mid_80", tolerance=1e-11):
    x = oracle.magnitudes(values)
    zeros = np.size(values) - x.size
    expected = oracle.censored_fit(x, zeros, trim)
    assert expected is not None
    assert fit.k == pytest.approx(expected.k, rel=tolerance)
    assert fit.lam == pytest.approx(expected.lam, rel=tolerance)
    assert fit.r2 == pytest.approx(expected.r2, rel=tolerance)
    assert fit.ks == pytest.approx(oracle.censored_ks(x, zeros, fit.k, fit.lam), rel=1e-9)


@pytest.mark.parametrize("trim", TRIMS)
@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("share", [0.0, 0.03, 0.1, 0.3, 0.5, 0.88])
def test_the_fit_is_that_of_the_definition(dtype, share, trim):
    values = pruned(6000, share, np.random.default_rng(1), sigma=1.0).astype(FORMATS[dtype])
    same_as_oracle(wg.fit_weibull(values, trim=trim, zeros="censor"), values, trim)


@pytest.mark.parametrize("n", [80, 1000, 1025, 1500, 40_000])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.75])
def test_small_and_middling_sizes(n, share):
    for seed in range(3):
        values = pruned(n, share, np.random.default_rng(seed)).astype(np.float32)
        for trim in TRIMS:
            same_as_oracle(wg.fit_weibull(values, trim=trim, zeros="censor"), values, trim)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("dtype", ["F32", "F64"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.85])
def test_large_wide_formats(dtype, share, exact):
    values = pruned(400_000, share, np.random.default_rng(2)).astype(FORMATS[dtype])
    fit = wg.fit_weibull(values, zeros="censor", exact=exact)
    x = oracle.magnitudes(values)
    expected = oracle.censored_fit(x, values.size - x.size)
    for found, right in ((fit.k, expected.k), (fit.lam, expected.lam), (fit.r2, expected.r2)):
        assert found == pytest.approx(right, rel=1e-12 if fit.exact else 1e-8)
    assert fit.exact or not exact
    ks = oracle.censored_ks(x, values.size - x.size, fit.k, fit.lam)
    assert fit.ks == pytest.approx(ks, rel=1e-9) if fit.exact else abs(fit.ks - ks) < 2e-4


@pytest.mark.parametrize("trim", TRIMS)
def test_without_zeros_nothing_changes(trim):
    values = np.random.default_rng(3).normal(0, 0.02, 200_000).astype(np.float32)
    for part in (values, values[:5000], values.astype(FORMATS["BF16"])):
        left_out = wg.fit_weibull(part, trim=trim)
        censored = wg.fit_weibull(part, trim=trim, zeros="censor")
        names = ("k", "k_se", "lam", "ln_lambda_se", "r2", "ks", "n", "status", "exact")
        assert [getattr(left_out, name) for name in names] == [
            getattr(censored, name) for name in names
        ]
        assert (left_out.zero_handling, censored.zero_handling) == ("exclude", "censor")


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_pruned_gaussian_weights_have_the_k_of_gaussian_weights_there(share):
    values = pruned(1_000_000, share, np.random.default_rng(4)).astype(np.float32)
    fit = wg.fit_weibull(values, zeros="censor")
    anchor = init_anchor("normal", censored=share)
    assert abs(fit.k - anchor.k) < 4 * fit.k_se
    assert fit.lam == pytest.approx(0.02 * anchor.lambda_over_rms, rel=4 * fit.ln_lambda_se)
    left_out = wg.fit_weibull(values)
    assert left_out.k > 1.2 * anchor.k  # far from any Gaussian weights'


@pytest.mark.parametrize("share", [0.0, 0.05, 0.25, 0.5, 0.85])
def test_the_anchor_of_a_cut_window_is_that_of_a_fine_plot(share):
    p = np.linspace(max(0.1, share), 0.9, 400_001)
    p = (p[1:] + p[:-1]) / 2
    line = stats.linregress(np.log(stats.halfnorm.ppf(p)), np.log(-np.log1p(-p)))
    anchor = init_anchor("normal", censored=share)
    assert anchor.k == pytest.approx(line.slope, rel=1e-6)
    assert anchor.r2 == pytest.approx(line.rvalue**2, rel=1e-6)


def test_an_anchor_beyond_the_window_is_refused():
    with pytest.raises(ValueError, match=r"censored must be at least 0 and below 0\.9"):
        init_anchor("normal", censored=0.9)


def test_a_weibull_distribution_keeps_its_k_however_many_are_censored():
    rng = np.random.default_rng(5)
    values = 0.3 * rng.weibull(0.8, 300_000)
    for share in (0.2, 0.5, 0.8):
        cut = np.where(values < np.quantile(values, share), 0, values).astype(np.float32)
        fit = wg.fit_weibull(cut, zeros="censor")
        assert abs(fit.k - 0.8) < 4 * fit.k_se
        assert abs(math.log(fit.lam / 0.3)) < 4 * fit.ln_lambda_se


def coverage(draw, truth_k, truth_ln_lambda, repeats=1500):
    """Share of 95 % intervals that hold the truth, for k and for ln lambda."""
    held = np.zeros(2)
    for seed in range(repeats):
        fit = wg.fit_weibull(draw(np.random.default_rng(seed)), zeros="censor", threads=1)
        held[0] += abs(fit.k - truth_k) < 1.959964 * fit.k_se
        held[1] += abs(math.log(fit.lam) - truth_ln_lambda) < 1.959964 * fit.ln_lambda_se
    return held / repeats


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.8])
@pytest.mark.parametrize("spread", ["normal", "weibull", "student"])
def test_standard_errors_cover_where_small_weights_are_zero(spread, share):
    """Every weight below one threshold is zero, so that their number varies from draw to draw."""
    law = {"normal": stats.halfnorm(), "weibull": stats.weibull_min(0.8), "student": None}[spread]
    quantile = law.ppf if law else lambda p: stats.t(3).ppf((1 + p) / 2)
    p = np.linspace(max(0.1, share), 0.9, 200_001)
    p = (p[1:] + p[:-1]) / 2
    line = stats.linregress(np.log(quantile(p)), np.log(-np.log1p(-p)))
    threshold = quantile(share)

    def draw(rng):
        values = quantile(rng.random(4096))
        return np.where(values < threshold, 0, values).astype(np.float32)

    found = coverage(draw, line.slope, -line.intercept / line.slope)
    assert np.all((found > 0.93) & (found < 0.97)), found


def test_the_error_counts_the_varying_number_of_zeros():
    """Where the plot bends, the lower end of the window moves k with the number of zeros.

    The draws' own spread is the measure. Leaving the zeros' part out would be some per cent off.
    """
    rng = np.random.default_rng(7)
    k, errors = [], []
    for _ in range(3000):
        values = np.abs(rng.uniform(-1, 1, 2048))  # far from a Weibull distribution
        fit = wg.fit_weibull(np.where(values < 0.3, 0, values), zeros="censor", threads=1)
        k.append(fit.k)
        errors.append(fit.k_se)
    assert np.mean(errors) == pytest.approx(np.std(k), rel=0.04)


def test_how_zeros_were_taken_is_told():
    values = pruned(1000, 0.5, np.random.default_rng(8)).astype(np.float32)
    fit = wg.fit_weibull(values, zeros="censor")
    assert (fit.n, fit.zeros, fit.status, fit.zero_handling) == (500, 500, "sparse", "censor")
    assert fit.reason == (
        "50.0% of the elements are zero; they rank below all others (left-censored)"
    )
    assert fit.to_dict()["zero_handling"] == "censor"
    assert wg.fit_weibull(values).reason == "50.0% of the elements are zero; fitted on the rest"


@pytest.mark.parametrize("trim", TRIMS)
@pytest.mark.parametrize("dtype", ["BF16", "F32"])
@pytest.mark.parametrize("left", [0, 1, 9])
def test_almost_all_zero_has_a_reason(left, dtype, trim):
    values = np.zeros(5000)
    values[:left] = np.linspace(0.01, 0.02, left)
    fit = wg.fit_weibull(values.astype(FORMATS[dtype]), trim=trim, zeros="censor")
    assert fit.status == ("empty" if left == 0 else "too_few")
    assert fit.reason
    assert math.isnan(fit.k)
    assert math.isnan(fit.k_se)


@pytest.mark.parametrize("n", [2000, 1_000_000])
@pytest.mark.parametrize("dtype", ["BF16", "F32", "F64"])
@pytest.mark.parametrize("exact", [False, True])
def test_zeros_beyond_the_top_of_the_window_have_a_reason(n, dtype, exact):
    values = pruned(n, 0.99, np.random.default_rng(9)).astype(FORMATS[dtype])
    fit = wg.fit_weibull(values, zeros="censor", exact=exact)
    assert fit.status == "too_few"
    assert fit.reason == (
        "99.0% of the elements are zero and rank below all others; fewer than 10 others lie inside "
        "the window"
    )
    assert fit.to_dict()["k"] is None
    assert wg.fit_weibull(values).status == "sparse"
    # All others lie in the window of all ranks.
    full = wg.fit_weibull(values, trim="full", zeros="censor", exact=exact)
    assert full.status == "sparse"
    x = oracle.magnitudes(values)
    expected = oracle.censored_fit(x, n - x.size, "full")
    assert full.k == pytest.approx(expected.k, rel=1e-8)
    assert full.lam == pytest.approx(expected.lam, rel=1e-8)


def test_ten_in_the_window_are_enough_and_nine_are_not():
    n = 1000  # ranks 101 to 900 lie in the window
    for zeros, fitted in ((890, True), (891, False)):
        values = np.r_[np.zeros(zeros), np.linspace(1, 2, n - zeros)]
        fit = wg.fit_weibull(values, zeros="censor")
        assert (fit.status == "sparse") is fitted
        if fitted:
            same_as_oracle(fit, values, tolerance=1e-9)


def test_one_magnitude_in_what_is_left_of_the_window():
    values = np.r_[np.zeros(600), np.full(300, 0.5), np.linspace(1, 2, 100)]
    fit = wg.fit_weibull(values, zeros="censor")
    assert (fit.status, fit.reason) == ("degenerate", "one magnitude fills the whole window")


def test_a_narrow_rest_of_the_window_keeps_its_digits():
    values = pruned(3_000_000, 0.8999, np.random.default_rng(10)).astype(np.float32)
    fit = wg.fit_weibull(values, zeros="censor", exact=True)
    same_as_oracle(fit, values, tolerance=1e-8)


def test_nan_and_infinite_elements_have_no_rank():
    values = pruned(4000, 0.4, np.random.default_rng(11))
    spoilt = np.r_[values, np.full(700, np.nan), np.full(300, np.inf)]
    fit = wg.fit_weibull(spoilt, zeros="censor")
    assert fit.k == wg.fit_weibull(values, zeros="censor").k
    assert fit.nonfinite == 1000


def test_the_published_protocol_leaves_zeros_out():
    with pytest.raises(ValueError, match="protocol 'paper' leaves them out"):
        wg.fit_weibull(np.ones(3), protocol="paper", zeros="censor")
    with pytest.raises(ValueError, match="zeros must be one of 'exclude', 'censor', not 'drop'"):
        wg.fit_weibull(np.ones(3), zeros="drop")


@pytest.mark.parametrize("dtype", ["BF16", "F32"])
@pytest.mark.parametrize("n", [3000, 300_000])
def test_a_histogram_has_the_same_fit(dtype, n):
    values = pruned(n, 0.5, np.random.default_rng(12)).astype(FORMATS[dtype])
    counts = wg.magnitude_histogram(values)
    found = counts.fit(zeros="censor")
    direct = wg.fit_weibull(values, zeros="censor")
    assert found.k == pytest.approx(direct.k, rel=1e-8)
    assert found.zero_handling == "censor"
    halves = [wg.magnitude_histogram(part) for part in np.array_split(values, 2)]
    assert halves[0].merge(halves[1]).fit(zeros="censor").k == pytest.approx(direct.k, rel=1e-8)


@pytest.mark.parametrize("threads", [1, 2])
def test_bits_do_not_depend_on_threads(threads):
    values = pruned(700_000, 0.6, np.random.default_rng(13)).astype(np.float32)
    fits = [wg.fit_weibull(values, zeros="censor", exact=e, threads=threads) for e in (False, True)]
    again = [wg.fit_weibull(values, zeros="censor", exact=e, threads=2) for e in (False, True)]
    assert [each.to_dict() for each in fits] == [each.to_dict() for each in again]


def functional(levels, counts, zeros, low=0.1, high=0.9):
    """The fits of rows of counts: k and ln lambda by integrals over plotting positions."""
    u = -np.log1p(-np.linspace(low, high, 20_001))
    integral = -np.exp(-u) * np.log(u) - special.exp1(u)
    cumulative = zeros[:, None] + np.cumsum(counts, axis=1)
    total = cumulative[:, -1:]
    edges = np.concatenate((zeros[:, None], cumulative), axis=1) / total
    inside = np.clip(edges, np.maximum(low, zeros[:, None] / total), high)
    spline = interpolate.CubicSpline(-np.expm1(-u), integral)
    width, ordinates = np.diff(inside), np.diff(spline(inside))
    m = width.sum(axis=1, keepdims=True)
    x = np.log(levels)
    x_mean, y_mean = (width * x).sum(axis=1) / m[:, 0], ordinates.sum(axis=1) / m[:, 0]
    centred = x - x_mean[:, None]
    k = (centred * ordinates).sum(axis=1) / (width * centred**2).sum(axis=1)
    return np.stack((k, x_mean - y_mean / k), axis=1)


@pytest.mark.parametrize("share", [0.04, 0.3, 0.6])
def test_standard_errors_are_those_of_the_derivatives_of_the_fit(share):
    """How the fit moves when there is one element more of a level, or one zero: by differences."""
    values = np.ceil(1500 * np.random.default_rng(14).random(100_000)) / 1500  # a bent plot
    values[values < share] = 0
    levels, counts = np.unique(values[values > 0], return_counts=True)
    present = np.r_[np.sum(values == 0), counts].astype(np.float64)  # the zeros first
    fit = wg.fit_weibull(values, zeros="censor")
    found = functional(levels, present[None, 1:], present[:1])[0]
    assert np.allclose(found, [fit.k, math.log(fit.lam)], rtol=1e-6)
    more, less = present + 0.5 * np.eye(present.size), present - 0.5 * np.eye(present.size)
    moved = functional(levels, more[:, 1:], more[:, 0]) - functional(
        levels, less[:, 1:], less[:, 0]
    )
    squares = (present[:, None] * moved**2).sum(axis=0)
    assert [fit.k_se, fit.ln_lambda_se] == pytest.approx(np.sqrt(squares).tolist(), rel=0.01)
