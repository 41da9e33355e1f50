"""Quantiles: bit for bit those of NumPy's inverted_cdf."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import weightgauge as wg
from oracle import inverted_cdf, magnitudes
from samples import COMMON, F32_ONLY, F64_ONLY, FORMATS, WIDE_CASES, as_float64, draw

# The ends, what rounds to them, halves and tenths, and what lies just beside.
PROBS = np.array(
    [0, 1, 1e-300, 1e-17, 1e-9, 1 - 2.0**-53, 0.1, 0.25, 0.5, np.nextafter(0.5, 0),
     np.nextafter(0.5, 1), 0.9, 0.99, 0.999, 1 / 3]
)  # fmt: skip


def assert_quantiles(values, probs):
    x = magnitudes(as_float64(values))
    got = wg.quantiles(values, probs)
    assert got.dtype == np.float64
    if x.size == 0:
        assert np.isnan(got).all()
    else:
        np.testing.assert_array_equal(got, inverted_cdf(x, probs))


@pytest.mark.parametrize("n", [1, 2, 9, 1000, 5003])
@pytest.mark.parametrize("distribution", ["normal_1", "uniform", "ties", "half_zeros", "near_1"])
@pytest.mark.parametrize("spelling", FORMATS)
def test_every_format(spelling, distribution, n):
    assert_quantiles(draw(distribution, spelling, n), PROBS)


@pytest.mark.parametrize("n", [131_072, 131_073, 250_000])
@pytest.mark.parametrize(("spelling", "distribution"), WIDE_CASES)
def test_wide_formats_beyond_one_histogram(spelling, distribution, n):
    assert_quantiles(draw(distribution, spelling, n), PROBS)


@pytest.mark.parametrize("distribution", COMMON)
@pytest.mark.parametrize("spelling", ["BF16", "F16"])
def test_16_bit_formats(spelling, distribution):
    assert_quantiles(draw(distribution, spelling, 100_000), PROBS)


@pytest.mark.parametrize("spelling", ["F16", "F32", "F64"])
@pytest.mark.parametrize("n", [7, 10, 49, 1000])
def test_every_multiple_of_one_nth(spelling, n):
    # n * (j/n) may round below or above j: what NumPy does with that is what is promised.
    values = np.arange(1, n + 1).astype(FORMATS[spelling])
    exactly = np.arange(n + 1) / n
    for probs in (exactly, np.nextafter(exactly, 0), np.minimum(np.nextafter(exactly, 2), 1)):
        assert_quantiles(values, probs)


def test_a_thousand_probabilities_at_once():
    values = draw("t3", "F32", 400_000)
    assert_quantiles(values, np.linspace(0, 1, 1001))


@given(
    st.lists(st.floats(width=64), min_size=0, max_size=50),
    st.lists(st.floats(0, 1), min_size=1, max_size=8),
)
def test_any_doubles(values, probs):
    assert_quantiles(np.array(values, dtype=np.float64), np.array(probs))


@given(
    st.lists(st.floats(width=32), min_size=0, max_size=50),
    st.lists(st.floats(0, 1), min_size=1, max_size=8),
)
def test_any_floats(values, probs):
    assert_quantiles(np.array(values, dtype=np.float32), np.array(probs))


@pytest.mark.parametrize("n", [5000, 200_000])
def test_neighbouring_values_are_told_apart(n):
    # Nine neighbours in the last place: equal in any histogram of fewer than all bits.
    assert "few_ulps" in F32_ONLY and "few_ulps" in F64_ONLY
    for spelling in ("F32", "F64"):
        values = draw("few_ulps", spelling, n)
        probs = np.linspace(0, 1, 200)
        assert np.unique(wg.quantiles(values, probs)).size == 9
        assert_quantiles(values, probs)


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 2), (0,), (2, 0, 3), (1, 2, 2)])
def test_result_has_the_shape_of_the_probabilities(shape):
    x = draw("normal_1", "F64", 100)
    probs = np.full(shape, 0.5)
    got = wg.quantiles(x, probs)
    assert isinstance(got, np.ndarray)
    assert got.shape == shape
    assert (got == inverted_cdf(magnitudes(x), 0.5)).all()


def test_probabilities_keep_their_order():
    x = draw("normal_1", "F64", 100)
    probs = np.array([[0.9, 0.1], [0.5, 0.9]])
    np.testing.assert_array_equal(wg.quantiles(x, probs), inverted_cdf(magnitudes(x), probs))


@pytest.mark.parametrize("probs", [0.5, [0.25, 0.5], (0.1, 1), np.float32([0.5]), [0, 1]])
def test_probabilities_of_several_types(probs):
    x = draw("normal_1", "F32", 1000)
    np.testing.assert_array_equal(wg.quantiles(x, probs), inverted_cdf(magnitudes(x), probs))


@pytest.mark.parametrize(
    "probs", [-1e-9, 1.0000001, float("nan"), float("inf"), [0.5, 2.0], [[0.5], [-0.0001]]]
)
def test_probabilities_outside_zero_to_one_are_refused(probs):
    x = draw("normal_1", "BF16", 100)
    with pytest.raises(ValueError, match="prob"):
        wg.quantiles(x, probs)
    with pytest.raises(ValueError, match="prob"):
        wg.magnitude_histogram(x).quantiles(probs)


@pytest.mark.parametrize("spelling", ["BF16", "F8_E4M3", "F32", "F64"])
def test_nothing_to_rank_gives_nan(spelling):
    for values in (np.zeros(20, FORMATS[spelling]), np.full(5, np.nan, FORMATS[spelling])):
        got = wg.quantiles(values, [0.1, 0.9])
        assert got.shape == (2,)
        assert np.isnan(got).all()


def test_zeros_and_nonfinite_values_have_no_rank():
    values = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 3.0, -1.0, 2.0], np.float32)
    assert wg.quantiles(values, [0, 0.34, 0.67, 1]).tolist() == [1, 2, 3, 3]


def test_two_magnitudes_have_quantiles_though_no_fit():
    values = np.array([0.5, -0.5, 2.0, 2.0] * 10, np.float16)
    assert wg.fit_weibull(values).status == "degenerate"
    assert wg.quantiles(values, [0, 0.5, 0.51, 1]).tolist() == [0.5, 0.5, 2.0, 2.0]


def test_subnormals_are_not_flushed():
    for spelling, least in (("F32", 2.0**-149), ("F64", 5e-324)):
        values = (np.arange(1, 1001) * least).astype(FORMATS[spelling])
        assert wg.quantiles(values, 0.0) == least
        assert_quantiles(values, np.linspace(0, 1, 37))
