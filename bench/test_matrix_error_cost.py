"""Errors that know of rows and columns: their cost beside a fit without them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from safetensors.numpy import save_file

from interleaving import Beside
from weightgauge.magnitudes.options import FitOptions
from weightgauge.scanning import open_slices
from workloads import ARRAY_BYTES, BF16, decoder_shapes, small_shapes

GROUP = "standard errors of matrices, page-cached files"


def encoder_shapes() -> dict[str, tuple[int, ...]]:
    """Return names and shapes of a sentence encoder of 384 columns and six blocks."""
    shapes = {}
    for block in range(6):
        prefix = f"encoder.layer.{block}"
        for name in ("query", "key", "value"):
            shapes[f"{prefix}.attention.self.{name}.weight"] = (384, 384)
        shapes[f"{prefix}.attention.output.dense.weight"] = (384, 384)
        shapes[f"{prefix}.intermediate.dense.weight"] = (1536, 384)
        shapes[f"{prefix}.output.dense.weight"] = (384, 1536)
    return shapes


MODELS = {
    "decoder, BF16": (decoder_shapes(2 * ARRAY_BYTES), BF16),
    "encoder of 384 columns, F32": (encoder_shapes(), np.dtype(np.float32)),
    "matrices of 64 x 64, BF16": (small_shapes(2_000), BF16),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model(measure, name, threads, tmp_path):
    shapes, dtype = MODELS[name]
    rng = np.random.default_rng(5)
    made = {
        tensor: (rng.standard_normal(shape, np.float32) * 0.02).astype(dtype)
        for tensor, shape in shapes.items()
    }
    path = tmp_path / "model.safetensors"
    save_file(made, path)
    subject = open_slices(path)
    sampled, independent = (
        FitOptions(threads=threads, errors=errors) for errors in ("sampled", "independent")
    )
    elements = sum(map(math.prod, shapes.values()))
    found = measure(
        lambda: subject.fits(sampled),
        {"of the speed without them": Beside(lambda: subject.fits(independent))},
        group=GROUP,
        what=f"{name}, {len(shapes):,} tensors",
        threads=threads,
        nbytes=elements * dtype.itemsize,
        elements=elements,
    )
    alone = subject.fits(independent)
    assert [(item.k, item.k_se) for item in found] == [(item.k, item.k_se) for item in alone]
    assert all(item.k_se_matrix >= item.k_se for item in found if item.spread is not None)
