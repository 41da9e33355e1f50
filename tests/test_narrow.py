"""Magnitudes that differ only in their last digits, in slices too large to be sorted at once."""

from __future__ import annotations

import numpy as np
import pytest

import weightgauge as wg
from oracle import order_fit, standard_errors


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_standard_errors_of_narrow_magnitudes(dtype):
    x = (1 + 1e-5 * np.random.default_rng(5).normal(size=200_000)).astype(dtype)
    expected = standard_errors(np.sort(x.astype(np.float64)), "mid_80")
    found = wg.fit_weibull(x)
    # Stretches of 12 ranks stand for single ones: the influence function is smooth over them.
    assert (found.k_se, found.ln_lambda_se) == pytest.approx(expected, rel=5e-3, abs=0)
    assert found.k == pytest.approx(order_fit(np.sort(x.astype(np.float64)), "mid_80").k, rel=1e-8)


@pytest.mark.parametrize("spread", [0.0, 1e-6])
def test_bins_too_coarse_give_no_numbers(spread):
    x = (1 + spread * np.random.default_rng(6).normal(size=200_000)).astype(np.float32)
    if spread == 0:
        x *= np.float32(0.1)  # a magnitude with low bits: the bin holds more than it tells
    fit = wg.magnitude_histogram(x).fit()
    assert fit.status == "degenerate"
    assert fit.reason
    assert np.isnan(fit.k)
