"""Magnitudes below the normal range, with bins as wide as they are: KS and root mean square."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import weightgauge as wg
from closeness import relative
from oracle import ks_distance, magnitudes, order_fit, root_mean_square
from samples import FORMATS, TRIMS, as_float64
from weightgauge.errors import HistogramFileError

N = 200_000  # more than are sorted without being asked
SMALLEST = {"F32": 2.0**-149, "F64": 2.0**-1074}
NORMAL = {"F32": 2.0**-126, "F64": 2.0**-1022}
# What bins with a width of 2^-13 of their magnitudes leave open about the root mean square.
RMS_BINNED = 4e-9
KS_BINNED = 2e-4


def gaussian(spelling: str, scale: float, n: int = N) -> np.ndarray:
    draws = scale * np.random.default_rng(5).standard_normal(n)
    with np.errstate(under="ignore", over="ignore"):
        return draws.astype(FORMATS[spelling])


def with_a_small_share(smallest: float, share: float, top: float) -> np.ndarray:
    """F32: a share of one subnormal magnitude below the window, the rest log-uniform in it."""
    few = int(share * N)
    draws = np.random.default_rng(6).uniform(np.log(2e-38), np.log(top), N - few)
    return np.concatenate((np.full(few, smallest * SMALLEST["F32"]), np.exp(draws))).astype("f4")


def assert_right(values: np.ndarray, *, trim: str = "mid_80", exact: bool = False) -> None:
    x = magnitudes(as_float64(values))
    fit = wg.fit_weibull(values, trim=trim, exact=exact)
    wanted = order_fit(x, trim)
    assert (fit.k, fit.lam, fit.r2) == relative(
        (wanted.k, wanted.lam, wanted.r2), rel=1e-12 if fit.exact else 1e-8
    )
    rounding = 1e-13 * (1 + fit.k)
    ks = ks_distance(x, fit.k, fit.lam)
    assert fit.ks == pytest.approx(ks, abs=rounding if fit.exact else KS_BINNED)
    assert fit.exact or not exact


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("share", [0.03, 0.09, 0.0999])
@pytest.mark.parametrize("smallest", [1, 20, 1000, 5000])
def test_distance_inside_a_bin_that_reaches_down_to_zero(smallest, share, exact):
    """The window sees nothing of that bin, and all of the largest distance lies inside it."""
    for top in (1e-30, 1.0):
        assert_right(with_a_small_share(smallest, share, top), exact=exact)


@pytest.mark.parametrize("trim", TRIMS)
@pytest.mark.parametrize("units", [1, 16, 500, 3000, 1e5])
@pytest.mark.parametrize("spelling", ["F32", "F64"])
def test_distances_of_subnormal_and_of_mixed_magnitudes(spelling, units, trim):
    small = gaussian(spelling, units * SMALLEST[spelling])
    if spelling == "F32":  # lambda of the smallest doubles has itself no more than a few digits
        assert_right(small, trim=trim)
    mixed = np.concatenate((small[: N // 2], gaussian(spelling, 4 * NORMAL[spelling])))
    assert_right(mixed, trim=trim)


def test_distance_of_a_histogram_says_by_how_much_it_may_be_short():
    for top in (1e-30, 1.0):
        values = with_a_small_share(1, 0.0999, top)
        fit = wg.magnitude_histogram(values).fit()
        right = ks_distance(magnitudes(as_float64(values)), fit.k, fit.lam)
        assert fit.ks < right - KS_BINNED  # bins alone cannot tell
        assert fit.ks <= right <= fit.ks + fit.ks_bound


SCALES = {
    "F32": [SMALLEST["F32"] * units for units in (1, 3, 50, 1000, 1e4, 1e6)] + [1.0, 5e37],
    "F64": [SMALLEST["F64"] * units for units in (1, 50, 1e6, 1e14)] + [1e-300, 1.0, 3e307],
    "BF16": [2.0**-133, 2.0**-130, 2.0**-126, 1.0, 5e37],
    "F16": [2.0**-24, 2.0**-20, 2.0**-14, 1.0, 1e4],
    "F8_E4M3": [2.0**-9, 2.0**-7, 1.0, 200.0],
    "F8_E5M2": [2.0**-16, 2.0**-14, 1.0, 2e4],
    "F4": [0.5, 2.0],
}


@pytest.mark.parametrize(
    ("spelling", "scale"), [(each, scale) for each, scales in SCALES.items() for scale in scales]
)
def test_root_mean_square_of_every_size(spelling, scale):
    values = gaussian(spelling, scale)
    small = values[:1000]  # sorted, or counted, whatever the format
    others = gaussian(spelling, 1.0)[: N // 2]
    for each in (values, small, np.concatenate((values, others))):
        wanted = root_mean_square(as_float64(each))
        assert np.isfinite(wanted)
        found = wg.magnitude_histogram(each)
        numbers = [wg.fit_weibull(each), wg.fit_weibull(each, exact=True), found]
        for number in numbers:
            assert number.rms == relative(wanted, rel=1e-13 if found.exact else RMS_BINNED)
            assert number.rms <= number.max


@pytest.mark.parametrize("spelling", ["F32", "F64"])
def test_root_mean_square_of_mixtures(spelling):
    """From a pinch of subnormal magnitudes among larger ones to the reverse."""
    for share in (1e-5, 0.01, 0.5, 0.999):
        for units in (3, 1e4):
            values = gaussian(spelling, NORMAL[spelling])
            few = int(share * N)
            values[:few] = gaussian(spelling, units * SMALLEST[spelling], few)
            values[few : few + 7] = [0, np.nan, np.inf, -np.inf, 0, 0, -0.0]
            wanted = root_mean_square(as_float64(values))
            for number in (wg.fit_weibull(values), wg.magnitude_histogram(values)):
                assert number.rms == relative(wanted, rel=RMS_BINNED)
                assert number.rms <= number.max


@pytest.mark.parametrize("value", [0.1234567, 1.0, 3e-42, 1e-45, 3.4e38])
def test_root_mean_square_of_one_magnitude_is_that_magnitude(value):
    for spelling in ("F32", "F64"):
        values = np.full(N, value, FORMATS[spelling])
        fit = wg.fit_weibull(values)
        assert fit.rms == relative(fit.max, rel=1e-13)
        assert fit.rms <= fit.max
        # Of F64 a histogram of bins leaves out the last 22 bits.
        found = wg.magnitude_histogram(values)
        assert found.rms == relative(found.max, rel=1e-13 if spelling == "F32" else RMS_BINNED)
        assert found.rms <= found.max


@pytest.mark.parametrize("spelling", ["F32", "F64"])
def test_no_placement_inside_bins_makes_a_root_mean_square_above_the_maximum(spelling):
    bits = {"F32": (np.uint32, 10), "F64": (np.uint64, 39)}[spelling]
    codes = np.abs(gaussian(spelling, 1.0)).view(bits[0])
    low = bits[0]((1 << bits[1]) - 1)
    for place in (0, int(low), int(low) // 2):
        placed = codes & ~low | bits[0](place)
        placed[::1000] = codes[::1000]  # or there would be so few magnitudes that they have no bins
        values = placed.view(FORMATS[spelling])
        found = wg.magnitude_histogram(values)
        assert not found.exact
        assert found.rms == relative(root_mean_square(values), rel=RMS_BINNED)


def test_root_mean_square_is_kept_and_added_up(tmp_path):
    few, many = gaussian("F32", 5 * SMALLEST["F32"]), gaussian("F32", 300 * SMALLEST["F32"])
    counted = wg.magnitude_histogram(few)
    counted.save(tmp_path / "few.safetensors")
    again = wg.MagnitudeHistogram.load(tmp_path / "few.safetensors")
    assert again == counted
    assert again.rms == counted.rms == pickle.loads(pickle.dumps(counted)).rms
    short = few[:1000]  # an exact histogram, which is put into bins when it is added
    cases = {"bins": (few, many), "exact": (few, short), "zeros": (few, np.zeros(50, "f4"))}
    for parts in (*cases.values(), (few, gaussian("F32", 1.0))):
        total = sum(wg.magnitude_histogram(part) for part in parts)
        assert total.rms == relative(root_mean_square(np.concatenate(parts)), rel=RMS_BINNED)


def test_a_root_mean_square_above_the_maximum_is_no_histogram(tmp_path):
    from safetensors import safe_open
    from safetensors.numpy import save_file

    path = tmp_path / "few.safetensors"
    wg.magnitude_histogram(gaussian("F32", 5 * SMALLEST["F32"])).save(path)
    with safe_open(path, framework="np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    for wrong in ("1.0", "-1e-45", "nan", "much"):
        save_file(tensors, path, {**metadata, "rms": wrong})
        with pytest.raises(HistogramFileError):
            wg.MagnitudeHistogram.load(path)


def test_root_mean_square_of_a_scanned_model(tmp_path):
    """By file, by saved counts, and by bytes that are fed in pieces."""
    from safetensors.numpy import save_file

    from weightgauge.scanning.feed import FedScan

    rows = gaussian("F32", 5 * SMALLEST["F32"]).reshape(400, 500)
    save_file({"model.layers.0.mlp.up_proj.weight": rows}, tmp_path / "model.safetensors")
    wanted = relative(root_mean_square(rows), rel=1e-12)
    assert wg.fit(tmp_path).slices[0].rms == wanted
    kept = wg.scan(tmp_path)
    kept.save(tmp_path / "model.wghist")
    again = wg.ModelHistograms.load(tmp_path / "model.wghist")
    assert kept.slices[0].fit.rms == again.slices[0].fit.rms == wanted
    assert again.slices[0].histogram().rms == wanted
    scan = FedScan(wg.open_checkpoint(tmp_path))
    content = (tmp_path / "model.safetensors").read_bytes()
    while ranges := scan.wanted():
        for shard, start, stop in ranges:
            for piece in range(start, stop, 70_001):
                end = min(stop, piece + 70_001)
                scan.feed(shard, piece, content[piece:end])
    assert scan.finish().slices[0].rms == wanted
