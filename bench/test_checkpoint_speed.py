"""Checkpoints in the page cache, through the public API: large matrices, and many small ones."""

from __future__ import annotations

import math

import pytest
import safetensors

import weightgauge as wg
from interleaving import Beside
from reference import expected_fit
from weightgauge import _core
from weightgauge.anatomy.components import Component
from weightgauge.anatomy.layouts import Slice
from weightgauge.magnitudes.options import FitOptions
from weightgauge.scanning.plan import ScanPlan
from weightgauge.scanning.run import file_specs, scan_slices
from workloads import (
    ARRAY_BYTES,
    MEGABYTES,
    decoder_shapes,
    mixed_shapes,
    pure_read,
    small_shapes,
    write_checkpoint,
)

# Both the reference and the package sum doubles over a few million ranks.
TOLERANCE = 1e-10


@pytest.fixture(scope="module", params=[1.5, 6.0])
def decoder(request, tmp_path_factory):
    """File, its weights in memory, and the expected fit of each tensor.

    In two sizes: opening, naming and the table's objects take a few milliseconds whatever the size.
    """
    path = tmp_path_factory.mktemp("decoder") / "model.safetensors"
    shapes = decoder_shapes(int(ARRAY_BYTES * request.param))
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


def counting(path, io, threads):
    """Return a call that counts a checkpoint and fits nothing."""
    checkpoint = wg.open_checkpoint(path)
    plan = ScanPlan(checkpoint, scales_apart=True)
    for tensor in checkpoint.tensors:
        plan.add(tensor, None, None)
    files = file_specs(checkpoint, plan)
    options = FitOptions(threads=threads).to_core(fit=False)
    slices = plan.to_core()
    return lambda: _core.scan_files(files, slices, io=io, progress=None, options=options)


@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_whole_checkpoint(measure, decoder, io, threads):
    path, weights, expected = decoder
    model = measure(
        lambda: wg.fit(path, io=io, threads=threads),
        {
            "pure read": Beside(pure_read(weights, threads)),
            "of the speed in memory": Beside(lambda: wg.fit_weibull(weights, threads=threads)),
            "of counting alone": Beside(counting(path, io, threads)),
        },
        group="fit, page-cached BF16 checkpoint",
        what=f"{len(expected)} tensors, {weights.nbytes / 1e6:.0f} MB, {io}",
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
    """Measure the scan alone: it reads no header, classifies no names and builds no table."""
    path, weights, expected = experts
    checkpoint = wg.open_checkpoint(path)
    slices = [Slice(tensor, Component("other"), tensor.shape) for tensor in checkpoint.tensors]
    options = FitOptions(threads=threads)
    found = measure(
        lambda: scan_slices(checkpoint, slices, options),
        {"pure read": Beside(pure_read(weights, threads))},
        group="slices of 4,096 BF16, page-cached",
        what=f"scan, {weights.size // 4096:,} slices",
        threads=threads,
        nbytes=weights.nbytes,
        elements=weights.size,
        slices=weights.size // 4096,
    )
    names = (tensor.name for tensor in checkpoint.tensors)
    fits = (found.fit(row) for row in range(len(found)))
    assert_slices(dict(zip(names, fits, strict=True)), expected)


def test_large_and_tiny_tensors(measure, tmp_path, threads):
    """Measure whether threads have work to the end; `busy` below 100 % means that some waited."""
    path = tmp_path / "model.safetensors"
    shapes = mixed_shapes(ARRAY_BYTES)
    weights = write_checkpoint(path, shapes)
    model = measure(
        lambda: wg.fit(path, threads=threads),
        {"pure read": Beside(pure_read(weights, threads))},
        group="fit, page-cached BF16 checkpoint",
        what=f"{len(shapes):,} tensors, large and tiny",
        threads=threads,
        nbytes=weights.nbytes,
        elements=weights.size,
    )
    assert sum(item.n + item.zeros for item in model.slices) == weights.size
    path.unlink()


def test_opening(measure, tmp_path):
    """Measure header and names alone: 10,000 tensors have one element each."""
    path = tmp_path / "model.safetensors"
    shapes = {f"model.layers.{i // 100}.mlp.experts.{i % 100}.up_proj": (1, 1) for i in range(9900)}
    weights = write_checkpoint(path, shapes | {f"norm.{i}.weight": (1,) for i in range(100)})

    def names():
        with safetensors.safe_open(path, "np") as file:
            return list(file.keys())

    checkpoint = measure(
        lambda: wg.open_checkpoint(path),
        {"x as fast as safetensors": Beside(names)},
        group="Opening a checkpoint",
        what="10,000 tensors",
        threads=1,
        nbytes=weights.nbytes,
        elements=weights.size,
    )
    assert len(checkpoint.tensors) == 10_000


def assert_slices(fits, expected):
    for name, wanted in expected.items():
        fit = fits[name]
        assert (fit.status, fit.n) == ("ok", wanted.n), name
        assert fit.k == pytest.approx(wanted.k, rel=TOLERANCE), name
        assert fit.lam == pytest.approx(wanted.lam, rel=TOLERANCE), name
