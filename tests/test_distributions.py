"""Closed forms, tails, cross-checks and alternatives, against SciPy and definitions."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
from scipy import integrate, optimize, stats

import oracle
import weightgauge as wg
from gaussian_weights import draw, of
from weightgauge.choices import TRIMS
from weightgauge.distributions import (
    Weibull,
    heaviness,
    regression_x_on_y,
    std_over_lambda,
    weibull_mle,
)
from weightgauge.magnitudes.plotting_positions import mean_ordinate, window_ranks

# -- closed forms


@pytest.mark.parametrize("k", [0.3, 0.76, 1.0, 1.2054, 2.0, 30.0])
@pytest.mark.parametrize("lam", [1e-3, 0.02, 5.0])
def test_closed_forms_are_those_of_scipy(k, lam):
    ours, theirs = Weibull(k, lam), stats.weibull_min(k, scale=lam)
    assert ours.mean == pytest.approx(theirs.mean(), rel=1e-12)
    assert ours.median == pytest.approx(theirs.median(), rel=1e-12)
    # SciPy takes the difference of two nearly equal numbers where k is large.
    assert ours.std == pytest.approx(theirs.std(), rel=1e-10)
    assert ours.rms == pytest.approx(math.sqrt(theirs.moment(2)), rel=1e-12)
    assert ours.cv == pytest.approx(theirs.std() / theirs.mean(), rel=1e-10)
    for p in (0.0, 1e-9, 0.1, 0.5, 0.999, 1.0):
        assert ours.quantile(p) == pytest.approx(theirs.ppf(p), rel=1e-12)
    for x in (-1.0, 0.0, lam / 3, lam, 40 * lam):
        assert ours.cdf(x) == pytest.approx(theirs.cdf(x), rel=1e-12)


def test_an_exponential_distribution_has_all_its_numbers_known():
    one = Weibull(1.0, 1.0)
    assert (one.mean, one.std, one.cv, one.rms) == pytest.approx((1, 1, 1, math.sqrt(2)))
    assert one.median == pytest.approx(math.log(2))


@pytest.mark.parametrize("k", [0, -1, math.nan, math.inf])
def test_sigma_over_lambda_of_no_shape(k):
    with pytest.raises(ValueError, match="positive and finite"):
        std_over_lambda(k)


def test_sigma_over_lambda_far_out():
    # The first term of the series for large k is pi / (sqrt(6) k), the next 0.94 / k smaller.
    assert std_over_lambda(1e3) == pytest.approx(math.pi / math.sqrt(6) / 1e3, rel=2e-3)
    assert std_over_lambda(1e-3) == math.inf


def test_the_size_of_gaussian_weights_is_not_that_of_their_fitted_distribution():
    """Why the measured RMS stands beside the fit: the fitted one is 8 % off."""
    p = (np.arange(100_000) + 0.5) / 100_000
    fit = wg.fit_weibull(stats.halfnorm.ppf(p))
    assert fit.rms == pytest.approx(1, rel=1e-3)
    assert Weibull(fit.k, fit.lam).rms / fit.rms == pytest.approx(1.08, abs=0.01)


@pytest.mark.parametrize(("k", "lam"), [(0, 1), (1, 0), (-1, 1), (math.nan, 1), (1, math.inf)])
def test_parameters_must_be_positive_and_finite(k, lam):
    with pytest.raises(ValueError, match="positive and finite"):
        Weibull(k, lam)


def test_probabilities_must_lie_between_0_and_1():
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        Weibull(1, 1).quantile(1.5)


# -- heaviness


def plain_heaviness(values):
    """From the definitions, element by element."""
    w = np.abs(values.astype(np.float64))
    w = w[np.isfinite(w)]
    x = np.sort(w[w > 0])
    n = x.size
    q10, q50, q90, q99, q999 = oracle.inverted_cdf(x, np.array([0.1, 0.5, 0.9, 0.99, 0.999]))
    rms = math.sqrt(np.mean(w**2))
    _, codes = np.unique(values.astype(np.float32), return_counts=True)
    shares = codes / codes.sum()
    return {
        "q90_q10": q90 / q10,
        "q99_q50": q99 / q50,
        "p999_p50": q999 / q50,
        "max_q99": x[-1] / q99,
        "gini": ((2 * np.arange(1, n + 1) - n - 1) * x).sum() / (n * x.sum()),
        "kurtosis": np.mean(w**4) / np.mean(w**2) ** 2,
        "beyond_4_rms": np.mean(w > 4 * rms),
        "beyond_6_rms": np.mean(w > 6 * rms),
        "zero_share": np.mean(w == 0),
        "code_entropy": -(shares * np.log2(shares)).sum(),
    }


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16, ml_dtypes.float8_e4m3fn])
def test_heaviness_is_that_of_the_elements(dtype):
    rng = np.random.default_rng(3)
    values = (rng.standard_t(3, 60_000) * 0.3).astype(dtype)
    values[:500] = 0
    values = np.concatenate((values, -values))  # signs count as one bit each: here they are
    found, wanted = heaviness(wg.magnitude_histogram(values)).to_dict(), plain_heaviness(values)
    assert found == pytest.approx(wanted, rel=1e-9)


def test_heaviness_of_bins_is_close_to_that_of_the_elements():
    values = draw(400_000)
    found, wanted = heaviness(of(values)).to_dict(), plain_heaviness(values)
    assert found.pop("code_entropy") is None
    wanted.pop("code_entropy")
    assert found == pytest.approx(wanted, rel=2**-12)


def test_bf16_gaussian_weights_take_ten_and_a_half_bits():
    # 1 of sign, 2.54 of exponent and nearly 7 of mantissa (the density slopes within a binade).
    entropy = heaviness(of(draw(3_000_000).astype(ml_dtypes.bfloat16))).code_entropy
    assert 10.4 < entropy < 10.55


def test_heaviness_of_gaussian_and_laplacian_weights_is_what_the_docstring_says():
    p = (np.arange(100_000) + 0.5) / 100_000
    normal = heaviness(of(stats.halfnorm.ppf(p)))
    assert (normal.q90_q10, normal.q99_q50, normal.p999_p50) == pytest.approx(
        (13.09, 3.819, 4.879), rel=1e-3
    )
    assert normal.gini == pytest.approx(math.sqrt(2) - 1, rel=1e-4)
    assert normal.kurtosis == pytest.approx(3, rel=1e-3)
    assert normal.beyond_4_rms == pytest.approx(2 * stats.norm.sf(4), rel=0.2)
    assert heaviness(of(-np.log1p(-p))).gini == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [math.nan, math.inf]])
def test_what_has_no_magnitudes_has_no_tails(values):
    measured = heaviness(of(np.array(values, np.float32))).to_dict()
    shares = measured.pop("zero_share"), measured.pop("code_entropy")
    assert set(measured.values()) == {None}
    assert shares[0] == (1.0 if values == [0.0, 0.0] else None)


def test_huge_and_tiny_magnitudes_do_not_overflow():
    values = np.array([1e300, 1e-300, 5e307, 2.0] * 20)
    assert heaviness(of(values)).kurtosis == pytest.approx(4.0, rel=1e-2)
    assert math.isfinite(heaviness(of(values)).gini)


# -- cross-checks


def test_maximum_likelihood_is_that_of_scipy():
    sample = stats.weibull_min.rvs(0.9, scale=0.03, size=20_000, random_state=5)
    k, _, lam = stats.weibull_min.fit(sample, floc=0)
    found = weibull_mle(of(sample))
    # SciPy's search stops early; at least as likely as where it stops, and next to it.
    assert (found.k, found.lam) == pytest.approx((k, lam), rel=1e-3)
    likelihood = [
        stats.weibull_min.logpdf(sample, *place).sum()
        for place in ((found.k, 0, found.lam), (k, 0, lam))
    ]
    assert likelihood[0] >= likelihood[1]


def test_likelihood_of_gaussian_weights_has_its_population_value():
    def density(x):
        return math.sqrt(2 / math.pi) * math.exp(-x * x / 2)

    def mean_of(f):
        return integrate.quad(lambda x: density(x) * f(x), 0, 15, limit=200)[0]

    def slope(k):
        with_log = mean_of(lambda x: x**k * math.log(x))
        return with_log / mean_of(lambda x: x**k) - 1 / k - mean_of(math.log)

    k = optimize.brentq(slope, 1.1, 1.4)
    p = (np.arange(100_000) + 0.5) / 100_000
    assert weibull_mle(of(stats.halfnorm.ppf(p))).k == pytest.approx(k, rel=1e-4)
    assert round(k, 4) == 1.2628


def test_standard_errors_of_likelihood_are_those_of_simulation():
    rng = np.random.default_rng(11)
    found = [weibull_mle(of(rng.weibull(1.3, 2_000))) for _ in range(400)]
    # 400 repetitions tell a standard deviation to 3.5 %: three of those.
    assert np.std([each.k for each in found]) == pytest.approx(found[0].k_se, rel=0.12)
    logs = [math.log(each.lam) for each in found]
    assert np.std(logs) == pytest.approx(found[0].ln_lambda_se, rel=0.12)


def test_one_magnitude_has_no_likelihood_maximum():
    assert math.isnan(weibull_mle(of([0.5, -0.5])).k)


@pytest.mark.parametrize("trim", TRIMS)
def test_regression_the_other_way_round_is_that_of_scipy(trim):
    x = oracle.magnitudes(draw(5_000))
    keep = oracle.window(x.size, trim)
    p = (np.arange(x.size)[keep] + 0.5) / x.size
    line = stats.linregress(np.log(-np.log1p(-p)), np.log(x[keep]))
    found = regression_x_on_y(of(draw(5_000)).fit(trim=trim))
    assert (found.k, found.lam) == pytest.approx(
        (1 / line.slope, math.exp(line.intercept)), rel=1e-9
    )


def test_regression_the_other_way_round_has_its_anchor():
    n = 4_000_000
    fit = wg.fit_weibull(stats.halfnorm.ppf((np.arange(n) + 0.5) / n))
    found = regression_x_on_y(fit)
    assert (found.k, found.lam) == pytest.approx((1.208164326718, 0.886727662853), rel=1e-7)


def test_regression_the_other_way_round_needs_the_order_protocol():
    with pytest.raises(ValueError, match="order protocol"):
        regression_x_on_y(wg.fit_weibull(draw(1_000), protocol="paper"))
    assert math.isnan(regression_x_on_y(wg.fit_weibull([1.0, 2.0])).k)


@pytest.mark.parametrize("trim", TRIMS)
def test_windows_are_those_of_the_definition(trim):
    for n in [*range(10, 1_200), 99_999, 123_457]:
        wanted = oracle.window(n, trim)
        assert window_ranks(n, trim) == (wanted.start, wanted.stop), n


@pytest.mark.parametrize("trim", ["mid_80", "mid_90"])
def test_the_mean_ordinate_of_many_is_the_sum(trim):
    n = 1_400_001
    first, last = window_ranks(n, trim)
    p = (np.arange(first, last) + 0.5) / n
    assert mean_ordinate(n, trim) == pytest.approx(np.mean(np.log(-np.log1p(-p))), rel=1e-12)
