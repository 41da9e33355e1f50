"""Known populations: shape, scale and standard errors, from the package's own fits."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
from scipy import stats

import weightgauge as wg
from closeness import relative

# Population values of the order protocol (see test_oracle.py, where quadrature confirms them).
MID_80 = {
    "half_normal": (1.205434319017451, 0.8874870398322663),
    "uniform": (1.375118805363, 0.607365596647),
    "cut_at_2": (1.227173711174, 0.830310252088),
    "cut_at_3": (1.206839139398, 0.883947104062),
    "t3": (1.105730581332, 1.068074052605),
    "t5": (1.148275432161, 0.988085045530),
    "laplace": (1.0, 1.0),
}
QUANTILE = {
    "half_normal": stats.halfnorm.ppf,
    "uniform": lambda p: p,
    "cut_at_2": lambda p: stats.halfnorm.ppf(p * stats.halfnorm.cdf(2)),
    "cut_at_3": lambda p: stats.halfnorm.ppf(p * stats.halfnorm.cdf(3)),
    "t3": lambda p: stats.t.ppf((1 + p) / 2, 3),
    "t5": lambda p: stats.t.ppf((1 + p) / 2, 5),
    "laplace": lambda p: -np.log1p(-p),
}
DRAW = {
    "half_normal": lambda rng, n: rng.standard_normal(n, dtype=np.float32),
    "uniform": lambda rng, n: rng.random(n, dtype=np.float32) * 2 - 1,
    "t3": lambda rng, n: rng.standard_t(3, n),
    "laplace": lambda rng, n: rng.laplace(size=n),
    "mixture": lambda rng, n: rng.standard_normal(n) * rng.choice([1.0, 0.1], n),
}
MIXTURE = (0.686762580980, 0.354130749557)


def grid(name, n):
    return QUANTILE[name]((np.arange(n) + 0.5) / n)


@pytest.mark.parametrize("name", MID_80)
def test_a_grid_of_quantiles_has_the_population_fit(name):
    fit = wg.fit_weibull(grid(name, 20_000))
    # Sums over midpoints differ from the integrals by order 1/n^2 = 2.5e-9.
    assert (fit.k, fit.lam) == relative(MID_80[name], rel=2e-8)


@pytest.mark.parametrize(
    ("trim", "k", "lam", "rel"),
    [
        ("mid_90", 1.190922610384, 0.880887883490, 2e-8),
        # The whole range ends in logarithmic singularities: order ln(n)^2/n = 1e-3 / 100.
        ("full", 1.15106659072, 0.874835116855, 2e-4),
    ],
)
def test_half_normal_in_the_other_windows(trim, k, lam, rel):
    fit = wg.fit_weibull(grid("half_normal", 100_000), trim=trim)
    assert (fit.k, fit.lam) == relative((k, lam), rel=rel)


def test_half_normal_r2_and_ks():
    fit = wg.fit_weibull(grid("half_normal", 100_000))
    assert fit.r2 == pytest.approx(0.9977403672, abs=1e-9)  # published to ten decimals
    # Six decimals published, and half a step of the ECDF.
    assert fit.ks == pytest.approx(0.024399, abs=0.5e-6 + 0.5e-5)


@pytest.mark.parametrize("name", DRAW)
def test_ten_million_draws(name):
    n = 10_000_000
    values = DRAW[name](np.random.default_rng(2024), n)
    fit = wg.fit_weibull(values)
    k, lam = MID_80.get(name, MIXTURE)
    # Four standard errors: one sample in 16,000 lies outside by chance, and the seed is fixed.
    assert abs(fit.k - k) < 4 * fit.k_se
    assert abs(math.log(fit.lam / lam)) < 4 * fit.ln_lambda_se
    # And the errors are as small as so many draws make them, not merely wide enough.
    assert fit.k_se < 3 / math.sqrt(n)
    assert fit.ln_lambda_se < 4 / math.sqrt(n)


@pytest.mark.parametrize(
    ("trim", "se_k", "se_ln_lambda"),
    [("mid_80", 1.36471, 0.86207), ("mid_90", 1.30643, 0.84972)],
)
def test_standard_errors_of_half_normal(trim, se_k, se_ln_lambda):
    n = 100_000
    fit = wg.fit_weibull(grid("half_normal", n), trim=trim)
    # The allowance for few magnitudes is 10/n and 3/n. What lies between the window's ends and the
    # next boundaries inside, half a gap each, is left out: below 10/n. Five decimals are published.
    assert fit.k_se * math.sqrt(n) == relative(se_k * (1 + 10 / n), rel=1e-4)
    assert fit.ln_lambda_se * math.sqrt(n) == relative(se_ln_lambda * (1 + 3 / n), rel=1e-4)


@pytest.mark.parametrize("trim", ["mid_80", "mid_90"])
@pytest.mark.parametrize("name", ["half_normal", "laplace", "mixture", "bf16"])
def test_standard_errors_against_simulation(name, trim):
    runs, n = 400, 4096
    rng = np.random.default_rng(77)
    fits = []
    for _ in range(runs):
        if name == "bf16":
            values = rng.normal(0, 0.02, n).astype(ml_dtypes.bfloat16)
        else:
            values = DRAW[name](rng, n)
        fits.append(wg.fit_weibull(values, trim=trim))
    for estimates, errors in (
        ([f.k for f in fits], [f.k_se for f in fits]),
        ([math.log(f.lam) for f in fits], [f.ln_lambda_se for f in fits]),
    ):
        # The spread of 400 near-normal estimates is known to 1/sqrt(2 x 400) = 3.5 %; four of
        # those. Errors of a few per cent in the formula's constant would not show here: the
        # test above has those.
        assert np.std(estimates, ddof=1) == relative(np.mean(errors), rel=0.14)
        # 95 % intervals hold the centre in 380 +- 4.4 of 400 runs.
        centre = np.mean(estimates)
        held = np.abs(np.array(estimates) - centre) < 1.96 * np.array(errors)
        assert held.sum() == pytest.approx(380, abs=4 * 4.4)


def test_a_head_of_16384_weights_is_known_to_one_hundredth():
    x = np.random.default_rng(8).standard_normal(16_384)
    # 1.36471 / sqrt(16384) = 0.01066; the sample's own estimate of it varies by about 2 %.
    assert wg.fit_weibull(x).k_se == relative(0.01066, rel=0.08)
