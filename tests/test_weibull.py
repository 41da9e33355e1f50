"""`fit_weibull` compared with the sorting oracle: every format, distribution, size and trim."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from scipy import stats

import weightgauge as wg
from closeness import relative
from oracle import ks_distance, magnitudes, order_fit, standard_errors
from samples import COMMON, NARROW, TRIMS, WIDE_CASES, as_float64, draw

# What is promised: formats of 16 bits and less, and `exact=True`, agree with the oracle to 1e-12
# in k, lambda and R2; the default on F32 and F64 to 1e-8.
EXACT, DEFAULT = 1e-12, 1e-8
# Default on F32/F64: an ECDF known at bin edges only, bins of relative width 2^-13.
KS_BINNED = 2e-4
NUMBERS = ("k", "k_se", "lam", "ln_lambda_se", "r2", "ks")
FITTED = ("ok", "sparse")
LARGEST_COUNTED_APART = 131_072  # up to here F32 and F64 are exact without being asked


def assert_matches(fit, x, trim, *, rel, ks_abs=0.0):
    """Compare a fit with the oracle's for sorted magnitudes `x`, also where there is none."""
    assert fit.n == x.size
    expected = order_fit(x, trim) if x.size >= 10 else None
    if expected is None:
        state = "empty" if x.size == 0 else "too_few" if x.size < 10 else "degenerate"
        assert fit.status == state
        assert all(math.isnan(getattr(fit, name)) for name in NUMBERS)
        return
    assert fit.status in FITTED
    assert (fit.k, fit.lam, fit.r2) == relative((expected.k, expected.lam, expected.r2), rel=rel), (
        trim
    )
    # The distance is from the fit as reported. Beside a handful of roundings of numbers below 1
    # there are those of ln x and ln lambda, half an ulp each, which the CDF multiplies by up to
    # 0.37 k: where all data lie within some ulps, hardly a digit is left.
    rounding = 4e-15 + 1e-16 * fit.k * (1 + abs(math.log(fit.lam)))
    ks = ks_distance(x, fit.k, fit.lam)
    assert fit.ks == pytest.approx(ks, abs=ks_abs + rounding), trim


@pytest.mark.parametrize("n", [10, 37, 1000, 20_011])
@pytest.mark.parametrize("distribution", COMMON)
@pytest.mark.parametrize("spelling", ["BF16", "F16"])
def test_16_bit_formats_are_exact(spelling, distribution, n):
    values = draw(distribution, spelling, n)
    x = magnitudes(as_float64(values))
    for trim in TRIMS:
        assert_matches(wg.fit_weibull(values, trim=trim), x, trim, rel=EXACT)


@pytest.mark.parametrize("n", [10, 300, 5000])
@pytest.mark.parametrize("distribution", ["normal_1", "uniform", "t3", "ties", "lognormal"])
@pytest.mark.parametrize("spelling", [s for s in NARROW if s.startswith(("F8", "F4"))])
def test_8_and_4_bit_formats_are_exact(spelling, distribution, n):
    values = draw(distribution, spelling, n)
    x = magnitudes(as_float64(values))
    for trim in TRIMS:
        assert_matches(wg.fit_weibull(values, trim=trim), x, trim, rel=EXACT)


@pytest.mark.parametrize(
    ("spelling", "distribution"),
    [
        ("BF16", "normal_0.02"),
        ("BF16", "half_zeros"),
        ("F16", "normal_0.02"),
        ("F16", "ties"),
        ("F8_E4M3", "normal_1"),
    ],
)
def test_3_million_narrow_elements(spelling, distribution):
    values = draw(distribution, spelling, 3_000_000)
    x = magnitudes(as_float64(values))
    for trim in ("mid_80", "full"):
        assert_matches(wg.fit_weibull(values, trim=trim), x, trim, rel=EXACT)


@pytest.mark.parametrize("n", [10, 1000, 5000])
@pytest.mark.parametrize(("spelling", "distribution"), WIDE_CASES)
def test_small_wide_arrays_are_exact_by_default(spelling, distribution, n):
    values = draw(distribution, spelling, n)
    x = magnitudes(as_float64(values))
    for trim in TRIMS:
        for exact in (False, True):
            fit = wg.fit_weibull(values, trim=trim, exact=exact)
            assert_matches(fit, x, trim, rel=EXACT)


@pytest.mark.parametrize(
    ("n", "trim"),
    [
        (LARGEST_COUNTED_APART, "mid_80"),
        (LARGEST_COUNTED_APART + 1, "mid_80"),
        (LARGEST_COUNTED_APART + 1, "full"),
    ],
)
@pytest.mark.parametrize(("spelling", "distribution"), WIDE_CASES)
def test_wide_arrays_at_the_size_where_binning_starts(spelling, distribution, n, trim):
    values = draw(distribution, spelling, n)
    x = magnitudes(as_float64(values))
    binned = n > LARGEST_COUNTED_APART
    assert_matches(
        wg.fit_weibull(values, trim=trim),
        x,
        trim,
        rel=DEFAULT if binned else EXACT,
        ks_abs=KS_BINNED if binned else 0.0,
    )
    assert_matches(wg.fit_weibull(values, trim=trim, exact=True), x, trim, rel=EXACT)


@pytest.mark.parametrize(("spelling", "distribution"), WIDE_CASES)
def test_300_thousand_wide_elements(spelling, distribution):
    values = draw(distribution, spelling, 300_000)
    x = magnitudes(as_float64(values))
    fit = wg.fit_weibull(values, trim="mid_90")
    assert_matches(fit, x, "mid_90", rel=DEFAULT, ks_abs=KS_BINNED)
    assert_matches(wg.fit_weibull(values, trim="mid_90", exact=True), x, "mid_90", rel=EXACT)


@pytest.mark.parametrize("distribution", ["normal_0.02", "narrow_7.3", "lattice", "far_clusters"])
@pytest.mark.parametrize("spelling", ["F32", "F64"])
def test_2_million_wide_elements(spelling, distribution):
    values = draw(distribution, spelling, 2_000_000)
    x = magnitudes(as_float64(values))
    for trim in ("mid_80", "full") if distribution == "normal_0.02" else ("mid_80",):
        fit = wg.fit_weibull(values, trim=trim)
        assert_matches(fit, x, trim, rel=DEFAULT, ks_abs=KS_BINNED)
        assert_matches(wg.fit_weibull(values, trim=trim, exact=True), x, trim, rel=EXACT)


def subnormals_and_the_smallest(spelling: str, n: int) -> np.ndarray:
    rng = np.random.default_rng(10)
    raw, wide = ("u4", "f4") if spelling == "F32" else ("u8", "f8")
    values = rng.integers(1, 2**9, n).astype(raw).view(wide)
    values[::3] = 8 * np.finfo(wide).tiny * rng.random(values[::3].size)
    return values


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("spelling", ["F32", "F64"])
def test_many_subnormals_are_fitted_exactly(spelling, exact):
    values = subnormals_and_the_smallest(spelling, 300_000)
    x = magnitudes(as_float64(values))
    for trim in TRIMS:
        fit = wg.fit_weibull(values, trim=trim, exact=exact)
        # The scale may be subnormal itself, and so have few digits.
        step = 0.37 * fit.k * (np.spacing(fit.lam) / fit.lam)
        assert_matches(fit, x, trim, rel=EXACT, ks_abs=step)


@pytest.mark.parametrize("n", [LARGEST_COUNTED_APART + 1, 400_000])
@pytest.mark.parametrize("spelling", ["F32", "F64"])
def test_standard_errors_of_clusters_far_apart(spelling, n):
    rng = np.random.default_rng(11)
    values = rng.choice([1, 3.7, 5], n) * (1 + 1e-5 * rng.random(n))
    values = values.astype("f4" if spelling == "F32" else "f8")
    x = magnitudes(as_float64(values))
    for trim in TRIMS:
        fit = wg.fit_weibull(values, trim=trim, exact=True)
        k_se, ln_lambda_se = standard_errors(x, trim)
        assert (fit.k_se, fit.ln_lambda_se) == relative((k_se, ln_lambda_se), rel=1e-8), trim


def any_bits(n: int, mask: int = 0xFFFFFFFF) -> np.ndarray:
    """F32 of all magnitudes there are, NaN and infinity among them."""
    raw = np.random.default_rng(8).integers(0, 1 << 32, n, np.uint32)
    return (raw & np.uint32(mask)).view("f4")


def many_octaves(n: int) -> np.ndarray:
    """F64 whose exponents reach beyond the table of bins."""
    return np.exp2(np.random.default_rng(9).uniform(-300, -100, n))


@pytest.mark.parametrize("trim", TRIMS)
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: any_bits(900_000), id="F32"),
        # Each bin holds one magnitude, and there is no room for all bins.
        pytest.param(lambda: any_bits(900_000, 0xFFFFFC00), id="F32 of 13 digits"),
        pytest.param(lambda: many_octaves(500_000), id="F64"),
    ],
)
def test_more_bins_than_memory_is_for_are_fitted_exactly(make, trim):
    values = make()
    x = magnitudes(as_float64(values))
    plain, exact = wg.fit_weibull(values, trim=trim), wg.fit_weibull(values, trim=trim, exact=True)
    assert plain == exact
    assert_matches(plain, x, trim, rel=EXACT)
    finite = as_float64(values)[np.isfinite(values)] / x[-1]
    assert plain.rms / x[-1] == pytest.approx(math.sqrt(np.mean(finite**2)), rel=1e-12)
    for threads in (1, 3, 7):
        assert wg.fit_weibull(values, trim=trim, threads=threads) == plain
    counts = wg.magnitude_histogram(values)
    assert (counts.n, counts.magnitudes[-1]) == (x.size, pytest.approx(x[-1], rel=1e-4))


@pytest.mark.parametrize("spelling", ["F32", "F64"])
def test_many_magnitudes_beyond_the_window_do_not_make_it_less_flat(spelling):
    # One magnitude fills the window; the others are all in one bin.
    values = np.ones(200_000, "f4" if spelling == "F32" else "f8")
    values[:10_000] += 3 + 1e-5 * np.random.default_rng(1).random(10_000)
    for exact in (False, True):
        fit = wg.fit_weibull(values, exact=exact)
        assert (fit.status, fit.n, math.isnan(fit.k)) == ("degenerate", 200_000, True)
        assert "window" in fit.reason


def test_outliers_do_not_disturb_the_window():
    # One value decides max and the width of any adaptive binning, but no rank in the window.
    values = draw("normal_0.02", "F32", 200_000)
    values[77] = 3e38
    x = magnitudes(as_float64(values))
    assert_matches(wg.fit_weibull(values), x, "mid_80", rel=DEFAULT, ks_abs=KS_BINNED)
    assert_matches(wg.fit_weibull(values, exact=True), x, "mid_80", rel=EXACT)


@pytest.mark.parametrize("trim", TRIMS)
@pytest.mark.parametrize("spelling", ["F64", "F32", "BF16"])
def test_a_tie_across_the_end_of_the_window(spelling, trim):
    # Ranks 51..200 of 1,000 share a magnitude, and 801..980: both ends of mid_80 and mid_90 cut
    # through a tie group, of which only the ranks inside may count.
    x = np.linspace(0.5, 3, 1000)
    x[30:200] = x[30]
    x[800:980] = x[800]
    values = draw("normal_1", spelling, 1000)
    values[:] = x.astype(values.dtype)
    expected = magnitudes(as_float64(values))
    assert_matches(wg.fit_weibull(values, trim=trim), expected, trim, rel=EXACT)


@pytest.mark.parametrize("n", [15, 25, 50, 105, 1005])
def test_positions_exactly_on_the_end_of_the_window_are_inside(n):
    # (i - 1/2)/n = 0.1 exactly where n = 5 (mod 10): the window is closed.
    x = magnitudes(np.random.default_rng(n).normal(size=n))
    for trim in TRIMS:
        assert_matches(wg.fit_weibull(x, trim=trim), x, trim, rel=EXACT)


@pytest.mark.parametrize("trim", TRIMS)
@pytest.mark.parametrize("distribution", ["normal_0.02", "t3", "lognormal", "uniform"])
def test_standard_errors_follow_the_formula(distribution, trim):
    x = draw(distribution, "F64", 50_000)
    fit = wg.fit_weibull(x, trim=trim)
    assert (fit.k_se, fit.ln_lambda_se) == relative(standard_errors(magnitudes(x), trim), rel=1e-11)


@pytest.mark.parametrize("trim", TRIMS)
@pytest.mark.parametrize("distribution", COMMON)
@pytest.mark.parametrize("spelling", ["BF16", "F16"])
def test_standard_errors_of_16_bit_formats_follow_the_formula(spelling, distribution, trim):
    values = draw(distribution, spelling, 20_011)
    fit = wg.fit_weibull(values, trim=trim)
    x = magnitudes(as_float64(values))
    assert (fit.status in FITTED) == (order_fit(x, trim) is not None)
    if fit.status in FITTED:
        assert (fit.k_se, fit.ln_lambda_se) == relative(standard_errors(x, trim), rel=1e-11)


@pytest.mark.parametrize("spelling", ["BF16", "F16", "F32"])
def test_standard_errors_hardly_depend_on_the_format(spelling):
    values = draw("normal_0.02", spelling, 300_000)
    fit = wg.fit_weibull(values)
    reference = standard_errors(magnitudes(draw("normal_0.02", "F64", 300_000)))
    # BF16 has some 470 magnitudes in the window: a sum over gaps instead of an integral.
    assert (fit.k_se, fit.ln_lambda_se) == relative(reference, rel=1e-2)


def test_standard_errors_shrink_with_the_root_of_n():
    x = draw("normal_0.02", "F64", 20_000)
    once, four_times = wg.fit_weibull(x), wg.fit_weibull(np.tile(x, 4))
    # The same empirical distribution: only the positions move, by less than 1/n.
    assert once.k_se / four_times.k_se == relative(2.0, rel=1e-3)
    assert once.ln_lambda_se / four_times.ln_lambda_se == relative(2.0, rel=1e-3)


@pytest.mark.parametrize("spelling", ["BF16", "F16", "F8_E4M3", "F32", "F64"])
@pytest.mark.parametrize("n", [1000, 200_000])
def test_rms_and_max(spelling, n):
    values = draw("uniform", spelling, n)
    values[values == 0] = 1  # so that no zero is there to be counted or not
    x = magnitudes(as_float64(values))
    fit = wg.fit_weibull(values)
    assert fit.max == x[-1]
    # A bin of relative width 2^-13 known by its mean misses its variance: under 2^-26/12 = 1e-9.
    assert fit.rms == relative(math.sqrt(np.mean(x**2)), rel=2e-9)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_rms_neither_overflows_nor_vanishes(scale):
    x = np.abs(np.random.default_rng(2).normal(size=2000)) + 0.1
    fit = wg.fit_weibull(x * scale)
    assert fit.max == (x * scale).max()
    # Squares of the raw values leave the range of doubles; rounding of x * scale is 1e-16.
    assert fit.rms / scale == relative(math.sqrt(np.mean(x**2)), rel=1e-12)


def test_an_exact_weibull_is_returned():
    n = 10_000
    x = 0.02 * stats.weibull_min.ppf((np.arange(n) + 0.5) / n, 1.2)
    fit = wg.fit_weibull(x)
    # ppf is good to a few ulps.
    assert (fit.k, fit.lam, fit.r2) == relative((1.2, 0.02, 1.0), rel=1e-12)
    # On its own curve the ECDF's steps are the whole distance: half of one.
    assert fit.ks == relative(0.5 / n, rel=1e-9)


def test_result_says_how_it_was_made():
    x = draw("normal_1", "F64", 1000)
    fit = wg.fit_weibull(x)
    assert (fit.protocol, fit.trim, fit.status, fit.reason) == ("order", "mid_80", "ok", "")
    assert (fit.n, fit.zeros, fit.nonfinite) == (1000, 0, 0)
    other = wg.fit_weibull(x, trim="full", protocol="paper")
    assert (other.protocol, other.trim) == ("paper", "full")
    assert wg.fit_weibull(x, exact=True).exact is True


def test_result_is_frozen_and_becomes_json():
    fit = wg.fit_weibull(draw("normal_1", "F64", 1000))
    with pytest.raises(dataclasses.FrozenInstanceError):
        fit.k = 1.0
    record = json.loads(json.dumps(fit.to_dict(), allow_nan=False))
    assert record["lambda"] == fit.lam
    assert record["k"] == fit.k
    assert "lam" not in record
    empty = json.loads(json.dumps(wg.fit_weibull(np.zeros(100)).to_dict(), allow_nan=False))
    assert empty["k"] is None
    assert empty["lambda"] is None
    assert empty["status"] == "empty"


def test_options_are_keyword_only():
    with pytest.raises(TypeError):
        wg.fit_weibull(np.ones(10), "mid_80")


@pytest.mark.parametrize(
    ("option", "choices"),
    [("trim", ("mid_80", "mid_90", "full")), ("protocol", ("order", "paper"))],
)
def test_a_bad_option_is_named_with_its_choices(option, choices):
    with pytest.raises(ValueError, match="mid_70") as caught:
        wg.fit_weibull(np.ones(10), **{option: "mid_70"})
    assert all(choice in str(caught.value) for choice in choices)


def test_a_negative_number_of_threads_is_refused():
    with pytest.raises(ValueError, match="-1"):
        wg.fit_weibull(np.ones(10), threads=-1)


@pytest.mark.parametrize("exponent", [-60, -3, 5, 40])
@pytest.mark.parametrize("spelling", ["BF16", "F32", "F64"])
def test_scaling_by_a_power_of_two_scales_lambda_alone(spelling, exponent):
    values = draw("normal_1", spelling, 10_000)
    scaled = values * values.dtype.type(2.0**exponent)
    before, after = wg.fit_weibull(values), wg.fit_weibull(scaled)
    # The magnitudes are the same numbers with another exponent; both fits are within EXACT.
    assert after.k == relative(before.k, rel=2 * EXACT)
    assert after.r2 == relative(before.r2, rel=2 * EXACT)
    assert after.lam == relative(before.lam * 2.0**exponent, rel=2 * EXACT)
    assert after.ks == pytest.approx(before.ks, abs=1e-11)  # follows k and lambda


@pytest.mark.parametrize("n", [5000, 150_000])
@pytest.mark.parametrize("spelling", ["BF16", "F16", "F8_E5M2", "F32", "F64"])
def test_neither_order_nor_sign_matters(spelling, n):
    values = draw("normal_1", spelling, n)
    rng = np.random.default_rng(4)
    shuffled = rng.permutation(values)
    flipped = np.where(rng.integers(0, 2, n) == 1, -values, values).astype(values.dtype)
    for exact in (False, True):
        first = wg.fit_weibull(values, exact=exact)
        # Integer counts: not close but equal.
        assert wg.fit_weibull(shuffled, exact=exact) == first
        assert wg.fit_weibull(flipped, exact=exact) == first
