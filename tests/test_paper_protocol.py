"""The paper's protocol compared with the published library, and its KS corrected."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import weightgauge as wg
from closeness import relative
from oracle import ks_distance, magnitudes, paper_fit
from samples import TRIMS, WIDE_CASES, as_float64, draw

weibull = pytest.importorskip("npm_weibull.core.weibull")
histogram = pytest.importorskip("npm_weibull.utils.histogram")

# What is promised. The same bins and weights; the library solves by SVD of a 1,024-row system,
# which differs from centred sums in the last four or five digits only.
REL = 1e-9

THEIR_TRIM = {"mid_80": "mid_80", "mid_90": "mid_90", "full": "full_range"}


def published_fit(values, trim):
    finite = as_float64(values).astype(np.float32)
    return weibull.weibull_fit(histogram.extract_to_histogram(finite), trim=THEIR_TRIM[trim])


def assert_as_published(values, trim):
    theirs = published_fit(values, trim)
    assert theirs["ok"]
    fit = wg.fit_weibull(values, protocol="paper", trim=trim)
    assert fit.protocol == "paper"
    assert (fit.k, fit.lam, fit.r2) == relative(
        (theirs["k"], theirs["lambda"], theirs["R2"]), rel=REL
    )
    return fit


@pytest.mark.parametrize("trim", TRIMS)
@pytest.mark.parametrize("n", [1000, 50_000])
@pytest.mark.parametrize(
    "distribution",
    ["normal_0.02", "normal_1", "uniform", "laplace", "t3", "lognormal", "half_zeros", "mixture"],
)
@pytest.mark.parametrize("spelling", ["BF16", "F16", "F32"])
def test_numbers_are_those_of_the_library(spelling, distribution, n, trim):
    assert_as_published(draw(distribution, spelling, n), trim)


@pytest.mark.parametrize("trim", TRIMS)
@pytest.mark.parametrize("spelling", ["BF16", "F32"])
@pytest.mark.parametrize("scale", [1e-12, 1e-9, 1e-5, 1.0, 40.0, 90.0])
def test_scales_up_to_the_ends_of_the_range(spelling, scale, trim):
    # At 1e-12 and 90 part of the data lie outside [1e-12, 100] and leave the count.
    values = (np.random.default_rng(1).normal(0, scale, 100_000)).astype(np.float32)
    values = values.astype(draw("normal_1", spelling, 1).dtype)
    assert_as_published(values, trim)


@pytest.mark.parametrize("trim", TRIMS)
@pytest.mark.parametrize("spelling", ["BF16", "F16", "F32"])
def test_a_million_elements(spelling, trim):
    assert_as_published(draw("normal_0.02", spelling, 1_000_000), trim)


def test_values_on_and_beside_the_bin_edges():
    # float32 neighbours of all 1,025 edges: one wrong threshold moves a count between bins.
    edges = np.linspace(-12, 2, 1025)
    centres = (10.0**edges).astype(np.float32)
    steps = np.arange(-6, 7, dtype=np.int32)
    near = (centres.view(np.int32)[:, None] + steps).ravel().view(np.float32)
    # Each element with a multiplicity of its own, so that two errors cannot cancel.
    values = np.repeat(near, 1 + np.arange(near.size) * 7 % 5)
    fit = assert_as_published(values, "full")
    ours = paper_fit(values, "full")
    assert (fit.k, fit.lam, fit.r2) == relative((ours.k, ours.lam, ours.r2), rel=REL)


def test_both_ends_of_the_range_are_numpys():
    # NumPy's last bin is closed: 100 counts, 1e-12 counts, their outer neighbours do not.
    inside = np.float32([1e-12, 100.0]).repeat(300)
    outside = np.nextafter(inside, np.float32([0, 1e9]).repeat(300))
    body = draw("normal_0.02", "F32", 2000)
    for values in (np.concatenate([body, inside]), np.concatenate([body, outside])):
        for trim in TRIMS:
            assert_as_published(values.astype(np.float32), trim)


def test_nonfinite_and_zero_elements_are_left_out():
    values = draw("normal_0.02", "F32", 5000)
    extended = np.concatenate([values, np.float32([0, -0.0, np.nan, np.inf, -np.inf] * 20)])
    clean, mixed = (wg.fit_weibull(v, protocol="paper") for v in (values, extended))
    assert (mixed.k, mixed.lam, mixed.r2, mixed.ks) == (clean.k, clean.lam, clean.r2, clean.ks)
    assert (mixed.n, mixed.zeros, mixed.nonfinite) == (5000, 40, 60)


@pytest.mark.parametrize("spelling", ["BF16", "F16", "F32"])
@pytest.mark.parametrize("trim", TRIMS)
def test_ks_is_the_distance_of_the_data_from_the_reported_fit(spelling, trim):
    values = draw("normal_1", spelling, 50_000)
    fit = wg.fit_weibull(values, protocol="paper", trim=trim)
    # 50,000 elements are counted apart in every format: rounding only.
    distance = ks_distance(magnitudes(as_float64(values)), fit.k, fit.lam)
    assert fit.ks == pytest.approx(distance, abs=1e-14)


def test_an_exact_weibull_is_at_no_distance():
    n = 200_000
    values = stats.weibull_min.ppf((np.arange(n) + 0.5) / n, 1.2).astype(np.float32)
    fit = wg.fit_weibull(values, protocol="paper")
    # The library compares an upper-edge ECDF with the CDF at bin centres and reports 0.00695.
    assert published_fit(values, "mid_80")["KS"] == pytest.approx(0.00695, abs=1e-5)
    # What is left is the bins' bias: 2e-3 in k moves the CDF by at most 0.3 * 2e-3, 1e-3 in
    # lambda by 0.37 * 1.2e-3; and bins of 2^-13, 2e-4.
    assert fit.ks < 0.0013


@pytest.mark.parametrize("distribution", ["normal_1", "t3", "laplace"])
@pytest.mark.parametrize(("spelling", "k_bias", "lam_bias"), [("F32", 2e-3, 1e-3),
                                                             ("F16", 2e-3, 1e-3),
                                                             ("BF16", 3e-3, 1.6e-3)])  # fmt: skip
def test_bias_of_the_bins_is_as_documented(distribution, spelling, k_bias, lam_bias):
    values = draw(distribution, spelling, 300_000)
    order, paper = (wg.fit_weibull(values, protocol=p) for p in ("order", "paper"))
    assert paper.k == relative(order.k, rel=k_bias)
    assert paper.lam == relative(order.lam, rel=lam_bias)
    # It is another estimate all the same: the protocols are not confused.
    assert paper.k != relative(order.k, rel=1e-7)


@pytest.mark.parametrize("n", [1000, 200_000])
@pytest.mark.parametrize("distribution", ["normal_0.02", "t3", "narrow_1", "upcast_bf16"])
def test_exact_makes_no_difference_to_the_bins(distribution, n):
    assert ("F32", distribution) in WIDE_CASES
    values = draw(distribution, "F32", n)
    one, other = (
        wg.fit_weibull(values, protocol="paper", trim="full", exact=exact).to_dict()
        for exact in (False, True)
    )
    for name in ("k", "lambda", "r2", "n", "status"):
        assert one[name] == other[name], name


def test_too_few_bins_is_a_status():
    # The library answers "insufficient bins" with NaN; here that has a status and a reason.
    values = np.repeat(np.float32([1.0, 1.001, 1.002]), 400)
    fit = wg.fit_weibull(values, protocol="paper")
    assert np.isnan(fit.k)
    assert fit.status == "degenerate"
    assert fit.reason
