"""Fits of F32 and F64 from bins do not depend on places inside a bin, nor on tiny magnitudes."""

from __future__ import annotations

import numpy as np
import pytest

import weightgauge as wg
from closeness import relative
from oracle import magnitudes, order_fit
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


@pytest.mark.parametrize(("scale", "status"), [(3e-308, "ok"), (1e-300, "ok"), (1e-320, None)])
def test_bins_of_the_smallest_doubles(scale, status):
    values = scale * np.abs(np.random.default_rng(21).standard_normal(200_000))
    fit = wg.magnitude_histogram(values).fit()
    if status is None:  # a few thousand different numbers are left, and no bin tells them apart
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
