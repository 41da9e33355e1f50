"""The status of slices without a usable fit; no content raises an error."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import weightgauge as wg
from builders import write_safetensors
from closeness import relative
from oracle import magnitudes, order_fit
from samples import FORMATS, TRIMS, as_float64, draw

NUMBERS = ("k", "k_se", "lam", "ln_lambda_se", "r2", "ks")
EVERY_FORMAT = pytest.mark.parametrize("spelling", FORMATS)
SIGNED_ZERO = tuple(s for s in FORMATS if s != "F8_E8M0")  # E8M0 has no zero


def assert_no_fit(fit, status):
    assert fit.status == status
    assert isinstance(fit.reason, str)
    assert len(fit.reason) > 5
    assert all(math.isnan(getattr(fit, name)) for name in NUMBERS)


def filled(spelling, *parts):
    """Array of a format from (value, times) pairs."""
    return np.concatenate([np.full(n, v, FORMATS[spelling]) for v, n in parts])


@EVERY_FORMAT
@pytest.mark.parametrize("protocol", ["order", "paper"])
def test_no_elements(spelling, protocol):
    fit = wg.fit_weibull(np.empty(0, FORMATS[spelling]), protocol=protocol)
    assert_no_fit(fit, "empty")
    assert (fit.n, fit.zeros, fit.nonfinite) == (0, 0, 0)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("n", [20, 200_000])
@pytest.mark.parametrize("spelling", SIGNED_ZERO)
def test_nothing_but_zeros_of_both_signs(spelling, n, exact):
    values = np.zeros(n, FORMATS[spelling])
    if "FNUZ" not in spelling:
        values[::2] = -0.0
    fit = wg.fit_weibull(values, exact=exact)
    assert_no_fit(fit, "empty")
    assert (fit.n, fit.zeros, fit.nonfinite) == (0, n, 0)


def test_slices_leave_nothing_to_each_other(tmp_path):
    normal, other = draw("normal_0.02", "BF16", 3000), draw("t3", "BF16", 5000)
    slices = {
        "0": normal,
        "1": np.zeros_like(normal),
        "2": np.full_like(normal, np.nan),
        "3": other,
        "4": np.zeros_like(other),
        "5": normal,
    }
    tensors = {name: ("BF16", [a.size], a.tobytes()) for name, a in slices.items()}
    path = write_safetensors(tmp_path / "model.safetensors", tensors)
    for item in wg.fit(path, threads=1).slices:
        alone = wg.fit_weibull(slices[item.tensor]).to_dict()
        assert {name: item.to_dict()[name] for name in ("n", "zeros", "max", "status")} == {
            name: alone[name] for name in ("n", "zeros", "max", "status")
        }
        assert item.to_dict()["k"] == alone["k"]


@pytest.mark.parametrize("n", [20, 200_000])
@pytest.mark.parametrize("spelling", [s for s in FORMATS if s != "F4"])
def test_nothing_but_nan(spelling, n):
    fit = wg.fit_weibull(np.full(n, np.nan, FORMATS[spelling]))
    assert_no_fit(fit, "empty")
    assert (fit.n, fit.zeros, fit.nonfinite) == (0, 0, n)


@EVERY_FORMAT
def test_nine_are_too_few_and_ten_are_not(spelling):
    values = np.tile(np.array([0.5, 1.0, 2.0, 4.0], FORMATS[spelling]), 3)
    assert_no_fit(wg.fit_weibull(values[:9]), "too_few")
    ten = wg.fit_weibull(values[:10])
    assert (ten.status, ten.reason) == ("ok", "")
    assert all(math.isfinite(getattr(ten, name)) for name in NUMBERS)


def test_it_is_the_fitted_elements_that_must_be_ten():
    nine = np.arange(1.0, 10)
    padded = np.concatenate([nine, np.zeros(50), np.full(50, np.nan)])
    fit = wg.fit_weibull(padded)
    assert_no_fit(fit, "too_few")
    assert (fit.n, fit.zeros, fit.nonfinite) == (9, 50, 50)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("n", [100, 300_000])
@EVERY_FORMAT
def test_one_or_two_magnitudes_are_degenerate(spelling, n, exact):
    for parts in ([(1.0, n)], [(0.5, n // 2), (2.0, n // 2)]):
        values = filled(spelling, *parts)
        assert_no_fit(wg.fit_weibull(values, exact=exact), "degenerate")
        assert wg.quantiles(values, [0, 1]).tolist() == [parts[0][0], parts[-1][0]]


@EVERY_FORMAT
def test_three_magnitudes_are_enough(spelling):
    values = filled(spelling, (0.5, 40), (1.0, 30), (2.0, 30))
    fit = wg.fit_weibull(values)
    expected = order_fit(magnitudes(as_float64(values)))
    assert fit.status == "ok"
    # A handful of distinct magnitudes: sums in doubles.
    assert (fit.k, fit.lam) == relative((expected.k, expected.lam), rel=1e-12)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("n", [100, 1_000_000])
@EVERY_FORMAT
def test_one_magnitude_in_the_window_is_degenerate(spelling, n, exact):
    # Three magnitudes in all, but the middle 80 % are equal: no line through one point.
    values = filled(spelling, (0.5, n // 50), (1.0, n - n // 25), (2.0, n // 50))
    assert_no_fit(wg.fit_weibull(values, exact=exact), "degenerate")
    assert wg.fit_weibull(values, trim="full", exact=exact).status == "ok"


@pytest.mark.parametrize("spelling", SIGNED_ZERO)
def test_sparse_begins_above_ten_per_cent(spelling):
    body = np.tile(np.array([0.5, 1.0, 2.0], FORMATS[spelling]), 3000)
    at_limit = wg.fit_weibull(np.concatenate([body, np.zeros(1000, body.dtype)]))
    above = wg.fit_weibull(np.concatenate([body, np.zeros(1001, body.dtype)]))
    assert (at_limit.status, at_limit.reason, at_limit.zeros) == ("ok", "", 1000)
    assert (above.status, above.zeros) == ("sparse", 1001)
    assert len(above.reason) > 5
    for name in NUMBERS:
        # Zeros have no part in the numbers.
        assert getattr(above, name) == getattr(at_limit, name)
        assert math.isfinite(getattr(above, name))


@pytest.mark.parametrize("n", [1000, 200_000])
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("spelling", ["BF16", "F16", "F8_E5M2", "F32", "F64"])
def test_nonfinite_and_zero_elements_change_counts_alone(spelling, exact, n):
    body = draw("uniform", spelling, n)
    body[body == 0] = 1
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], np.float64).astype(body.dtype)
    mixed = np.random.default_rng(0).permutation(np.concatenate([body, special.repeat(7)]))
    clean, got = wg.fit_weibull(body, exact=exact), wg.fit_weibull(mixed, exact=exact)
    assert (got.n, got.zeros, got.nonfinite) == (n, 14, 21)
    assert got.status == clean.status == "ok"
    for name in ("k", "lam", "r2"):
        # The same promise on both sides; at 200,000 the path is not the same number of elements.
        rel = 2e-12 if exact or n == 1000 or spelling not in ("F32", "F64") else 2e-8
        assert getattr(got, name) == relative(getattr(clean, name), rel=rel)
    assert got.max == clean.max


def test_nan_payloads_and_signs_are_all_nan():
    codes = np.uint32([0x7F800001, 0x7FC00000, 0x7FFFFFFF, 0xFF800001, 0xFFC00000, 0xFFFFFFFF])
    histogram = wg.magnitude_histogram(codes.view(np.float32))
    assert (histogram.nan, histogram.inf, histogram.n) == (6, 0, 0)
    infinite = np.uint32([0x7F800000, 0xFF800000]).view(np.float32)
    assert wg.magnitude_histogram(infinite).inf == 2


@given(st.lists(st.floats(width=32), max_size=40), st.sampled_from(TRIMS), st.booleans())
def test_no_content_of_an_array_raises(values, trim, exact):
    array = np.array(values, dtype=np.float32)
    for protocol in ("order", "paper"):
        fit = wg.fit_weibull(array, trim=trim, protocol=protocol, exact=exact)
        finite = np.isfinite(array)
        assert fit.n == np.count_nonzero(finite & (array != 0))
        assert fit.zeros == np.count_nonzero(array == 0)
        assert fit.nonfinite == np.count_nonzero(~finite)
        if fit.status in ("ok", "sparse"):
            assert all(math.isfinite(getattr(fit, name)) for name in ("k", "r2", "ks"))
            assert fit.k > 0
        else:
            assert_no_fit(fit, fit.status)


def test_statuses_in_a_checkpoint(tmp_path, write_checkpoint):
    def f32(values):
        data = np.asarray(values, np.float32)
        return "F32", data.shape, data.tobytes()

    body = draw("normal_1", "F32", 900)
    path = write_checkpoint(
        tmp_path / "model.safetensors",
        {
            "ok": f32(body),
            "sparse": f32(np.concatenate([body, np.zeros(200)])),
            "flat": f32(np.ones(300)),
            "hollow": f32(np.zeros((20, 3))),
            "short": f32([1, 2, 3]),
            "scalar": f32(1.5),
            "nothing": f32(np.empty((0, 4))),
            "ids": ("I64", (2,), bytes(16)),
        },
    )
    model = wg.fit(path)
    found = {s.tensor: s for s in model.slices}
    expected = {
        "ok": "ok",
        "sparse": "sparse",
        "flat": "degenerate",
        "hollow": "empty",
        "short": "too_few",
        "scalar": "too_few",
        "nothing": "empty",
        "ids": "not_applicable",
    }
    assert {name: s.status for name, s in found.items()} == expected
    records = {r["tensor"]: r for r in model.to_dict()["slices"]}
    for name, status in expected.items():
        fitted = status in ("ok", "sparse")
        assert (records[name]["k"] is not None) == fitted, name
        assert (records[name]["reason"] is None) == (status == "ok"), name
        assert records[name]["status"] == status
