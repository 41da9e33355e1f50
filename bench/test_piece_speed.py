"""Pieces of tensors and decoded values, beside whole tensors; files are in the page cache."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from interleaving import Beside
from reference import expected_fit
from weightgauge.diagnosis.balanced import balanced_gaussian_k
from weightgauge.magnitudes.options import FitOptions
from weightgauge.scanning import open_slices
from weightgauge.scanning.derived import scan_balanced, scan_differences
from weightgauge.scanning.run import scan_slices
from workloads import ARRAY_BYTES, write_checkpoint

# Both the reference and the package sum doubles over a few million ranks.
TOLERANCE = 1e-10
HEADS = 32
GROUP = "pieces of page-cached BF16 tensors"


@pytest.fixture(scope="module")
def square(tmp_path_factory):
    """Give a directory with one attention output, and its weights."""
    side = math.isqrt(ARRAY_BYTES // 2) // 64 * 64
    directory = tmp_path_factory.mktemp("square")
    name = "model.layers.0.self_attn.o_proj.weight"
    weights = write_checkpoint(directory / "model.safetensors", {name: (side, side)})
    config = {"model_type": "llama", "num_attention_heads": HEADS, "hidden_size": side}
    (directory / "config.json").write_text(json.dumps(config))
    yield directory, weights.reshape(side, side)
    (directory / "model.safetensors").unlink()


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Give a directory with experts whose gate and up alternate in every row, and their weights."""
    rows = max(64, ARRAY_BYTES // 2 // 8 // 2048)
    directory = tmp_path_factory.mktemp("stack")
    name = "model.layers.0.mlp.experts.gate_up_proj"
    weights = write_checkpoint(directory / "model.safetensors", {name: (8, rows, 2048)})
    config = {"model_type": "gpt_oss", "num_local_experts": 8}
    (directory / "config.json").write_text(json.dumps(config))
    yield directory, weights.reshape(8, rows, 2048)
    (directory / "model.safetensors").unlink()


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """Give a directory with an embedding of few columns, and its weights."""
    columns = 64
    rows = ARRAY_BYTES // 2 // columns
    directory = tmp_path_factory.mktemp("narrow")
    name = "model.embed_tokens.weight"
    weights = write_checkpoint(directory / "model.safetensors", {name: (rows, columns)})
    yield directory, weights.reshape(rows, columns)
    (directory / "model.safetensors").unlink()


def whole(path, threads):
    """Return a call that counts and fits the tensor as a whole."""
    subject = open_slices(path)
    item = subject.slices[0]._replace(cut=None)
    return lambda: scan_slices(subject.checkpoint, [item], FitOptions(threads=threads))


def measured(measure, call, path, weights, threads, what):
    return measure(
        call,
        {"of the whole tensor's speed": Beside(whole(path, threads))},
        group=GROUP,
        what=what,
        threads=threads,
        nbytes=weights.nbytes,
        elements=weights.size,
    )


def measured_pieces(measure, path, weights, threads, per, what):
    """Return the fit of every piece of a tensor by its place; one pass counts all of them."""
    subject = open_slices(path, per=per)
    options = FitOptions(threads=threads)
    found = measured(
        measure,
        lambda: scan_slices(subject.checkpoint, subject.slices, options),
        path,
        weights,
        threads,
        what,
    )
    return {item.place: found.fit(row) for row, item in enumerate(subject.slices)}


def assert_like(fit, values):
    expected = expected_fit(np.ascontiguousarray(values).ravel())
    assert (fit.k, fit.lam) == pytest.approx((expected.k, expected.lam), rel=TOLERANCE)


def test_columns_of_heads(measure, square, threads):
    path, weights = square
    what = f"o by {HEADS} heads, columns"
    fits = measured_pieces(measure, path, weights, threads, "head", what)
    by_head = {place.head: fit for place, fit in fits.items()}
    width = weights.shape[1] // HEADS
    for head in (0, HEADS - 1):
        assert_like(by_head[head], weights[:, head * width : (head + 1) * width])


def test_interleaved_experts(measure, stack, threads):
    path, weights = stack
    what = "gate and up of 8 experts, interleaved"
    fits = measured_pieces(measure, path, weights, threads, "expert", what)
    by_part = {(place.part, place.expert): fit for place, fit in fits.items()}
    for i, part in enumerate(("gate", "up")):
        assert_like(by_part[part, 7], weights[7, :, i::2])


def measured_balance(measure, path, weights, threads, what):
    """Balance and fit a matrix of Gaussian weights; balancing leaves them as they are."""
    subject = open_slices(path)
    options = FitOptions(threads=threads)
    (fit,) = measured(
        measure,
        lambda: scan_balanced(subject.checkpoint, subject.slices, [0.1], options),
        path,
        weights,
        threads,
        what,
    )
    assert fit.k == pytest.approx(balanced_gaussian_k(*weights.shape), abs=4 * fit.k_se)


def test_balanced(measure, square, threads):
    path, weights = square
    what = "rows and columns brought to equal scale, three passes"
    measured_balance(measure, path, weights, threads, what)


def test_balanced_narrow(measure, narrow, threads):
    path, weights = narrow
    what = f"{weights.shape[1]} columns brought to equal scale, a median a row"
    measured_balance(measure, path, weights, threads, what)


def test_difference(measure, square, threads):
    path, weights = square
    subject = open_slices(path)
    pair = (subject.slices[0], subject.slices[0])
    (found,) = measured(
        measure,
        lambda: scan_differences(
            subject.checkpoint, subject.checkpoint, [pair], FitOptions(threads=threads)
        ),
        path,
        weights,
        threads,
        "difference of a tensor and itself",
    )
    assert found.changed == 0
