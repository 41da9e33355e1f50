"""Codes of four bits in page-cached checkpoints: floats, with and without scales, and integers."""

from __future__ import annotations

import numpy as np
import pytest

import weightgauge as wg
from interleaving import Beside
from workloads import ARRAY_BYTES, increments, pure_read_of_all, random_f4, write_tensors

COLUMNS = 4096  # codes in a row
NAME = "model.layers.0.mlp.up_proj.weight"
SCALE = np.random.default_rng(12)
STORED = ["F4", "F4, zeros", "F4, half zeros", "MXFP4", "NVFP4"]


@pytest.fixture(scope="module", params=STORED)
def packed(request, tmp_path_factory):
    """Give a name, a file of F4 codes, the codes, and all arrays that a scan must read."""
    rows = ARRAY_BYTES * 2 // COLUMNS
    shares = {"F4, zeros": 1.0, "F4, half zeros": 0.5}
    codes = random_f4(rows * COLUMNS // 2, shares.get(request.param, 0.0))
    path = tmp_path_factory.mktemp("packed") / "model.safetensors"
    tensors = stored_as(request.param, codes, rows)
    write_tensors(path, tensors)
    yield request.param, path, codes, data_of(tensors)
    path.unlink()


def stored_as(what, codes, rows):
    """Return the tensors of a file by name, as `write_tensors` takes them."""
    if what == "MXFP4":
        scales = exponents(rows * COLUMNS // 32)
        return {
            f"{NAME}_blocks": ("U8", (rows, COLUMNS // 32, 16), codes),
            f"{NAME}_scales": ("U8", (rows, COLUMNS // 32), scales),
        }
    tensors = {NAME: ("F4", (rows, COLUMNS), codes)}
    if what == "NVFP4":
        # Positive numbers of E4M3 from 2 to 32; with a second scale it would not be decoded.
        scales = (0x40 + exponents(rows * COLUMNS // 16) % 32).astype(np.uint8)
        tensors[f"{NAME}_scale"] = ("F8_E4M3", (rows, COLUMNS // 16), scales)
    return tensors


def data_of(tensors):
    """Return the arrays of tensors: codes, and whatever makes weights of them."""
    return [data for _, _, data in tensors.values()]


def exponents(n):
    """Draw exponents of E8M0 around 2^-7, most of them one of four."""
    return np.clip(np.round(SCALE.normal(120, 1.2, n)), 110, 130).astype(np.uint8)


def fit_of(measure, path, data, codes, threads, what, group):
    """Measure the fit of a file with these arrays, of which one has the codes.

    Pure read is of all of them, because all must be read to know the weights.
    """
    return measure(
        # The sample for errors that know of rows and columns is measured in another file.
        lambda: wg.fit(path, threads=threads, errors="independent"),
        {
            "pure read": Beside(pure_read_of_all(data, threads)),
            "of the speed of an increment for two codes": Beside(increments(codes.size, threads)),
        },
        group=f"fit without a sample for errors, page-cached {group}",
        what=what,
        threads=threads,
        nbytes=sum(each.nbytes for each in data),
        elements=2 * codes.size,
    )


def test_four_bits(measure, packed, threads):
    what, path, codes, data = packed
    model = fit_of(measure, path, data, codes, threads, what, "codes of four bits")
    low, high = np.bincount(codes & 7, minlength=8), np.bincount(codes >> 4 & 7, minlength=8)
    item = model.slices[0]  # the scales have none that is fitted
    assert (item.zeros, item.n) == (low[0] + high[0], low[1:].sum() + high[1:].sum())


GROUP = 128  # codes that share a scale
PACKED = ["INT4", "INT4, zero points", "GPTQ", "AWQ", "AWQ, zero points"]


def packed_integers(what, codes, rows):
    """Return the tensors of a module whose random bytes are packed as a quantiser would."""
    groups = COLUMNS // GROUP
    scales = SCALE.normal(-6.6, 0.4, rows * groups)
    scales = np.exp2(scales).astype(np.float16)
    zeros = np.full(rows * groups // 8, 0x88888888, np.uint32)
    if what.endswith("zero points"):
        zeros = SCALE.integers(0, 1 << 32, rows * groups // 8, np.uint32)
    module = NAME.removesuffix("weight")
    if what.startswith("INT4"):
        tensors = {
            f"{NAME}_packed": ("I32", (rows, COLUMNS // 8), codes),
            f"{NAME}_scale": ("F16", (rows, groups), scales),
        }
        if "zero" in what:
            tensors[f"{NAME}_zero_point"] = ("I32", (rows // 8, groups), zeros)
        return tensors
    if what == "GPTQ":
        shape = (COLUMNS // 8, rows)
        zeros -= np.uint32(0x11111111)  # stored less one
    else:
        shape = (COLUMNS, rows // 8)
    return {
        f"{module}qweight": ("I32", shape, codes),
        f"{module}qzeros": ("I32", (groups, rows // 8), zeros),
        f"{module}scales": ("F16", (groups, rows), scales),
    }


@pytest.mark.parametrize("what", PACKED)
def test_packed_integers(measure, tmp_path, what, threads):
    rows = ARRAY_BYTES * 2 // COLUMNS // 8 * 8
    codes = random_f4(rows * COLUMNS // 2)
    path = tmp_path / "model.safetensors"
    tensors = packed_integers(what, codes, rows)
    write_tensors(path, tensors)
    data = data_of(tensors)
    model = fit_of(measure, path, data, codes, threads, what, "integers of four bits")
    item = next(each for each in model.slices if each.fitted)
    assert item.n + item.zeros == 2 * codes.size
    if "zero" not in what:
        assert item.zeros == np.count_nonzero(codes & 15 == 8) + np.count_nonzero(codes >> 4 == 8)
    path.unlink()
