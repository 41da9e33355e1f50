"""The comparison of five distributions, checked with SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, special, stats

from gaussian_weights import draw, of
from weightgauge.distributions import (
    compare_distributions,
    weibull_mle,
)

SAMPLES = {
    "weibull": lambda n: stats.weibull_min.rvs(0.8, scale=0.02, size=n, random_state=1),
    "half-normal": lambda n: stats.halfnorm.rvs(scale=0.02, size=n, random_state=2),
    "lognormal": lambda n: stats.lognorm.rvs(0.7, scale=0.02, size=n, random_state=3),
    "gamma": lambda n: stats.gamma.rvs(2.5, scale=0.02, size=n, random_state=4),
    "generalised gamma": lambda n: stats.gengamma.rvs(3.0, 0.6, scale=0.02, size=n, random_state=5),
}
TRUE = {
    "weibull": {"k": 0.8, "lambda": 0.02},
    "half-normal": {"sigma": 0.02},
    "lognormal": {"mu": math.log(0.02), "sigma": 0.7},
    "gamma": {"shape": 2.5, "scale": 0.02},
}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_distribution_that_was_drawn_from_is_found(name):
    fits = compare_distributions(of(SAMPLES[name](60_000)))
    assert len(fits) == 5
    assert [fit.aic for fit in fits] == sorted(fit.aic for fit in fits)
    by_name = {fit.distribution: fit for fit in fits}
    # A distribution that holds the true one is at most two parameters' worth behind or before it.
    assert by_name[name].aic - fits[0].aic < 6
    if name in TRUE:
        assert by_name[name].parameters == pytest.approx(TRUE[name], rel=0.02)


@pytest.mark.parametrize("name", ["weibull", "half-normal", "gamma"])
def test_the_distribution_that_holds_the_others_is_at_least_as_likely(name):
    by_name = {fit.distribution: fit for fit in compare_distributions(of(SAMPLES[name](30_000)))}
    whole = by_name["generalised gamma"].log_likelihood
    for inner in ("weibull", "half-normal", "gamma"):
        assert whole >= by_name[inner].log_likelihood - 1e-6


def test_estimates_are_those_of_scipy_on_the_elements():
    sample = SAMPLES["gamma"](60_000)
    by_name = {fit.distribution: fit for fit in compare_distributions(of(sample))}
    shape, _, scale = stats.gamma.fit(sample, floc=0)
    # 512 bins of equal counts lose a little of the information, and move an estimate by less
    # than a tenth of its standard error, which is 0.5 % here.
    assert by_name["gamma"].parameters["shape"] == pytest.approx(shape, rel=2e-3)
    assert by_name["gamma"].parameters["scale"] == pytest.approx(scale, rel=2e-3)


def test_distances_are_those_of_scipy():
    sample = SAMPLES["weibull"](20_000)
    frozen = {
        "weibull": lambda p: stats.weibull_min(p["k"], scale=p["lambda"]),
        "half-normal": lambda p: stats.halfnorm(scale=p["sigma"]),
        "lognormal": lambda p: stats.lognorm(p["sigma"], scale=math.exp(p["mu"])),
        "gamma": lambda p: stats.gamma(p["shape"], scale=p["scale"]),
        "generalised gamma": lambda p: stats.gengamma(p["shape"], p["power"], scale=p["scale"]),
    }
    for fit in compare_distributions(of(sample)):
        wanted = stats.kstest(sample, frozen[fit.distribution](fit.parameters).cdf).statistic
        assert fit.ks == pytest.approx(wanted, abs=1e-9), fit.distribution


def test_an_exact_weibull_scores_nothing():
    # The published library compares edges with centres, and gives such a sample 0.00695.
    n = 200_000
    sample = stats.weibull_min.ppf((np.arange(n) + 0.5) / n, 1.2)
    assert of(sample).ks(1.2, 1.0) < 1e-5


@pytest.mark.parametrize("name", SAMPLES)
def test_the_criterion_counts_parameters(name):
    number = {"half-normal": 1, "generalised gamma": 3}
    for fit in compare_distributions(of(SAMPLES[name](5_000))):
        assert len(fit.parameters) == number.get(fit.distribution, 2)
        assert fit.aic == 2 * len(fit.parameters) - 2 * fit.log_likelihood


def test_far_away_maxima_are_found():
    """Weights round 1 as norms have them, and two populations of very different scale."""
    rng = np.random.default_rng(3)
    near_one = rng.normal(1, 1e-3, 40_000).astype(np.float16)
    two = np.concatenate((rng.normal(size=20_000), 1e-6 * rng.normal(size=20_000)))
    for sample in (near_one, two.astype(np.float32)):
        magnitudes = np.abs(sample.astype(np.float64))
        by_name = {fit.distribution: fit for fit in compare_distributions(of(sample))}
        k, _, lam = stats.weibull_min.fit(magnitudes, floc=0)
        shape, _, scale = stats.gamma.fit(magnitudes, floc=0)
        wanted = {"weibull": (k, lam), "gamma": (shape, scale)}
        for name, values in wanted.items():
            found = tuple(by_name[name].parameters.values())
            assert np.log(found) == pytest.approx(np.log(values), abs=0.25), name
            assert by_name[name].ks < 0.55


def test_magnitudes_that_no_double_can_compare():
    sample = draw(2_000).astype(np.float64)
    mixed = np.concatenate((sample * 1e300, sample * 1e-300))
    assert compare_distributions(of(np.abs(mixed))) == ()
    assert 0 < weibull_mle(of(mixed)).k < 0.01


def test_too_few_magnitudes_are_compared_with_nothing():
    assert compare_distributions(of([1.0, 2.0, 3.0])) == ()
    assert compare_distributions(of(1 + 1e-10 * np.arange(50))) == ()


def unbinned_aic(x: np.ndarray) -> dict[str, float]:
    """AIC of the distributions of two parameters or one, by the likelihood of the elements."""
    logs = np.log(x)

    def score(k):
        weight = np.exp(k * (logs - logs.max()))
        return np.sum(weight * logs) / np.sum(weight) - 1 / k - logs.mean()

    k = optimize.brentq(score, 0.05, 20)
    gap = math.log(x.mean()) - logs.mean()
    shape = math.exp(optimize.brentq(lambda s: s - special.digamma(math.exp(s)) - gap, -8, 12))
    fits = {
        "weibull": stats.weibull_min(k, scale=np.mean(x**k) ** (1 / k)),
        "gamma": stats.gamma(shape, scale=x.mean() / shape),
        "lognormal": stats.lognorm(logs.std(), scale=math.exp(logs.mean())),
        "half-normal": stats.halfnorm(scale=math.sqrt(np.mean(x**2))),
    }
    parameters = {"half-normal": 1}
    return {
        name: 2 * parameters.get(name, 2) - 2 * float(np.sum(fit.logpdf(x)))
        for name, fit in fits.items()
    }


UNBINNED = {
    "t3": lambda rng, n: np.abs(rng.standard_t(3, n)),
    "t5": lambda rng, n: np.abs(rng.standard_t(5, n)),
    "gaussian": lambda rng, n: np.abs(rng.standard_normal(n)),
    "laplace": lambda rng, n: rng.exponential(size=n),
    "lognormal": lambda rng, n: rng.lognormal(0, 0.7, n),
    "weibull": lambda rng, n: rng.weibull(0.8, n),
}


@pytest.mark.parametrize(
    ("name", "n"), [*((each, n) for each in UNBINNED for n in (2_000, 20_000)), ("t3", 150_000)]
)
def test_ranks_are_those_of_the_elements(name, n):
    """Seed 8 has t3 with a magnitude of 100, for which alone Weibull comes before gamma."""
    x = UNBINNED[name](np.random.default_rng(8), n).astype(np.float32)
    wanted = unbinned_aic(x.astype(np.float64))
    found = {fit.distribution: fit.aic for fit in compare_distributions(of(x))}
    for one in wanted:
        for other in wanted:
            distance = wanted[one] - wanted[other]
            # Bins in the middle lose a twentieth of a distance at most.
            assert found[one] - found[other] == pytest.approx(distance, rel=0.05, abs=4), (
                one,
                other,
            )
            if abs(distance) > 4:
                assert (found[one] < found[other]) == (wanted[one] < wanted[other]), (one, other)


def test_a_single_element_far_out_counts_for_what_it_is_worth():
    x = np.abs(np.random.default_rng(8).standard_t(3, 20_000)).astype(np.float32)
    cut = np.minimum(x, np.sort(x)[-2])
    behind = [
        {fit.distribution: fit.aic for fit in compare_distributions(of(each))} for each in (x, cut)
    ]
    with_it, without = (each["half-normal"] - each["weibull"] for each in behind)
    full = [unbinned_aic(each.astype(np.float64)) for each in (x, cut)]
    changed = (full[0]["half-normal"] - full[0]["weibull"]) - (
        full[1]["half-normal"] - full[1]["weibull"]
    )
    assert changed > 100
    assert with_it - without == pytest.approx(changed, rel=0.05)
