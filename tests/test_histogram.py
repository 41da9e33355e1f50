"""Magnitude histograms: counts, merging, saving, and what is derived from them."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import weightgauge as wg
from closeness import relative
from oracle import inverted_cdf, ks_distance, magnitudes, order_fit
from samples import FORMATS, NARROW, TRIMS, WIDE, as_float64, draw
from weightgauge.errors import HistogramFileError, OutputExistsError

CODE = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
LARGEST_COUNTED_APART = 131_072


def assert_counts(histogram, values):
    """Compare a lossless histogram with np.unique of the decoded values."""
    decoded = as_float64(values).ravel()
    expected, counts = np.unique(magnitudes(decoded), return_counts=True)
    assert histogram.exact
    assert histogram.magnitudes.dtype == np.float64
    assert histogram.counts.dtype == np.uint64
    np.testing.assert_array_equal(histogram.magnitudes, expected)
    np.testing.assert_array_equal(histogram.counts, counts)
    assert histogram.n == expected_size(decoded)
    assert histogram.zeros == np.count_nonzero(decoded == 0)
    assert histogram.nan == np.count_nonzero(np.isnan(decoded))
    assert histogram.inf == np.count_nonzero(np.isinf(decoded))
    assert histogram.nonfinite == histogram.nan + histogram.inf


def expected_size(decoded):
    return np.count_nonzero(np.isfinite(decoded) & (decoded != 0))


def codes_of(spelling, n):
    """Strategy: arrays of any bit patterns of a format."""
    dtype = FORMATS[spelling]
    patterns = 16 if spelling == "F4" else 2 ** (8 * dtype.itemsize)
    integers = hnp.from_dtype(np.dtype(CODE[dtype.itemsize]), max_value=patterns - 1)
    return hnp.arrays(CODE[dtype.itemsize], n, elements=integers).map(lambda a: a.view(dtype))


@st.composite
def arrays(draw_from, spellings=tuple(FORMATS), n=None):
    spelling = draw_from(st.sampled_from(spellings))
    return draw_from(codes_of(spelling, n if n is not None else st.integers(0, 60)))


@st.composite
def pairs(draw_from):
    spelling = draw_from(st.sampled_from(tuple(FORMATS)))
    sizes = st.integers(0, 40)
    return draw_from(codes_of(spelling, sizes)), draw_from(codes_of(spelling, sizes))


@given(arrays())
def test_any_bit_patterns_are_counted_as_np_unique_counts_them(values):
    assert_counts(wg.magnitude_histogram(values), values)


@given(pairs())
def test_merging_is_the_histogram_of_both(pair):
    first, second = map(wg.magnitude_histogram, pair)
    both = wg.magnitude_histogram(np.concatenate(pair))
    assert first.merge(second) == both
    assert second + first == both


@settings(max_examples=30)
@given(arrays())
def test_saving_and_loading_returns_the_same(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("histogram") / "h.safetensors"
    histogram = wg.magnitude_histogram(values)
    histogram.save(path)
    loaded = wg.MagnitudeHistogram.load(path)
    assert loaded == histogram
    assert loaded.dtype == histogram.dtype
    assert_counts(loaded, values)


@given(arrays(n=40), st.randoms(use_true_random=False))
def test_order_and_sign_do_not_matter(values, random):
    order = list(range(values.size))
    random.shuffle(order)
    shuffled = values[order]
    histogram = wg.magnitude_histogram(values)
    assert wg.magnitude_histogram(shuffled) == histogram
    # E8M0 has no sign, and the two FNUZ formats have their NaN where -0 would be.
    if values.dtype in (FORMATS["F16"], FORMATS["F32"], FORMATS["F64"]):
        assert wg.magnitude_histogram(-values) == histogram


@given(arrays(n=50), st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_quantiles_of_a_histogram_are_those_of_the_data(values, probs):
    x = magnitudes(as_float64(values))
    got = wg.magnitude_histogram(values).quantiles(probs)
    if x.size:
        np.testing.assert_array_equal(got, inverted_cdf(x, probs))
    else:
        assert np.isnan(got).all()


@pytest.mark.parametrize("repeat", [1, 40])
@pytest.mark.parametrize("spelling", ["BF16", "F16"])
def test_all_65536_patterns(spelling, repeat):
    # Each pattern a number of times of its own, so that a swapped pair would show; `repeat`
    # brings the array to several million elements and over any 16-bit intermediate count.
    patterns = np.arange(65_536, dtype=np.uint16)
    weights = 1 + (patterns.astype(np.uint32) * 2_654_435_761 >> 7) % 5
    codes = np.tile(np.repeat(patterns, weights), repeat)
    values = np.random.default_rng(0).permutation(codes).view(FORMATS[spelling])
    assert_counts(wg.magnitude_histogram(values), values)


@pytest.mark.parametrize("spelling", [s for s, d in NARROW.items() if d.itemsize == 1])
def test_all_patterns_of_narrow_formats(spelling):
    patterns = np.arange(16 if spelling == "F4" else 256, dtype=np.uint8)
    codes = np.repeat(patterns, 1 + patterns.astype(int) * 7 % 11)
    values = np.random.default_rng(0).permutation(codes).view(FORMATS[spelling])
    assert_counts(wg.magnitude_histogram(values), values)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 63, 64, 65, 4095, 65_537, 2**20 - 1, 2**20 + 3])
@pytest.mark.parametrize("spelling", ["BF16", "F16", "F8_E4M3", "F8_E5M2FNUZ"])
def test_sizes_around_vector_and_block_lengths(spelling, size):
    values = draw("normal_1", spelling, size)
    assert_counts(wg.magnitude_histogram(values), values)


@pytest.mark.parametrize("spelling", ["BF16", "F16", "F8_E4M3"])
@pytest.mark.parametrize("heavy", [0.0, 0.5, np.nan, np.inf])
def test_one_pattern_many_times(spelling, heavy):
    # Far more than 65,535 of one pattern, odd in number, among others.
    values = draw("normal_1", spelling, 300_001)
    values[5:299_990] = heavy
    assert_counts(wg.magnitude_histogram(values), values)


@pytest.mark.parametrize("spelling", FORMATS)
def test_dtype_is_spelled_as_safetensors_does(spelling):
    assert wg.magnitude_histogram(np.ones(3, FORMATS[spelling])).dtype == spelling


@pytest.mark.parametrize("spelling", WIDE)
def test_wide_arrays_are_lossless_up_to_131072_elements(spelling):
    values = draw("normal_1", spelling, LARGEST_COUNTED_APART)
    assert_counts(wg.magnitude_histogram(values), values)
    assert not wg.magnitude_histogram(draw("normal_1", spelling, LARGEST_COUNTED_APART + 1)).exact


@pytest.mark.parametrize("spelling", WIDE)
@pytest.mark.parametrize("distribution", ["normal_0.02", "far_clusters", "lattice", "narrow_7.3"])
def test_bins_of_larger_wide_arrays(spelling, distribution):
    values = draw(distribution, spelling, 200_000)
    values[:3] = np.nan, np.inf, -np.inf
    values[3] = -0.0
    x = magnitudes(values)
    histogram = wg.magnitude_histogram(values)
    assert (histogram.nan, histogram.inf) == (1, 2)
    assert histogram.zeros == np.count_nonzero(values == 0)
    assert histogram.n == x.size == int(histogram.counts.sum())
    assert (histogram.counts > 0).all()
    assert (np.diff(histogram.magnitudes) > 0).all()
    # Bins hold runs of the sorted data: at most 2^-13 wide, each reported by its mean.
    first = np.concatenate(([0], np.cumsum(histogram.counts)[:-1])).astype(np.int64)
    lowest, highest = np.minimum.reduceat(x, first), np.maximum.reduceat(x, first)
    assert (highest / lowest - 1).max() <= 2.0**-13
    means = np.add.reduceat(x / x[first].repeat(histogram.counts.astype(np.int64)), first)
    means *= x[first] / histogram.counts
    # A mean of float32 values summed in integers or doubles; a bin's centre instead would be
    # off by up to half a bin, 6e-5.
    np.testing.assert_allclose(histogram.magnitudes, means, rtol=1e-9)


@pytest.mark.parametrize("spelling", WIDE)
def test_merging_binned_histograms(spelling):
    first, second = draw("normal_1", spelling, 150_000), draw("t3", spelling, 140_000)
    both = wg.magnitude_histogram(np.concatenate([first, second]))
    merged = wg.magnitude_histogram(first) + wg.magnitude_histogram(second)
    assert not merged.exact
    assert merged.n == both.n
    np.testing.assert_array_equal(merged.counts, both.counts)
    # Means of means: the same numbers up to rounding.
    np.testing.assert_allclose(merged.magnitudes, both.magnitudes, rtol=1e-12)


def test_merging_does_not_change_its_parts():
    values = draw("normal_1", "BF16", 1000)
    first, second = wg.magnitude_histogram(values), wg.magnitude_histogram(values)
    merged = first.merge(second)
    assert first == second
    assert merged != first
    assert merged.n == 2 * first.n


def test_histograms_can_be_summed():
    parts = [draw("normal_1", "F16", 1_000, seed) for seed in range(3)]
    histograms = [wg.magnitude_histogram(part) for part in parts]
    assert sum(histograms) == wg.magnitude_histogram(np.concatenate(parts))
    assert sum(histograms[:1]) == histograms[0]
    with pytest.raises(TypeError):
        sum(histograms, 1)


def test_formats_do_not_merge():
    first = wg.magnitude_histogram(draw("normal_1", "BF16", 100))
    second = wg.magnitude_histogram(draw("normal_1", "F16", 100))
    with pytest.raises((ValueError, TypeError), match=r"BF16.*F16|F16.*BF16"):
        first.merge(second)


def test_equality_sees_every_part():
    base = np.array([1.0, 2.0, 2.0, 3.0], np.float16)
    histogram = wg.magnitude_histogram(base)
    assert histogram == wg.magnitude_histogram(base)
    for extra in (0.0, np.nan, np.inf, 1.0, 5.0):
        assert histogram != wg.magnitude_histogram(np.append(base, np.float16(extra)))
    assert histogram != wg.magnitude_histogram(base.astype(np.float32))
    assert histogram != "a histogram"


@pytest.mark.parametrize("trim", TRIMS)
@pytest.mark.parametrize("protocol", ["order", "paper"])
@pytest.mark.parametrize("spelling", ["BF16", "F16", "F8_E4M3"])
def test_fit_of_a_histogram_is_the_fit_of_the_array(spelling, protocol, trim):
    values = draw("normal_1", spelling, 20_000)
    fit = wg.magnitude_histogram(values).fit(trim=trim, protocol=protocol)
    direct = wg.fit_weibull(values, trim=trim, protocol=protocol)
    # The same counts give the same numbers, whichever way they came.
    assert fit.to_dict() == direct.to_dict()


@pytest.mark.parametrize("distribution", ["normal_0.02", "narrow_1", "ties", "mixture"])
@pytest.mark.parametrize("spelling", WIDE)
def test_fit_of_a_small_wide_histogram_is_exact(spelling, distribution):
    values = draw(distribution, spelling, 3000)
    expected = order_fit(magnitudes(values))
    fit = wg.magnitude_histogram(values).fit()
    # Lossless counts: the promise of exact fits.
    assert (fit.k, fit.lam, fit.r2) == relative((expected.k, expected.lam, expected.r2), rel=1e-12)


def test_fit_of_a_merged_histogram_is_the_fit_of_all_data():
    parts = [draw("normal_1", "BF16", n, seed=n) for n in (1000, 2345, 70_000)]
    histograms = [wg.magnitude_histogram(part) for part in parts]
    fit = (histograms[0] + histograms[1] + histograms[2]).fit()
    assert fit.to_dict() == wg.fit_weibull(np.concatenate(parts)).to_dict()


@pytest.mark.parametrize("spelling", ["BF16", "F8_E4M3", "F64"])
@pytest.mark.parametrize(("k", "lam"), [(1.2, 0.9), (0.5, 3.0), (8.0, 1.0)])
def test_ks_against_any_weibull(spelling, k, lam):
    values = draw("normal_1", spelling, 5000)
    got = wg.magnitude_histogram(values).ks(k, lam)
    # A few roundings of numbers below 1; (x/lambda)^8 carries eight of them.
    assert got == pytest.approx(ks_distance(magnitudes(as_float64(values)), k, lam), abs=1e-14)


def test_ks_by_hand():
    # F(x) = 1 - exp(-x) at 1/2 and 2 against steps 0 -> 3/4 -> 1.
    histogram = wg.magnitude_histogram(np.array([0.5, -0.5, 0.5, 2.0]))
    expected = max(1 - math.exp(-0.5), 0.75 - 1 + math.exp(-0.5), 1 - math.exp(-2) - 0.75)
    assert histogram.ks(1.0, 1.0) == pytest.approx(expected, abs=1e-15)


def test_saving_never_overwrites_unasked(tmp_path):
    path = tmp_path / "h.safetensors"
    first = wg.magnitude_histogram(draw("normal_1", "BF16", 100))
    second = wg.magnitude_histogram(draw("normal_1", "BF16", 200))
    first.save(path)
    with pytest.raises(OutputExistsError, match=r"h\.safetensors"):
        second.save(path)
    assert wg.MagnitudeHistogram.load(path) == first
    second.save(path, force=True)
    assert wg.MagnitudeHistogram.load(path) == second
    assert [p.name for p in tmp_path.iterdir()] == ["h.safetensors"]


@pytest.mark.parametrize("spelling", ["BF16", "F32"])
def test_a_damaged_file_is_refused(tmp_path, spelling):
    good, bad = tmp_path / "good", tmp_path / "bad"
    wg.magnitude_histogram(draw("normal_1", spelling, 50)).save(good)
    content = good.read_bytes()
    for length in [*range(0, len(content), 97), len(content) - 1]:
        bad.write_bytes(content[:length])
        with pytest.raises(HistogramFileError):
            wg.MagnitudeHistogram.load(bad)
    for garbage in (b"garbage" * 100, content + b"x", b"{}", b"\x80\x04N."):
        bad.write_bytes(garbage)
        with pytest.raises(HistogramFileError):
            wg.MagnitudeHistogram.load(bad)


def test_a_checkpoint_is_not_a_histogram(tmp_path, write_checkpoint):
    path = write_checkpoint(tmp_path / "model.safetensors", {"w": ("F32", (2,), bytes(8))})
    with pytest.raises(HistogramFileError):
        wg.MagnitudeHistogram.load(path)


def test_loading_what_is_not_there(tmp_path):
    with pytest.raises(HistogramFileError, match="nothing"):
        wg.MagnitudeHistogram.load(tmp_path / "nothing")


def test_arrays_of_a_histogram_cannot_be_changed_from_outside():
    histogram = wg.magnitude_histogram(np.array([1.0, 2.0, 3.0]))
    copy = wg.magnitude_histogram(np.array([1.0, 2.0, 3.0]))
    for array in (histogram.counts, histogram.magnitudes):
        try:
            array[0] = 7
        except ValueError:
            assert not array.flags.writeable
    assert histogram == copy


@pytest.mark.parametrize("spelling", ["BF16", "F8_E4M3", "F32", "F64"])
def test_histograms_travel_to_other_processes(spelling):
    values = np.random.default_rng(1).normal(size=(400, 400)).astype(FORMATS[spelling])
    histogram = wg.magnitude_histogram(values)
    assert pickle.loads(pickle.dumps(histogram)) == histogram
    assert copy.deepcopy(histogram) == histogram


@pytest.mark.parametrize("by", [0.37, -3.0, 0.0, math.inf, math.nan, 1e-44, 3e38])
@pytest.mark.parametrize("spelling", ["BF16", "F16", "F8_E4M3", "F8_E5M2", "F4", "F32"])
def test_scaled_counts_are_those_of_scaled_values(spelling, by):
    values = np.random.default_rng(2).normal(size=3_000).astype(FORMATS[spelling])
    values[:5] = 0
    if spelling in ("BF16", "F16", "F32", "F8_E5M2"):
        values[5:8] = (np.inf, -np.inf, np.nan)
    with np.errstate(all="ignore"):
        wanted = values.astype(np.float32) * np.float32(by)
    assert wg.magnitude_histogram(values).scaled(by) == wg.magnitude_histogram(wanted)


def test_bins_and_doubles_are_not_scaled():
    for values in (np.random.default_rng(3).normal(size=(400, 400)).astype(np.float32), [1.0, 2.0]):
        with pytest.raises(ValueError, match="can be scaled"):
            wg.magnitude_histogram(values).scaled(2.0)
