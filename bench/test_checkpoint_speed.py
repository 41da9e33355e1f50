"""Checkpoints in the page cache, through the public API: large matrices, and many small ones."""

from __future__ import annotations

import math

import pytest

import weightgauge as wg
from interleaving import Beside
from reference import expected_fit
from weightgauge.scan import scan_checkpoint
from workloads import (
    ARRAY_BYTES,
    MEGABYTES,
    decoder_shapes,
    pure_read,
    small_shapes,
    write_checkpoint,
)

# Sums of doubles over a few million ranks, in the reference as in the package.
TOLERANCE = 1e-10


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    """File, its weights in memory, and the expected fit of each tensor."""
    path = tmp_path_factory.mktemp("decoder") / "model.safetensors"
    shapes = decoder_shapes(ARRAY_BYTES * 3 // 2)
    weights = write_checkpoint(path, shapes)
    yield path, weights, _expected(shapes, weights, list(shapes))
    path.unlink()


@pytest.fixture(scope="module")
def experts(tmp_path_factory):
    path = tmp_path_factory.mktemp("experts") / "model.safetensors"
    shapes = small_shapes(max(200, int(20_000 * min(1.0, MEGABYTES / 128))))
    weights = write_checkpoint(path, shapes)
    sample = list(shapes)[:: max(1, len(shapes) // 25)]
    yield path, weights, _expected(shapes, weights, sample)
    path.unlink()


def _expected(shapes, weights, names):
    found, begin = {}, 0
    for name, shape in shapes.items():
        end = begin + math.prod(shape)
        if name in names:
            found[name] = expected_fit(weights[begin:end])
        begin = end
    return found


@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_whole_checkpoint(measure, decoder, io, threads):
    path, weights, expected = decoder
    model = measure(
        lambda: wg.fit(path, io=io, threads=threads),
        {
            "pure read": Beside(pure_read(weights, threads)),
            "of the speed in memory": Beside(lambda: wg.fit_weibull(weights, threads=threads)),
        },
        group="fit, page-cached BF16 checkpoint",
        what=f"{len(expected)} tensors, {io}",
        threads=threads,
        nbytes=weights.nbytes,
        elements=weights.size,
    )
    assert len(model.slices) == len(expected)
    assert_slices({item.tensor: item for item in model.slices}, expected)


def test_many_small_slices(measure, experts, threads):
    path, weights, expected = experts
    model = measure(
        lambda: wg.fit(path, threads=threads),
        {"pure read": Beside(pure_read(weights, threads))},
        group="slices of 4,096 BF16, page-cached",
        what=f"fit, {weights.size // 4096:,} slices",
        threads=threads,
        nbytes=weights.nbytes,
        elements=weights.size,
        slices=weights.size // 4096,
    )
    assert {(item.status, item.n + item.zeros) for item in model.slices} == {("ok", 4096)}
    assert_slices({item.tensor: item for item in model.slices}, expected)


def test_scan_of_small_slices(measure, experts, threads):
    """The scan alone: no header to read, no names to classify, no table to build."""
    path, weights, expected = experts
    checkpoint = wg.open_checkpoint(path)
    fits = measure(
        lambda: scan_checkpoint(checkpoint, checkpoint.tensors, threads=threads),
        {"pure read": Beside(pure_read(weights, threads))},
        group="slices of 4,096 BF16, page-cached",
        what=f"scan, {weights.size // 4096:,} slices",
        threads=threads,
        nbytes=weights.nbytes,
        elements=weights.size,
        slices=weights.size // 4096,
    )
    names = (tensor.name for tensor in checkpoint.tensors)
    assert_slices(dict(zip(names, fits, strict=True)), expected)


def assert_slices(fits, expected):
    for name, wanted in expected.items():
        fit = fits[name]
        assert (fit.status, fit.n) == ("ok", wanted.n), name
        assert fit.k == pytest.approx(wanted.k, rel=TOLERANCE), name
        assert fit.lam == pytest.approx(wanted.lam, rel=TOLERANCE), name
