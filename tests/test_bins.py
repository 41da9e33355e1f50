"""Fits of F32 and F64 from bins do not depend on places inside a bin, nor on tiny magnitudes."""

from __future__ import annotations

import numpy as np
import pytest

import weightgauge as wg
from closeness import relative
from oracle import ks_distance, magnitudes, order_fit
from samples import TRIMS

LOW_BITS = 1023  # of an F32 that its bin leaves out
# The shares of elements at the lower and at the upper end of their bins; the rest lie anywhere.
ENDS = {"half and half": (0.5, 0.5), "mostly low": (0.9, 0.1), "some anywhere": (0.35, 0.35)}


def placed(spread: float, low: float, high: float, n: int = 150_000) -> np.ndarray:
    """Lognormal magnitudes in F32, moved to the ends of their bins."""
    rng = np.random.default_rng(20)
    codes = np.exp(spread * rng.standard_normal(n)).astype(np.float32).view(np.uint32)
    draw = rng.random(n)
    ends = np.where(draw < low, 0, np.where(draw < low + high, LOW_BITS, codes & LOW_BITS))
    return (codes & ~np.uint32(LOW_BITS) | ends.astype(np.uint32)).view(np.float32)


@pytest.mark.parametrize("trim", TRIMS)
@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("spread", [0.1, 0.15, 0.2, 0.3, 0.5, 1.0])
def test_elements_at_the_ends_of_bins(spread, ends, trim):
    values = placed(spread, *ENDS[ends])
    fit = wg.fit_weibull(values, trim=trim)
    expected = order_fit(magnitudes(values), trim)
    # The promise for binned formats, or for those that were sorted after all.
    tolerance = 1e-12 if fit.exact else 1e-8
    assert (fit.k, fit.lam, fit.r2) == relative(
        (expected.k, expected.lam, expected.r2), rel=tolerance
    )


def test_both_ways_to_a_fit_are_met():
    """Wide distributions are fitted from the bins, narrow ones of adverse placement are not."""
    kinds = {wg.fit_weibull(placed(spread, 0.5, 0.5)).exact for spread in (0.05, 1.0)}
    assert kinds == {True, False}


@pytest.mark.parametrize(("scale", "status"), [(3e-308, "ok"), (1e-300, "ok"), (1e-318, None)])
def test_bins_of_the_smallest_doubles(scale, status):
    values = scale * np.abs(np.random.default_rng(21).standard_normal(200_000))
    fit = wg.magnitude_histogram(values).fit()
    if status is None:  # more different numbers are left than are counted one by one
        assert (fit.status, "too close together for the bins" in fit.reason) == ("degenerate", True)
        return
    assert fit.status == status
    expected = order_fit(magnitudes(values))
    # Subnormal numbers have fewer digits, so that a bin's mean is not known to the last one.
    assert (fit.k, fit.lam) == relative((expected.k, expected.lam), rel=1e-6)


def test_one_tiny_element_among_many():
    values = 0.02 * np.random.default_rng(22).standard_normal(200_000)
    values[123] = 1e-310
    fit = wg.magnitude_histogram(values).fit(trim="full")
    expected = wg.fit_weibull(values, trim="full", exact=True)
    assert fit.status == "ok"
    assert (fit.k, fit.lam) == relative((expected.k, expected.lam), rel=1e-8)


def adverse(spread: float, n: int = 150_000) -> dict[str, np.ndarray]:
    """Lognormal magnitudes in F32, placed inside their bins so that a fit is misled most."""
    rng = np.random.default_rng(22)
    codes = np.exp(spread * rng.standard_normal(n)).astype(np.float32).view(np.uint32)
    below = codes < np.median(codes)
    anywhere = codes & LOW_BITS
    ends = np.where(rng.random(n) < 0.5, 0, LOW_BITS)
    odd = codes >> 10 & 1
    places = {
        "all at the lower end": np.zeros(n),
        "all at the upper end": np.full(n, LOW_BITS),
        "all in the middle": np.full(n, LOW_BITS // 2),
        "half at each end": ends,
        "nine tenths at the lower end": np.where(rng.random(n) < 0.9, 0, LOW_BITS),
        "at the ends in turn": np.where(odd == 1, 0, LOW_BITS),
        "inwards": np.where(below, LOW_BITS, 0),
        "outwards": np.where(below, 0, LOW_BITS),
        "spread below, together above": np.where(below, ends, LOW_BITS // 2),
        "together below, spread above": np.where(below, LOW_BITS // 2, ends),
        "anywhere below, at the end above": np.where(below, anywhere, LOW_BITS),
    }
    return {
        name: (codes & ~np.uint32(LOW_BITS) | place.astype(np.uint32)).view(np.float32)
        for name, place in places.items()
    }


@pytest.mark.parametrize("spread", [0.04, 0.08, 0.2, 0.5, 1.0])
def test_no_placement_inside_bins_exceeds_the_bound_of_a_histogram_fit(spread):
    nearest = 0.0  # the largest error as a share of its bound
    for name, values in adverse(spread).items():
        x = magnitudes(values)
        for trim in TRIMS:
            histogram = wg.magnitude_histogram(values)
            fit = histogram.fit(trim=trim)
            if fit.status != "ok":
                assert "too close together for the bins" in fit.reason
                assert np.isnan((fit.error_bound, fit.ks_bound)).all()
                continue
            wanted = order_fit(x, trim)
            found, right = np.array([(fit.k, fit.lam, fit.r2), (wanted.k, wanted.lam, wanted.r2)])
            error = float(np.max(np.abs(found / right - 1)))
            assert error <= fit.error_bound + 1e-12, (name, trim)
            if not histogram.exact:
                assert 0 < fit.error_bound <= 1e-6
                nearest = max(nearest, error / fit.error_bound)
                distance = ks_distance(x, fit.k, fit.lam)
                assert fit.ks - 1e-12 <= distance <= fit.ks + fit.ks_bound + 1e-12, (name, trim)
    assert nearest > 0.8  # the bound is nearly reached, so it says something


def test_bounds_of_all_ways_to_a_fit():
    values = np.random.default_rng(23).standard_normal(200_000).astype(np.float32)
    nothing = (0.0, 0.0)
    by_bins, exact = wg.fit_weibull(values), wg.fit_weibull(values, exact=True)
    assert (by_bins.error_bound, by_bins.ks_bound) == (1e-8, 2e-4)
    assert (exact.error_bound, exact.ks_bound) == nothing
    narrow = wg.magnitude_histogram(values.astype(np.float16)).fit()
    assert (narrow.error_bound, narrow.ks_bound) == nothing
    assert wg.fit_weibull(values, protocol="paper").error_bound == 0
    # The published bins are filled from means, and nothing is proven of that.
    published = wg.magnitude_histogram(values).fit(protocol="paper")
    assert np.isnan(published.error_bound)
    assert 0 < published.ks_bound < 2e-4
    assert published.to_dict()["error_bound"] is None
    without = wg.fit_weibull(values[:5])
    assert np.isnan((without.error_bound, without.ks_bound)).all()
