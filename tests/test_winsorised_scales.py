"""Scales of rows and columns that outliers do not decide: the core beside NumPy, and hard cases."""

from __future__ import annotations

import math

import numpy as np
import pytest

import oracle
import weightgauge as wg
from diagnosed import LAYER, NAMES, joined, stored
from samples import FORMATS
from weightgauge import _core
from weightgauge.diagnosis.balanced import balanced_gaussian_k
from weightgauge.magnitudes.options import FitOptions
from weightgauge.scanning import open_slices
from weightgauge.scanning.derived import scan_balanced
from winsorised import balanced

SHAPES = [(256, 256), (70, 999), (999, 70), (16, 9000), (300, 8), (3, 40), (40, 3), (8, 7)]
LEVELS = str(_core.build_info()["kernels_available"]).split(", ")
TENSOR = LAYER.format(0, NAMES["o"])


def fit_of(path, weights, threads=1):
    """Fit one balanced matrix of a file; its largest magnitude is known, as after a scan."""
    subject = open_slices(path)
    size = np.abs(weights.astype(np.float64))
    largest = float(size[np.isfinite(size)].max(initial=0.0))
    options = FitOptions(threads=threads)
    (fit,) = scan_balanced(subject.checkpoint, subject.slices, [largest], options)
    return fit


@pytest.fixture
def core(tmp_path, write_checkpoint):
    """Give a function that balances and fits a matrix as it is stored in a format."""

    def call(weights, spelling="F32", threads=1):
        path = write_checkpoint(tmp_path / "m.safetensors", {TENSOR: stored(weights, spelling)})
        return fit_of(path, weights.astype(FORMATS[spelling]), threads)

    return call


def fields(shape, rng, spread):
    """A scale for each row and each column, with this standard deviation of its logarithm."""
    rows, columns = (np.exp(rng.normal(0, spread, n)) for n in shape)
    return rows[:, None] * columns


def with_outliers(weights, rng, size=60.0, count=32):
    """Put elements of so many standard deviations anywhere."""
    found = weights.copy()
    at = rng.choice(weights.size, count, replace=False)
    found.flat[at] = size * rng.choice([-1, 1], count)
    return found


def damaged(weights, rng):
    """Add a row and a column of zeros, zeros, outliers, and what is not finite."""
    found = with_outliers(weights, rng, 30 * np.abs(weights).max(), max(1, weights.size // 500))
    found[rng.random(found.shape) < 0.1] = 0
    found[found.shape[0] // 2] = 0
    found[:, found.shape[1] // 3] = 0
    found.flat[rng.choice(found.size, 3, replace=False)] = [np.inf, -np.inf, np.nan]
    return found


@pytest.mark.parametrize("spelling", ["BF16", "F16", "F32", "F64", "F8_E5M2"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_core_agrees_with_numpy(core, spelling, shape):
    rng = np.random.default_rng(math.prod(shape))
    clean = rng.normal(size=shape) * fields(shape, rng, 0.5)
    for weights in (clean, damaged(clean, rng)):
        exact = oracle.magnitudes(balanced(weights.astype(FORMATS[spelling])))
        found = core(weights, spelling)
        assert found.n == exact.size
        wanted = oracle.order_fit(exact)
        # Sums in another order may round a quotient to the next float32.
        assert (found.k, found.lam, found.r2) == pytest.approx(
            (wanted.k, wanted.lam, wanted.r2), rel=2e-8
        )


@pytest.mark.parametrize("spelling", ["F8_E4M3", "F8_E4M3FNUZ", "BF16"])
@pytest.mark.parametrize("zeros", [0.0, 0.5, 0.97])
def test_few_values_and_many_zeros_agree_with_numpy(core, spelling, zeros):
    """More than half of most samples is zero, so that whole rows give the medians."""
    rng = np.random.default_rng(8)
    weights = rng.normal(0, 0.3, (200, 180)) * (rng.random((200, 180)) >= zeros)
    found = core(weights, spelling)
    wanted = oracle.order_fit(oracle.magnitudes(balanced(weights.astype(FORMATS[spelling]))))
    assert found.k == pytest.approx(wanted.k, rel=2e-8)


@pytest.mark.parametrize("seed", range(5))
def test_outliers_heavy_tails_and_scales_do_not_mislead(core, seed):
    """The four cases of docs/statistics.md, and what a root mean square would have said."""
    rng = np.random.default_rng(seed)
    shape = (256, 256)
    gaussian = rng.normal(size=shape)
    anchor = balanced_gaussian_k(*shape)
    clean = core(gaussian)
    near = 4 * clean.k_se
    assert clean.k == pytest.approx(anchor, abs=near)
    spiked = with_outliers(gaussian, rng)
    assert core(spiked).k == pytest.approx(anchor, abs=near)
    assert core(spiked).k == pytest.approx(clean.k, abs=0.002)
    spiked_fields = spiked * fields(shape, rng, 0.3)
    assert core(spiked_fields).k == pytest.approx(clean.k, abs=0.002)
    assert wg.fit_weibull(spiked_fields).k < 1.15
    for matrix in (spiked, spiked_fields):
        rows, columns = np.sqrt((matrix**2).mean(1)), np.sqrt((matrix**2).mean(0))
        assert wg.fit_weibull(matrix / rows[:, None] / columns).k < 1.05
    heavy = rng.standard_t(2, shape)
    assert core(heavy).k == pytest.approx(wg.fit_weibull(heavy).k, abs=0.02)


@pytest.mark.parametrize("factor", [1e-3, 20.0, 1e3])
@pytest.mark.parametrize("share", [0.02, 0.4])
@pytest.mark.parametrize("axis", [0, 1])
def test_scales_far_apart_are_found(core, factor, share, axis):
    """Columns must start from medians too: two sweeps alone would reach a factor of 14."""
    rng = np.random.default_rng(6)
    weights = rng.normal(size=(256, 256))
    uneven = weights.copy()
    which = rng.choice(256, int(share * 256), replace=False)
    np.moveaxis(uneven, axis, 0)[which] *= factor
    assert core(uneven).k == pytest.approx(core(weights).k, abs=0.001)


def test_zeros_do_not_count_towards_scales(core):
    """Rows of a Gaussian matrix that lack a tenth to nine tenths of their elements."""
    rng = np.random.default_rng(7)
    shape = (512, 512)
    kept = rng.random(shape) < rng.uniform(0.1, 0.9, (512, 1))
    found = core(rng.normal(size=shape) * kept)
    assert found.k == pytest.approx(balanced_gaussian_k(*shape, kept.mean()), abs=4 * found.k_se)


@pytest.mark.parametrize("shape", [(1, 500), (500, 1), (1, 1)])
def test_one_row_or_column_leaves_nothing_to_fit(core, shape):
    """Each element is the scale of its row or column: all magnitudes become the same."""
    weights = np.random.default_rng(1).normal(size=shape)
    found = core(weights)
    assert math.isnan(found.k) and found.n == weights.size
    assert np.allclose(np.abs(balanced(weights)), 1, rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_matrices_without_any_element_that_counts(core, value):
    found = core(np.full((40, 50), value))
    assert found.n == 0 and math.isnan(found.k)


@pytest.mark.parametrize("spelling", ["BF16", "F64"])
def test_one_element_among_zeros(core, spelling):
    weights = np.zeros((40, 50))
    weights[3, 4] = 5.0
    assert core(weights, spelling).n == 1


def test_bits_depend_neither_on_threads_nor_on_instructions(core):
    rng = np.random.default_rng(2)
    weights = damaged(rng.normal(size=(700, 1001)) * fields((700, 1001), rng, 0.5), rng)
    wanted = core(weights, "BF16", threads=1)
    assert all(core(weights, "BF16", threads=threads) == wanted for threads in (2, 3, 7))
    try:
        for level in LEVELS:
            _core.use_kernels(level)
            assert core(weights, "BF16") == wanted, level
    finally:
        _core.use_kernels("auto")


def test_sparse_matrices_are_beside_gaussian_ones_with_as_many_zeros(tmp_path, write_checkpoint):
    rng = np.random.default_rng(3)
    shape = (128, 128)
    thin = rng.normal(size=shape) * (rng.random(shape) < 0.2)
    thinner = rng.normal(size=shape) * (rng.random(shape) < 0.05)  # three elements a row and column
    tensors = {
        LAYER.format(0, NAMES["q"]): stored(thin),
        LAYER.format(0, NAMES["k"]): stored(thinner),
    }
    path = write_checkpoint(tmp_path / "m.safetensors", tensors)
    found = wg.diagnose(path, balanced=True)
    cores = {
        item.kind: each for item, each in zip(found.slices, found.balanced, strict=True) if each
    }
    assert set(cores) == {"q"}
    assert cores["q"].k_gaussian > balanced_gaussian_k(*shape) + 0.015
    assert cores["q"].k == pytest.approx(cores["q"].k_gaussian, abs=4 * cores["q"].k_se)


def test_pruned_rows_of_unequal_scale_are_not_told_to_be_tails_of_unequal_scale(
    tmp_path, write_checkpoint
):
    """Small weights of a whole matrix are zero: k lies below Gaussian's, and far above balanced."""
    rng = np.random.default_rng(5)
    weights = rng.normal(size=(256, 256)) * fields((256, 256), rng, 1.0)
    weights[np.abs(weights) < np.quantile(np.abs(weights), 0.3)] = 0
    tensors = {LAYER.format(0, NAMES["o"]): stored(weights)}
    found = wg.diagnose(write_checkpoint(tmp_path / "m.safetensors", tensors), balanced=True)
    assert found.kinds[0].k_median < 1.2 < 1.3 < found.kinds[0].k_core_median
    assert "pruned, so that k says nothing of the training: o." in joined(found)
    assert "equal scale" not in joined(found)
